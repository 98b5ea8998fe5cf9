import { BuildError } from '../diagnostics/build-error.ts';
import type { Span } from '../diagnostics/source.ts';

const MAX_SHOWN_CHARACTERS = 400;

/** Text from outside, fit for a message: one line, no control characters, not endless. */
export function shown(text: string): string {
  const line = text
    .replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ')
    // Directional marks could make a message read as something else.
    .replace(/[\u200b-\u200f\u202a-\u202e\u2066-\u2069]/g, '')
    .trim();
  return line.length > MAX_SHOWN_CHARACTERS ? `${line.slice(0, MAX_SHOWN_CHARACTERS)}…` : line;
}

/** A name that no image can have. */
export function invalidReference(
  text: string,
  fault: string,
  hint: string | undefined,
  span: Span | undefined,
): BuildError {
  return new BuildError({
    code: 'INVALID_REFERENCE',
    class: 'input',
    message: `Cannot use "${shown(text)}" as an image name: ${shown(fault)}`,
    hint: hint === undefined ? undefined : shown(hint),
    span,
  });
}
