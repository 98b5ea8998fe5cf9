import type { Span } from './source.ts';

/** One finding about a source file. Parsers and checks collect these and report all of them at once. */
export interface Diagnostic {
  readonly severity: 'error' | 'warning';
  /** UPPER_SNAKE for errors (docs/errors/<CODE>.md), rule name for checks. Stable for ever. */
  readonly code: string;
  /** Sentence case, no final period, values in double quotes. */
  readonly message: string;
  readonly span: Span;
  /** One action that helps; left out when it would be a guess. */
  readonly hint?: string | undefined;
}
