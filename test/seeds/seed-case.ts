/** The five texts that users learn multi-stage builds from, by what kind of text they are. */
export const SEED_DOCUMENTS = ['chapter', 'tutorial', 'guide', 'article', 'module'] as const;

/** One of {@link SEED_DOCUMENTS}. */
export type SeedDocument = (typeof SEED_DOCUMENTS)[number];

/** An instruction of a text that cannot be built as it is, and what stands for it. */
export interface Replacement {
  /** The instruction, continuation lines joined, each run of blanks one blank. */
  readonly text: string;
  /** In the same form; empty when nothing stands for it. */
  readonly by: string;
}

/** How a service is asked. */
export interface ServiceCheck {
  /** In the container. */
  readonly port: number;
  readonly path?: string;
  /** A part of the answer. */
  readonly answers: string;
  /** Instead of the command of the image. */
  readonly command?: readonly string[];
}

/** How a program that ends is run. */
export interface ProgramCheck {
  /** Instead of the command of the image. */
  readonly command?: readonly string[];
  /** A part of what it prints to either stream. */
  readonly prints: string;
}

/** A Dockerfile of a text, completed where the text leaves something out. */
export interface SeedCase {
  /** The heading in the text. */
  readonly section: string;
  /** What of the section it is. */
  readonly title: string;
  readonly dockerfile: string;
  /** Folders of examples/ that the context is made of. */
  readonly examples?: readonly string[];
  /** More files of the context, path → text. */
  readonly files?: Readonly<Record<string, string>>;
  /** Words of the build command besides the context and the tag. */
  readonly flags?: readonly string[];
  /** Paths that the image has; a slash at the end for directories. */
  readonly has?: readonly string[];
  /** Paths that stages or the context have and the image does not have, nor anything below them. */
  readonly lacks?: readonly string[];
  /** The same for what no stage has: never installed, or removed again by the step that made it. */
  readonly without?: readonly string[];
  readonly service?: ServiceCheck;
  readonly program?: ProgramCheck;
  /** The build fails, and this is a part of what is printed. */
  readonly fails?: string;
  readonly replaced?: readonly Replacement[];
  /** What differs from the text and why; what of the text is wrong. In the summary. */
  readonly notes?: readonly string[];
  /** Among the few that `npm test` runs. */
  readonly isQuick?: boolean;
}
