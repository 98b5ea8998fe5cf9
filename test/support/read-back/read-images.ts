import { mkdtempSync, promises } from 'node:fs';
import { join } from 'node:path';
import type { BuiltImage } from './collect.ts';
import {
  createDockerReader,
  isDockersOwn,
  whyNotRun,
  type DockerClient,
  type DockerReader,
} from './docker.ts';
import { differences, type Files } from './file-lists.ts';
import { copyWithSkopeo } from './skopeo.ts';
import { unpackWithUmoci, whyUnreadable } from './umoci.ts';

/** The tools that there are here. */
export interface Tools {
  readonly hasSkopeo: boolean;
  readonly hasUmoci: boolean;
  readonly docker: DockerClient | undefined;
}

/** What came of reading images. */
export interface Readings {
  /** What was done → with how many images. */
  readonly counts: ReadonlyMap<string, number>;
  /** What is wrong: the image, where it comes from, the tool and what it said. */
  readonly faults: readonly string[];
}

/** What of an image nobody has read before. */
interface News {
  readonly manifest: boolean;
  readonly config: boolean;
  readonly shape: boolean;
}

/** So many images at a time. */
const LANES = 2;

/**
 * Reads images with all tools, and compares what they see of the files with one another and with what `export`
 * says. `isFirst` tells whether a digest was not read before: a manifest is read once by skopeo and by umoci;
 * a config, which is the same whatever form the layers have, is loaded once by Docker; and of images that
 * differ in nothing but times and contents of files, one is run. `dir` takes what is unpacked.
 */
export async function readImages(
  images: readonly BuiltImage[],
  tools: Tools,
  isFirst: (what: keyof News, digest: string) => boolean,
  dir: string,
): Promise<Readings> {
  const counts = new Map<string, number>();
  const docker = tools.docker && createDockerReader(tools.docker);
  const faults: string[] = [];
  // Those of stores before the same ones of archives and registries: of them, `export` has told the files.
  const left = [
    ...images.filter(({ files }) => files !== undefined),
    ...images.filter(({ files }) => files === undefined),
  ];
  const lane = async (): Promise<void> => {
    for (let image = left.shift(); image !== undefined; image = left.shift()) {
      const { digest, id, shape, origin } = image;
      const news = {
        manifest: isFirst('manifest', digest),
        config: isFirst('config', id),
        shape: isFirst('shape', shape),
      };
      const scratch = mkdtempSync(join(dir, 'reading-'));
      try {
        for await (const step of readImage(image, news, { ...tools, docker }, scratch)) {
          if ('did' in step) counts.set(step.did, (counts.get(step.did) ?? 0) + 1);
          else faults.push(`${digest}, ${origin}: ${step.fault}`);
        }
      } catch (error) {
        faults.push(
          `${digest}, ${origin}: ${error instanceof Error ? error.message : String(error)}`,
        );
      } finally {
        await promises.rm(scratch, { recursive: true });
      }
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return { counts, faults };
}

type Readers = Omit<Tools, 'docker'> & { readonly docker: DockerReader | undefined };
type Step = { readonly did: string } | { readonly fault: string };

/** @throws Error with what a tool said that does not read it */
async function* readImage(
  image: BuiltImage,
  news: News,
  tools: Readers,
  scratch: string,
): AsyncGenerator<Step> {
  const copy = join(scratch, 'copy');
  let known: readonly [string, Files] | undefined = image.files && ['export', image.files];
  if (news.manifest && tools.hasSkopeo) {
    await copyWithSkopeo(image, copy);
    yield { did: 'copied by skopeo' };
  }
  if (news.manifest && tools.hasUmoci) {
    const files = await unpackWithUmoci(image, copy, join(scratch, 'bundle'));
    const why = whyUnreadable(image);
    yield {
      did:
        why === undefined ? 'unpacked by umoci' : `unpacked by umoci from skopeo's copy, as ${why}`,
    };
    known ??= ['umoci', files];
    for (const fault of differences(['umoci', files], known)) yield { fault };
  }
  if (news.config && tools.docker !== undefined) {
    await tools.docker.load(image, scratch);
    yield { did: 'loaded by Docker' };
  }
  if (news.config && news.shape && tools.docker !== undefined) {
    const [, before] = known ?? ['', new Map<string, string>()];
    const files = await tools.docker.run(image, before);
    const why = whyNotRun(image, before);
    yield {
      did: why === undefined ? 'run by Docker' : `unpacked and not run by Docker, as ${why}`,
    };
    const isOwn = (path: string): boolean => isDockersOwn(path, before);
    for (const fault of differences(['Docker', files], known ?? ['Docker', files], isOwn)) {
      yield { fault };
    }
  }
}
