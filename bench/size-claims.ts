/** What a text says that several stages save, and the example it is measured with. */
export interface SizeClaim {
  readonly text: string;
  readonly name: string;
  /** As in the text. */
  readonly claimed: {
    readonly single: string;
    readonly multi: string;
    /** Percent, a whole number first. */
    readonly reduction: string;
  };
  readonly example: string;
  readonly single: string;
  readonly multi: string;
  /** Why the reduction is not reached; without one, not reaching it is an error. */
  readonly reason?: string;
}

const NODE = { example: 'node-api', single: 'Dockerfile.single', multi: 'Dockerfile' } as const;
const GO = {
  example: 'go-service',
  single: 'Dockerfile.single-full',
  multi: 'Dockerfile',
} as const;
const PYTHON = { example: 'python-api', single: 'Dockerfile.single', multi: 'Dockerfile' } as const;
const REACT = { example: 'react-app', single: 'Dockerfile.single', multi: 'Dockerfile' } as const;
const JAVA = { example: 'java-maven', single: 'Dockerfile.single', multi: 'Dockerfile' } as const;

const SMALL_REACT =
  'the image is 31 MB, as the stand-in for nginx:alpine has the nginx of Debian; its one stage has few packages, on a stand-in of 871 MB';
const SLIM_PYTHON =
  "nearly all of the image is its base: the stand-in for the slim image has Debian's Python with pip and venv, and the one with compilers weighs less than the text says";
const DEBIAN_JAVA =
  "the stand-ins have Debian's Java: its JDK with Maven weighs 435 MB, less than the text says, and its JRE 256 MB, more than the text says";
const HEAVY_NODE =
  'the image is 123 MB, less than the text says; its one stage is on a stand-in of 871 MB, where the text has more than 1 GB';

const claim = (single: string, multi: string, reduction: string): SizeClaim['claimed'] => ({
  single,
  multi,
  reduction,
});

/** The size tables and figures of the texts. */
export const SIZE_CLAIMS: readonly SizeClaim[] = [
  { text: 'tutorial', name: 'Node.js', claimed: claim('1.2 GB', '200 MB', '83 %'), ...NODE },
  { text: 'tutorial', name: 'Go', claimed: claim('800 MB', '10 MB', '99 %'), ...GO },
  {
    text: 'tutorial',
    name: 'Python',
    claimed: claim('900 MB', '150 MB', '83 %'),
    ...PYTHON,
    reason: SLIM_PYTHON,
  },
  {
    text: 'tutorial',
    name: 'React',
    claimed: claim('2.5 GB', '25 MB', '99 %'),
    ...REACT,
    reason: SMALL_REACT,
  },
  {
    text: 'article',
    name: 'Node.js API',
    claimed: claim('1.2 GB', '150 MB', '87 %'),
    ...NODE,
    reason: HEAVY_NODE,
  },
  { text: 'article', name: 'Go API', claimed: claim('800 MB', '10 MB', '99 %'), ...GO },
  {
    text: 'article',
    name: 'React App',
    claimed: claim('1.1 GB', '25 MB', '98 %'),
    ...REACT,
    reason: SMALL_REACT,
  },
  {
    text: 'article',
    name: 'Python API',
    claimed: claim('900 MB', '200 MB', '78 %'),
    ...PYTHON,
    reason: SLIM_PYTHON,
  },
  {
    text: 'article',
    name: 'Java/Spring',
    claimed: claim('700 MB', '250 MB', '64 %'),
    ...JAVA,
    reason: DEBIAN_JAVA,
  },
  {
    text: 'chapter',
    name: 'Go on alpine',
    claimed: claim('1.1 GB', '15 MB', '98 %'),
    ...GO,
    multi: 'Dockerfile.alpine',
  },
  { text: 'chapter', name: 'Go on scratch', claimed: claim('1.1 GB', '10 MB', '99 %'), ...GO },
  {
    text: 'chapter',
    name: 'Java',
    claimed: claim('800 MB', '150 MB', '81 %'),
    ...JAVA,
    reason: DEBIAN_JAVA,
  },
  {
    text: 'guide',
    name: 'Go',
    claimed: claim('300 MB', '8 MB', '97 %'),
    ...GO,
    single: 'Dockerfile.single',
  },
  { text: 'module', name: 'Go', claimed: claim('805 MB', '5 MB', '99 %'), ...GO },
];

/** What a text says that a base image weighs. */
export interface BaseClaim {
  readonly name: string;
  /** As in the texts, of all that name it. */
  readonly claimed: string;
}

/** The figures of the texts for base images. */
export const BASE_CLAIMS: readonly BaseClaim[] = [
  { name: 'node:18', claimed: '1 GB' },
  { name: 'node:18-slim', claimed: 'over 200 MB (node:20-slim)' },
  { name: 'node:18-alpine', claimed: '130 to 150 MB' },
  { name: 'golang:1.21', claimed: '800 MB to 1.1 GB' },
  { name: 'golang:1.21-alpine', claimed: '300 MB' },
  { name: 'maven:3.9-eclipse-temurin-17', claimed: '800 MB' },
  { name: 'eclipse-temurin:17-jre-alpine', claimed: '150 MB' },
  { name: 'alpine:3.18', claimed: '5 MB' },
  { name: 'gcr.io/distroless/static', claimed: '2 MB' },
];
