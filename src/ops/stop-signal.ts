import { nearest } from '../core/suggest.ts';
import type { Span } from '../diagnostics/source.ts';
import { signalInvalid } from './errors.ts';

/** Signals of Linux by name, without `SIG` (signal(7)), and the names of the real-time ones. */
const NAMES = new Set([
  ...[
    'ABRT',
    'ALRM',
    'BUS',
    'CHLD',
    'CLD',
    'CONT',
    'FPE',
    'HUP',
    'ILL',
    'INT',
    'IO',
    'IOT',
    'KILL',
  ],
  ...['PIPE', 'POLL', 'PROF', 'PWR', 'QUIT', 'SEGV', 'STKFLT', 'STOP', 'SYS', 'TERM', 'TRAP'],
  ...['TSTP', 'TTIN', 'TTOU', 'URG', 'USR1', 'USR2', 'VTALRM', 'WINCH', 'XCPU', 'XFSZ'],
  ...['RTMIN', 'RTMAX'],
  ...Array.from({ length: 15 }, (_, i) => `RTMIN+${i + 1}`),
  ...Array.from({ length: 14 }, (_, i) => `RTMAX-${i + 1}`),
]);

/** Checks STOPSIGNAL: a number other than 0, or a name with or without `SIG`, in any case. */
export function checkStopSignal(signal: string, span: Span): void {
  if (/^[+-]?\d+$/.test(signal)) {
    if (Number(signal) === 0) throw signalInvalid(signal, undefined, span);
    return;
  }
  const name = signal.toUpperCase().replace(/^SIG/, '');
  if (NAMES.has(name)) return;
  const similar = nearest(name, NAMES);
  throw signalInvalid(signal, similar === undefined ? undefined : `SIG${similar}`, span);
}
