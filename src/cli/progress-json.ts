import type { BuildError } from '../diagnostics/build-error.ts';
import { lineAndColumn } from '../diagnostics/render.ts';
import type { Span } from '../diagnostics/source.ts';
import type { BuildEvent } from '../events/event.ts';
import type { Output } from './command.ts';
import type { Progress } from './progress.ts';

/**
 * One JSON object per event and line, for programs. The fields are those of `BuildEvent`; output of
 * steps is text (`text`) where it is UTF-8 and `base64` where it is not, places are `file`, `line`, `column`.
 */
export function createJsonProgress(out: Output): Progress {
  return {
    emit: (event) => {
      out.write(`${eventToJson(event)}\n`);
    },
    close: () => undefined,
  };
}

/** One event as one line of JSON. */
function eventToJson(event: BuildEvent): string {
  switch (event.type) {
    case 'op-output': {
      const { bytes, ...rest } = event;
      return JSON.stringify({ ...rest, ...outputToJson(bytes) });
    }
    case 'op-failed':
      return JSON.stringify({ ...event, error: errorToJson(event.error) });
    case 'diagnostic': {
      const { span, ...rest } = event.diagnostic;
      return JSON.stringify({ ...event, diagnostic: { ...rest, ...placeOf(span) } });
    }
    default:
      return JSON.stringify(event);
  }
}

function outputToJson(bytes: Uint8Array): { text: string } | { base64: string } {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const text = buffer.toString('utf8');
  // A character that was cut in two, or no text at all: the bytes as they are.
  return Buffer.from(text).equals(buffer) ? { text } : { base64: buffer.toString('base64') };
}

function errorToJson(error: BuildError): Readonly<Record<string, unknown>> {
  const { code, class: kind, message, hint, span } = error;
  return { code, class: kind, message, hint, ...(span === undefined ? {} : placeOf(span)) };
}

function placeOf(span: Span): Readonly<Record<string, unknown>> {
  return { file: span.file.path, ...lineAndColumn(span.file.text, span.start) };
}
