/** What a download is called when nothing names it, as in BuildKit. */
const UNNAMED = 'download';
const MAX_NAME_BYTES = 255;

/**
 * The name of a downloaded file: from the header Content-Disposition, else the last part of the URL's
 * path. Servers may say anything, so that what could leave a directory or hide is never a name.
 */
export function fileNameOf(disposition: string | undefined, url: URL): string {
  return safeFileName(dispositionName(disposition)) ?? safeFileName(pathName(url)) ?? UNNAMED;
}

/** The last part of `name`, or undefined when a file cannot be called that. */
export function safeFileName(name: string | undefined): string | undefined {
  if (name === undefined || /[\u0000-\u001f\u007f]/.test(name)) return undefined;
  const base = name.split(/[/\\]/).at(-1)?.trim() ?? '';
  if (base === '' || base === '.' || base === '..') return undefined;
  return Buffer.byteLength(base) > MAX_NAME_BYTES ? undefined : base;
}

function pathName(url: URL): string {
  return decoded(url.pathname.split('/').at(-1) ?? '');
}

/** `filename*` (RFC 8187) goes before `filename` (RFC 6266, 4.3). */
function dispositionName(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  const extended = /;\s*filename\*\s*=\s*utf-8''([^;\s]+)/i.exec(header)?.[1];
  if (extended !== undefined) return decoded(extended);
  const [, quoted, plain] =
    /;\s*filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))/i.exec(header) ?? [];
  return quoted?.replace(/\\(.)/g, '$1') ?? plain;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
