import { createHash } from 'node:crypto';
import { closeSync, openSync, rmSync } from 'node:fs';
import type { Digest } from '../core/digest.ts';
import { finishDigest } from '../core/sha256.ts';
import { writeAll } from '../host/atomic-file.ts';
import { openBody } from '../http/body.ts';
import { certificateOptions } from '../http/certificate-options.ts';
import { withRetries, type RetryTimings } from '../http/retry.ts';
import { transientStatus } from '../http/status.ts';
import { createTransport, discard, type HttpResponse } from '../http/transport.ts';
import { urlFailed, urlUntrusted } from './errors.ts';
import { fileNameOf } from './file-name.ts';
import type { SecretReader } from './git-remote.ts';

/** No file of a build is larger. */
const MAX_BODY_BYTES = 64 * 1024 ** 3;

/** What downloads take from the user who builds. */
export interface DownloadSettings {
  /** For proxies and certificates. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly homeDir: string;
  /** `--ca-cert`: paths, or `host`. */
  readonly caCerts?: readonly string[] | undefined;
  readonly secret: SecretReader;
  readonly retryTimings?: RetryTimings | undefined;
}

/** A file that was fetched. */
export interface Download {
  readonly digest: Digest;
  readonly bytes: number;
  /** From Content-Disposition or the URL. */
  readonly filename: string;
  /** Seconds since 1970, from Last-Modified; 0 when the server did not say. */
  readonly mtime: number;
  readonly etag: string | undefined;
}

/**
 * Fetches a URL into the file `path`, which is made. Undefined when the server says that it is still
 * what had the ETag `known`. Follows redirects; who we are is told to the first origin only.
 * @throws BuildError URL_FETCH_FAILED, URL_UNTRUSTED. Nothing is left at `path` then.
 */
export async function download(
  address: string,
  to: {
    readonly path: string;
    readonly known: string | undefined;
    readonly onBytes: (received: number, total: number | undefined) => void;
  },
  settings: DownloadSettings,
  signal: AbortSignal,
): Promise<Download | undefined> {
  const { url, authorization } = requestTarget(address, settings.secret);
  const { env } = settings;
  const transport = createTransport({
    errors: {
      unreachable: (_host, found, { cause, hint }) => urlFailed(address, found, { cause, hint }),
      untrusted: (_host, found) => urlUntrusted(address, found),
      failed: (_host, _what, found) => urlFailed(address, found),
    },
    isInsecure: () => false,
    certificates: certificateOptions(settings),
    env,
  });
  const headers = to.known === undefined ? {} : { 'if-none-match': to.known };
  try {
    return await withRetries(
      async () => {
        const response = await transport.send(
          { method: 'GET', url, headers, authorization },
          signal,
        );
        if (response.status === 304 && to.known !== undefined) {
          discard(response);
          return undefined;
        }
        checkStatus(response, address);
        return await save(response, address, to, signal);
      },
      signal,
      settings.retryTimings,
    );
  } finally {
    transport.close();
  }
}

/** The URL without its user, and the header that stands for it. */
export function requestTarget(
  address: string,
  secret: SecretReader,
): { readonly url: URL; readonly authorization: string | undefined } {
  if (!URL.canParse(address)) throw urlFailed(address, 'it is not a URL');
  const url = new URL(address);
  const { username, password, host } = url;
  url.username = '';
  url.password = '';
  url.hash = '';
  const read = (id: string): string | undefined => {
    const bytes = secret(id);
    // A second line would be a second header.
    return (
      bytes &&
      Buffer.from(bytes)
        .toString('utf8')
        .trim()
        .replace(/[\r\n].*$/s, '')
    );
  };
  const token = read(`HTTP_AUTH_TOKEN_${host}`);
  const authorization =
    username !== '' || password !== ''
      ? `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64')}`
      : (read(`HTTP_AUTH_HEADER_${host}`) ?? (token === undefined ? undefined : `Bearer ${token}`));
  return { url, authorization };
}

function checkStatus(response: HttpResponse, address: string): void {
  const { status, url } = response;
  if (status === 200) return;
  discard(response);
  const hint =
    status === 401 || status === 403
      ? `Give credentials with --secret id=HTTP_AUTH_TOKEN_${url.host},env=NAME`
      : undefined;
  const error = urlFailed(address, `the server answers with status ${String(status)}`, { hint });
  throw transientStatus(response, error) ?? error;
}

async function save(
  response: HttpResponse,
  address: string,
  {
    path,
    onBytes,
  }: {
    readonly path: string;
    readonly onBytes: (received: number, total: number | undefined) => void;
  },
  signal: AbortSignal,
): Promise<Download> {
  const { headers, url } = response;
  const length = Number(headers['content-length'] ?? Number.NaN);
  const total = Number.isSafeInteger(length) ? length : undefined;
  const hash = createHash('sha256');
  let bytes = 0;
  const fd = openSync(path, 'w', 0o600);
  try {
    for await (const chunk of openBody(response, signal)) {
      bytes += chunk.length;
      if (bytes > MAX_BODY_BYTES) throw urlFailed(address, 'it is larger than 64 GiB');
      hash.update(chunk);
      writeAll(fd, chunk);
      onBytes(bytes, total);
    }
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
  return {
    digest: finishDigest(hash),
    bytes,
    filename: fileNameOf(headers['content-disposition'], url),
    mtime: timeOf(headers['last-modified']),
    etag: headers.etag,
  };
}

function timeOf(header: string | undefined): number {
  const time = header === undefined || !/^[A-Z][a-z]{2}/.test(header) ? 0 : Date.parse(header);
  return Number.isNaN(time) || time < 0 ? 0 : Math.floor(time / 1000);
}
