import { visibleLine } from '../diagnostics/visible-text.ts';
import type { KeyChange, MissReason, StageMeasure, WrittenImage } from '../events/event.ts';
import { formatBytes, formatSeconds, renderTable } from './format.ts';

/** What each stage weighs and left behind, as a table; empty when no stage was measured. */
export function renderStageTable(stages: readonly StageMeasure[]): string {
  if (stages.length === 0) return '';
  const rows = stages.map((stage) => [
    visibleLine(stage.name ?? `stage ${String(stage.index)}`) + (stage.isTarget ? ' *' : ''),
    visibleLine(stage.baseName),
    formatBytes(stage.totalBytes),
    formatBytes(stage.addedBytes),
    stage.isTarget ? '-' : formatBytes(stage.leftBehindBytes),
    formatSeconds(stage.durationMs),
  ]);
  return renderTable([['STAGE', 'BASE', 'SIZE', 'ADDED', 'LEFT BEHIND', 'TIME'], ...rows]);
}

/** `Wrote image app:latest, sha256:…, 6.2MB`. */
export function renderWrittenImage(image: WrittenImage): string {
  const size = image.bytes === undefined ? '' : `, ${formatBytes(image.bytes)}`;
  return `Wrote ${visibleLine(image.destination)}, ${visibleLine(image.digest)}${size}`;
}

/** Changes of one miss that are told; the rest is counted. */
const MAX_CHANGES = 3;
/** Chars of a value that are told. */
const MAX_VALUE_CHARS = 60;

/** Why a step has to run, in one line. */
export function renderMiss(reason: MissReason): string {
  switch (reason.kind) {
    case 'no-cache':
      return 'not cached: the cache is switched off for this step';
    case 'never-built':
      return 'not cached: never built before';
    case 'changed': {
      const told = reason.changes.slice(0, MAX_CHANGES).map(renderChange);
      const more = reason.changes.length - told.length;
      return `not cached: ${told.join('; ')}${more > 0 ? `; and ${String(more)} more` : ''}`;
    }
    default:
      return reason satisfies never;
  }
}

function renderChange({ part, before, after }: KeyChange): string {
  const name = visibleLine(part);
  if (before === undefined && after === undefined) return `${name} changed`;
  if (before === undefined) return `${name} is new`;
  if (after === undefined) return `${name} is gone`;
  // Digests say nothing to people.
  if (isDigest(before) || isDigest(after)) return `${name} changed`;
  return `${name}: ${quoted(before)} → ${quoted(after)}`;
}

function isDigest(text: string): boolean {
  return /^(?:sha256:)?[0-9a-f]{64}$/.test(text);
}

function quoted(text: string): string {
  const shown = text.length > MAX_VALUE_CHARS ? `${text.slice(0, MAX_VALUE_CHARS)}…` : text;
  return `"${visibleLine(shown)}"`;
}
