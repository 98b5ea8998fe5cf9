import { openBuildHost } from '../build/open-host.ts';
import { planImage } from '../build/plan-image.ts';
import { renderDiagnostic } from '../diagnostics/render.ts';
import { BUILD_FLAGS } from './build-flags.ts';
import { defineCommand, oneOf } from './command.ts';
import { textFlag } from './flag-table.ts';
import { planJson, renderPlan } from './plan-report.ts';
import { prepareBuild } from './prepare-build.ts';

const FORMATS = ['text', 'json'] as const;

/** `stagecraft plan`: what `stagecraft build` would do with the same flags. */
export const plan = defineCommand({
  usage: '[OPTIONS] PATH | URL | -',
  summary: 'Show what a build would run, and why',
  flags: {
    ...BUILD_FLAGS,
    format: textFlag('FORMAT', '"text" or "json"'),
  },
  words: { min: 1, max: 1, expected: 'one build context, a directory, a URL or "-"' },
  async run({ flags, words: [contextWord = ''] }, context) {
    const format = oneOf('--format', flags.format ?? 'text', FORMATS);
    const { request, hostOptions } = await prepareBuild(flags, contextWord, context);
    await using host = await openBuildHost(
      {
        ...hostOptions,
        emit: (event) => {
          if (event.type !== 'diagnostic') return;
          context.stderr.write(`${renderDiagnostic(event.diagnostic)}\n\n`);
        },
      },
      context.signal,
    );
    const planned = await planImage(request, host, context.signal);
    context.stdout.write(
      format === 'json'
        ? `${JSON.stringify(planJson(planned), undefined, 2)}\n`
        : renderPlan(planned),
    );
    return 0;
  },
});
