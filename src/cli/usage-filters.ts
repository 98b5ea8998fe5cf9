import type { UsageKind } from '../build/store-usage.ts';
import type { UsageFilter } from '../build/usage-filter.ts';
import { badFlagValue } from './errors.ts';
import { parseMoment } from './prune-values.ts';

/** What `type=` takes: our kinds, as `du` calls them, and Docker's words for them. */
const KINDS: Readonly<Record<string, readonly UsageKind[]>> = {
  layer: ['layer'],
  'image layer': ['layer'],
  step: ['step'],
  'step result': ['step'],
  base: ['base'],
  'base layer': ['base'],
  blob: ['blob'],
  mount: ['mount'],
  'cache mount': ['mount'],
  source: ['source'],
  context: ['context'],
  'context digests': ['context'],
  regular: ['layer', 'step', 'base', 'blob'],
  'exec.cachemount': ['mount'],
  'source.git.checkout': ['source'],
};

const EXPECTED =
  'expected until=24h, type=layer|step|base|blob|mount|source|context, id=…, inuse=true|false or shared=true|false';

/**
 * `--filter` of `du` and `prune`: `until=24h`, `type=step`, `id=4csn`, `inuse=false`, `shared=true`. Of
 * several types or ids any may hold, of several times the earliest counts.
 * @throws BuildError FLAG_VALUE_INVALID
 */
export function parseUsageFilters(values: readonly string[], now: number): UsageFilter {
  const kinds = new Set<UsageKind>();
  const ids: string[] = [];
  let filter: UsageFilter = {};
  for (const text of values) {
    const [, key = '', value = ''] = /^([a-z-]+)=(.+)$/s.exec(text) ?? [];
    const bad = (): Error => badFlagValue('--filter', text, EXPECTED);
    switch (key) {
      case 'until':
      case 'unused-for': {
        const moment = parseMoment(value, now);
        if (moment === undefined) throw bad();
        filter = { ...filter, usedBefore: Math.min(filter.usedBefore ?? Infinity, moment) };
        break;
      }
      case 'type': {
        const meant = Object.hasOwn(KINDS, value) ? KINDS[value] : undefined;
        if (meant === undefined) throw bad();
        for (const kind of meant) kinds.add(kind);
        break;
      }
      case 'id':
        ids.push(value.replace(/^sha256:/, ''));
        break;
      case 'inuse':
      case 'shared':
        if (value !== 'true' && value !== 'false') throw bad();
        filter = { ...filter, [key === 'inuse' ? 'isNeeded' : 'isShared']: value === 'true' };
        break;
      default:
        throw bad();
    }
  }
  return {
    ...filter,
    ...(kinds.size === 0 ? {} : { kinds }),
    ...(ids.length === 0 ? {} : { ids }),
  };
}
