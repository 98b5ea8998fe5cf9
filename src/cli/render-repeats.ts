import { formatBytes } from './format.ts';

/** What a step copied from the layers below for nothing, and what to do instead. */
export function renderRepeats({
  files,
  bytes,
}: {
  readonly files: number;
  readonly bytes: number;
}): string {
  const what = files === 1 ? '1 file' : `${String(files)} files`;
  return `${formatBytes(bytes)} twice in the image: ${what} of layers below got another mode, owner or name. COPY --chmod, --chown or the right destination costs nothing.`;
}
