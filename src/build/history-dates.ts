import { timeText } from '../core/time-text.ts';
import type { HistoryEntry, ImageConfig } from '../image/config.ts';

/**
 * Gives history entries and image their `created`, as BuildKit does (exporter/containerimage,
 * normalizeLayersAndHistory): a layer has the time at which its step first ran, so a build from the
 * cache gives the same image; an entry without a layer takes the time of the one before it, or of the
 * first new layer.
 *
 * `layerTimes` belong to the entries with a layer after `baseHistory`, in order. With `epoch` (seconds)
 * no time is later than that.
 */
export function dateHistory(
  config: ImageConfig,
  baseHistory: number,
  layerTimes: readonly string[],
  nowText: string,
  epoch: number | undefined,
): ImageConfig {
  const times = [...layerTimes];
  const dated = config.history.map((entry, index): HistoryEntry => {
    if (index < baseHistory) return entry;
    return { ...entry, created: entry.empty_layer === true ? undefined : times.shift() };
  });
  const filled = fillTimes(dated, nowText);
  const history =
    epoch === undefined
      ? filled
      : filled.map((entry, index) =>
          index < baseHistory ? entry : { ...entry, created: clamp(entry.created, epoch) },
        );
  const created =
    history.at(-1)?.created ?? (epoch === undefined ? nowText : clamp(nowText, epoch));
  return { ...config, created, history };
}

function fillTimes(history: readonly HistoryEntry[], nowText: string): HistoryEntry[] {
  const firstGap = history.findIndex((entry) => entry.created === undefined);
  if (firstGap === -1) return [...history];
  let current =
    history.slice(firstGap).find((entry) => entry.created !== undefined)?.created ??
    history.slice(0, firstGap).at(-1)?.created ??
    nowText;
  let isAfterGap = false;
  return history.map((entry) => {
    if (entry.created === undefined) {
      isAfterGap = true;
      return { ...entry, created: current };
    }
    if (isAfterGap) current = entry.created;
    return entry;
  });
}

function clamp(time: string | undefined, epoch: number): string {
  const limit = epoch * 1000;
  const ms = time === undefined ? limit : Date.parse(time);
  return ms > limit || Number.isNaN(ms) ? timeText(limit) : (time ?? '');
}
