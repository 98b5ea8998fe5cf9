import { buildImage, type BuildResult } from '../build/build-image.ts';
import { isTidyDue } from '../build/tidy-due.ts';
import { openBuildHost } from '../build/open-host.ts';
import type { WrittenImage } from '../events/event.ts';
import { BUILD_FLAGS, type BuildFlagValues } from './build-flags.ts';
import { writeResultFiles } from './build-results.ts';
import { defineCommand, oneOf, type CommandContext } from './command.ts';
import { chooseProgress, createProgress, openProgressEnvironment } from './create-progress.ts';
import { answerToForeignFlag } from './foreign-flags.ts';
import { createHeldProgress } from './held-progress.ts';
import { prepareBuild } from './prepare-build.ts';
import { openBuildRecorder } from './record-build.ts';
import type { ProgressKind } from './progress.ts';

const PROGRESS_KINDS = ['auto', 'plain', 'tty', 'json', 'quiet', 'none'] as const;

/** `stagecraft build`. */
export const build = defineCommand({
  usage: '[OPTIONS] PATH | URL | -',
  summary: 'Build an image from a Dockerfile',
  flags: BUILD_FLAGS,
  ignoresEmptyTexts: true,
  answerTo: answerToForeignFlag,
  words: { min: 1, max: 1, expected: 'one build context, a directory, a URL or "-"' },
  async run({ flags, words: [contextWord = ''], hasWarned }, context) {
    const { env, cwd, signal } = context;
    const asked = askedProgress(flags, context);
    const kind = chooseProgress(asked, context.stderr, env);
    const prepared = await prepareBuild(flags, contextWord, context);
    const { request, hostOptions, gc } = prepared;
    if (flags.call !== undefined || flags.check === true) {
      const { readCall, runCall } = await import('./call.ts');
      const call = readCall(flags);
      if (call !== undefined) {
        await using host = await openBuildHost({ ...hostOptions, emit: () => undefined }, signal);
        const { text, status, errors } = await runCall(call, request, host, signal);
        context.stdout.write(text);
        if (errors.length > 0) throw new AggregateError(errors, 'The Dockerfile cannot be built');
        return status;
      }
    }

    const written: WrittenImage[] = [];
    const ran = new Set<number>();
    const display = createProgress(kind, context.stderr, openProgressEnvironment(env));
    const progress = createHeldProgress(display);
    const recorder = hasWarned
      ? undefined
      : openBuildRecorder({ flags, request, host: hostOptions, progress: asked });
    let result: BuildResult;
    try {
      await using host = await openBuildHost(
        {
          ...hostOptions,
          emit: (event) => {
            if (event.type === 'image-written') written.push(event.image);
            if (event.type === 'op-done') ran.add(event.op);
            progress.emit(event);
            recorder?.note(event);
          },
          noteReads: recorder && ((reads) => recorder.noteReads(reads)),
          terminal: {
            borrow: (work) => progress.hold(async () => work(await isOnTerminal())),
          },
        },
        signal,
      );
      result = await buildImage(request, host, signal);
    } finally {
      progress.close();
    }
    writeResultFiles(flags, cwd, result, written);
    if (kind === 'quiet') context.stdout.write(`${result.id}\n`);
    recorder?.keep(result.id);
    // A build that took all from the cache has left nothing to tidy.
    if (ran.size > 0 && gc.isEnabled && isTidyDue(hostOptions.root, context.now())) {
      const { startTidying } = await import('./tidy.ts');
      startTidying(hostOptions.root, context);
    }
    return 0;
  },
});

/** Where a shell can have job control and line editing. */
async function isOnTerminal(): Promise<boolean> {
  const { isatty } = await import('node:tty');
  return isatty(0) && isatty(1);
}

/** `-q`, else `--progress`, else BUILDKIT_PROGRESS as with Docker, else what the terminal can do (`auto`). */
function askedProgress(flags: BuildFlagValues, context: CommandContext): ProgressKind | 'auto' {
  if (flags.quiet === true) return 'quiet';
  const fromEnv = context.env['BUILDKIT_PROGRESS'] ?? '';
  const named = flags.progress ?? (fromEnv === '' ? 'auto' : fromEnv);
  const written = flags.progress === undefined ? 'BUILDKIT_PROGRESS' : '--progress';
  const word = named === 'rawjson' ? 'json' : named;
  return oneOf(written, word, PROGRESS_KINDS);
}
