import { readBody } from '../http/body.ts';
import { discard, type HttpResponse } from '../http/transport.ts';

/** Error bodies are read this far. */
const MAX_ERROR_BODY_BYTES = 64 * 1024;

/** What the registry says of an error: its codes and messages (distribution-spec, error codes), or the start of the text. */
export async function readErrorBody(response: HttpResponse, signal: AbortSignal): Promise<string> {
  let text: string;
  try {
    text = (await readBody(response, MAX_ERROR_BODY_BYTES, signal)).toString('utf8');
  } catch {
    signal.throwIfAborted();
    discard(response);
    return `status ${response.status}`;
  }
  return `status ${response.status}${summaryOf(text)}`;
}

function summaryOf(text: string): string {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    const line = text
      .replace(/<[^>]*>/g, ' ')
      .replace(/\s+/g, ' ')
      .trim();
    return line === '' ? '' : `: ${line.slice(0, 200)}`;
  }
  const errors = json !== null && typeof json === 'object' && 'errors' in json ? json.errors : [];
  const messages = (Array.isArray(errors) ? (errors as unknown[]) : [])
    .slice(0, 3)
    .map((error) => {
      if (typeof error !== 'object' || error === null) return '';
      const { code, message } = error as { code?: unknown; message?: unknown };
      return [code, message].filter((part) => typeof part === 'string' && part !== '').join(' ');
    })
    .filter((message) => message !== '');
  return messages.length === 0 ? '' : `: ${messages.join('; ')}`;
}
