/** A command in the list that `stagecraft --help` prints. */
export interface CommandSummary {
  readonly name: string;
  readonly summary: string;
}

/** Every command for people, in the order of the list. Loaded before anything else: keep it free of imports. */
export const COMMAND_LIST: readonly CommandSummary[] = [
  { name: 'build', summary: 'Build an image from a Dockerfile' },
  { name: 'plan', summary: 'Show what a build would run, and why' },
  { name: 'explain', summary: 'Show why the steps of a build ran' },
  { name: 'builds', summary: 'List the last builds' },
  { name: 'run', summary: 'Run a command in a new container' },
  { name: 'ps', summary: 'List containers' },
  { name: 'logs', summary: 'Show what a container wrote' },
  { name: 'stop', summary: 'Stop containers' },
  { name: 'rm', summary: 'Remove containers' },
  { name: 'images', summary: 'List images' },
  { name: 'rmi', summary: 'Remove images' },
  { name: 'pull', summary: 'Fetch an image from a registry' },
  { name: 'push', summary: 'Send an image to a registry' },
  { name: 'tag', summary: 'Give an image another name' },
  { name: 'save', summary: 'Write images into an archive' },
  { name: 'load', summary: 'Read images from an archive' },
  { name: 'import', summary: 'Make an image of the files of an archive' },
  { name: 'export', summary: 'Write the files of an image into an archive' },
  { name: 'login', summary: 'Log in to a registry' },
  { name: 'logout', summary: 'Forget the credentials of a registry' },
  { name: 'list-tags', summary: 'List the tags that a registry has of an image' },
  { name: 'history', summary: 'Show how an image was made' },
  { name: 'inspect', summary: 'Show all there is to know of images and containers' },
  { name: 'du', summary: 'Show what takes room in the store' },
  { name: 'prune', summary: 'Remove what no image and no container needs' },
  { name: 'info', summary: 'Show what this host can do, and where things are kept' },
  { name: 'version', summary: 'Show the version' },
];

/** The text of `stagecraft --help`. */
export function renderOverview(): string {
  const width = Math.max(...COMMAND_LIST.map(({ name }) => name.length)) + 3;
  const rows = COMMAND_LIST.map(({ name, summary }) => `  ${name.padEnd(width)}${summary}`);
  return [
    'Usage: stagecraft COMMAND [OPTIONS]',
    '',
    'Builds multi-stage Dockerfiles into container images, without a daemon.',
    '',
    'Commands:',
    ...rows,
    '',
    'Run "stagecraft COMMAND --help" for the flags of a command.',
    '',
  ].join('\n');
}
