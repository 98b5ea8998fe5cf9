/**
 * The candidate a user most likely meant: smallest edit distance, at most a third of the word, or two
 * letters of four and more.
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  const most = Math.max(Math.floor(word.length / 3), word.length < 4 ? 1 : 2);
  let bestDistance = most + 1;
  for (const candidate of candidates) {
    // It is there, and something else is wrong with it.
    if (candidate === word) continue;
    // Each character more is an insertion.
    if (Math.abs(word.length - candidate.length) >= bestDistance) continue;
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase(), { hasSwaps: true });
    if (distance < bestDistance && distance < Math.max(word.length, candidate.length)) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** More letters wrong than this, and BuildKit takes it for another word. */
const BUILDKIT_EDITS = 2;

/**
 * The candidate that BuildKit names, for texts that are BuildKit's own: the first of those with the
 * fewest letters to insert, delete or replace, at most 2. None when the word itself is among them.
 */
export function nearestForBuildKit(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = BUILDKIT_EDITS + 1;
  for (const candidate of candidates) {
    if (candidate === word) return undefined;
    if (Math.abs(candidate.length - word.length) >= bestDistance) continue;
    const distance = editDistance(word, candidate, { hasSwaps: false });
    if (distance >= bestDistance) continue;
    best = candidate;
    bestDistance = distance;
  }
  return best;
}

/** Optimal string alignment: insertions, deletions, replacements and, if wanted, swaps of neighbours cost 1. */
function editDistance(a: string, b: string, { hasSwaps }: { readonly hasSwaps: boolean }): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let cost = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + same);
      if (hasSwaps && i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, (beforeLast[j - 2] ?? 0) + 1);
      }
      row.push(cost);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length] ?? 0;
}
