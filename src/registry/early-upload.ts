import type { GrowingBlob } from '../content/growing-blob.ts';
import { discard } from '../http/transport.ts';
import { isPresent, type UploadTarget } from './upload.ts';
import { uploadLocation } from './upload-location.ts';

/**
 * Sends a blob while it is being made: its bytes as one stream, its digest when it is known (the way that
 * docker push does it, so that every registry knows it). True when the registry has taken it. Nothing else
 * fails: what did not work here is done again by `uploadBlob`, which says what is wrong.
 */
export async function uploadEarly(
  target: UploadTarget,
  growing: GrowingBlob,
  signal: AbortSignal,
): Promise<boolean> {
  const needless = new AbortController();
  try {
    return await send(target, growing, AbortSignal.any([signal, needless.signal]), () => {
      needless.abort(new Error('The registry has the blob'));
    });
  } catch {
    return false;
  } finally {
    // Of what failed in part, nothing goes on.
    needless.abort(new Error('The upload has ended'));
  }
}

async function send(
  target: UploadTarget,
  growing: GrowingBlob,
  signal: AbortSignal,
  stop: () => void,
): Promise<boolean> {
  const { client, repository } = target;
  const about = { actions: 'pull,push', what: `push "${repository}"` } as const;
  const start = await client.request(
    repository,
    { ...about, method: 'POST', path: 'blobs/uploads/', headers: { 'content-length': '0' } },
    signal,
  );
  discard(start);
  if (start.status !== 202) return false;
  const patch = {
    ...about,
    method: 'PATCH',
    path: uploadLocation(client.name, start),
    headers: { 'content-type': 'application/octet-stream' },
    body: () => growing.read(),
  } as const;
  const sending = client.request(repository, patch, signal);
  // Where the network is slow, most of it may still be to come when the digest is known.
  const needless = growing.written.then(async (blob) => {
    if (blob !== undefined && (await isPresent(target, blob.digest, signal))) stop();
  });
  const [sent] = await Promise.all([sending, needless]);
  discard(sent);
  const blob = await growing.written;
  if ((sent.status !== 202 && sent.status !== 204) || blob === undefined) return false;
  const location = uploadLocation(client.name, sent);
  location.searchParams.set('digest', blob.digest);
  const put = {
    ...about,
    method: 'PUT',
    path: location,
    headers: { 'content-type': 'application/octet-stream', 'content-length': '0' },
  } as const;
  const end = await client.request(repository, put, signal);
  discard(end);
  return end.status === 201 || end.status === 204;
}
