import { visibleLine } from '../diagnostics/visible-text.ts';
import type { StageMeasure, WrittenImage } from '../events/event.ts';
import { formatBytes, formatSeconds, renderTable } from './format.ts';

/** What each stage weighs and left behind, as a table; empty when no stage was measured. */
export function renderStageTable(stages: readonly StageMeasure[]): string {
  if (stages.length === 0) return '';
  const rows = stages.map((stage) => [
    visibleLine(stage.name ?? `stage ${String(stage.index)}`) + (stage.isTarget ? ' *' : ''),
    visibleLine(stage.baseName.replace(HUB, '').replace(DIGEST, '$1')),
    formatBytes(stage.totalBytes),
    formatBytes(stage.addedBytes),
    stage.isTarget ? '-' : formatBytes(stage.leftBehindBytes),
    formatSeconds(stage.durationMs),
  ]);
  return renderTable([['STAGE', 'BASE', 'SIZE', 'ADDED', 'LEFT BEHIND', 'TIME'], ...rows]);
}

/** As users write names of Docker Hub; with it, the table is too wide for many terminals. */
const HUB = /^docker\.io\/(library\/)?/;

/** Digests are cut to what tells them apart. */
const DIGEST = /(@sha256:[0-9a-f]{12})[0-9a-f]+/;

/** `Wrote image app:latest, sha256:…, 6.2MB`. */
export function renderWrittenImage(image: WrittenImage): string {
  const size = image.bytes === undefined ? '' : `, ${formatBytes(image.bytes)}`;
  return `Wrote ${visibleLine(image.destination)}, ${visibleLine(image.digest)}${size}`;
}
