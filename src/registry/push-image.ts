import type { Digest } from '../core/digest.ts';
import { digestOf } from '../core/sha256.ts';
import type { GrowingBlob } from '../content/growing-blob.ts';
import { parseReference } from '../image/reference.ts';
import { readErrorBody } from './error-body.ts';
import { registryBadContent, registryFailed } from './errors.ts';
import { openRegistries, type RegistriesConfig } from './registries.ts';
import type { RegistryClient } from './registry-client.ts';
import { RETRY_TIMINGS, withRetries, type RetryTimings } from '../http/retry.ts';
import { discard } from '../http/transport.ts';
import { uploadEarly } from './early-upload.ts';
import { claimBlob, uploadBlob, type PushBlob } from './upload.ts';

/** A manifest or index, as it is to be stored. */
export interface PushDocument {
  readonly bytes: Uint8Array;
  readonly mediaType: string;
}

/** Everything that a name shall stand for. */
export interface PushContent {
  /** Configs and layers of all images. Equal digests are sent once. */
  readonly blobs: readonly PushBlob[];
  /** One for a single image; all that `index` names otherwise. */
  readonly manifests: readonly PushDocument[];
  /** For several platforms. */
  readonly index?: PushDocument | undefined;
}

/** What was pushed. */
export interface PushedImage {
  /** Digest of what the tag now stands for: the index, or the only manifest. */
  readonly digest: Digest;
  /** Bytes of blobs that had to be sent. */
  readonly sentBytes: number;
}

/** A blob that need not be here. */
export type ClaimedBlob = Pick<PushBlob, 'descriptor' | 'mountFrom'>;

/** Pushes to registries. Dispose it to close its connections. */
export interface ImagePusher extends Disposable {
  /**
   * Sends what the registry does not have; the tag last, so that it never stands for half an image.
   * A name with a digest is pushed without a tag.
   * @throws BuildError INVALID_REFERENCE, REGISTRY_*
   */
  push(name: string, content: PushContent, signal: AbortSignal): Promise<PushedImage>;
  /**
   * Of the blobs, those that the repository of a name has by now, as it had them or could mount them. Nothing is
   * sent.
   * @throws BuildError INVALID_REFERENCE, REGISTRY_*
   */
  claim(
    name: string,
    blobs: readonly ClaimedBlob[],
    signal: AbortSignal,
  ): Promise<ReadonlySet<Digest>>;
  /**
   * Sends a blob while it is made to where `push` will want it. Resolves to the bytes that the registry took;
   * 0 where this did not work, for whatever reason: `push` does it then, or says what is wrong.
   */
  sendEarly(name: string, growing: GrowingBlob, signal: AbortSignal): Promise<number>;
}

/** More at the same time is slower for most registries, and limited by some. */
const PARALLEL_UPLOADS = 3;

/** Uses configuration and credentials like `createRegistryImageSource`; mirrors are never pushed to. */
export function createImagePusher(options: {
  readonly registries: RegistriesConfig;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly homeDir: string;
  /** `--ca-cert`: paths, or `host`. */
  readonly caCerts?: readonly string[] | undefined;
  readonly retryTimings?: RetryTimings | undefined;
}): ImagePusher {
  const registries = openRegistries(options);
  const retryTimings = options.retryTimings ?? RETRY_TIMINGS;
  return {
    async sendEarly(name, growing, signal) {
      const { registry, repository } = parseReference(name);
      const target = { client: registries.clientOf(registry), repository, retryTimings };
      const isSent = await uploadEarly(target, growing, signal);
      return isSent ? ((await growing.written)?.size ?? 0) : 0;
    },
    async claim(name, blobs, signal) {
      const { registry, repository } = parseReference(name);
      const target = { client: registries.clientOf(registry), repository, retryTimings };
      const claimed = await inParallel(distinct(blobs), signal, (blob, both) =>
        claimBlob(target, blob, both),
      );
      return new Set(
        claimed.filter(({ result }) => result).map(({ item }) => item.descriptor.digest),
      );
    },
    async push(name, content, signal) {
      const { registry, repository, tag } = parseReference(name);
      const client = registries.clientOf(registry);
      const retried = <T>(action: () => Promise<T>): Promise<T> =>
        withRetries(action, signal, retryTimings);
      const target = { client, repository, retryTimings };
      const sent = await inParallel(distinct(content.blobs), signal, (blob, both) =>
        uploadBlob(target, blob, both),
      );
      const sentBytes = sent
        .filter(({ result }) => result === 'sent')
        .reduce((sum, { item }) => sum + item.descriptor.size, 0);
      const top = content.index ?? content.manifests[0];
      if (top === undefined) throw new TypeError('A push needs a manifest');
      for (const document of content.manifests) {
        if (document === top) continue;
        await retried(() => putManifest(client, repository, document, undefined, signal));
      }
      const digest = await retried(() => putManifest(client, repository, top, tag, signal));
      return { digest, sentBytes };
    },
    [Symbol.dispose]: () => registries.close(),
  };
}

function distinct<T extends ClaimedBlob>(blobs: readonly T[]): readonly T[] {
  return [...new Map(blobs.map((blob) => [blob.descriptor.digest, blob])).values()];
}

async function putManifest(
  client: RegistryClient,
  repository: string,
  { bytes, mediaType }: PushDocument,
  tag: string | undefined,
  signal: AbortSignal,
): Promise<Digest> {
  const what = `push "${repository}"`;
  const digest = digestOf(bytes);
  const response = await client.request(
    repository,
    {
      method: 'PUT',
      path: `manifests/${tag ?? digest}`,
      headers: { 'content-type': mediaType, 'content-length': String(bytes.length) },
      body: () => bytes,
      actions: 'pull,push',
      what,
    },
    signal,
  );
  if (response.status !== 201 && response.status !== 200) {
    throw registryFailed(client.name, what, await readErrorBody(response, signal));
  }
  discard(response);
  const stored = response.headers['docker-content-digest'];
  if (typeof stored === 'string' && stored !== digest) {
    throw registryBadContent(
      client.name,
      `the manifest of "${repository}"`,
      `it stored ${stored}, not ${digest}`,
    );
  }
  return digest;
}

/** A few at a time. The first failure stops the others, and is thrown when they have ended. */
async function inParallel<T, R>(
  items: readonly T[],
  signal: AbortSignal,
  action: (item: T, signal: AbortSignal) => Promise<R>,
): Promise<readonly { readonly item: T; readonly result: R }[]> {
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  const results: { item: T; result: R }[] = [];
  const rest = items.values();
  const worker = async (): Promise<void> => {
    for (const item of rest) {
      both.throwIfAborted();
      results.push({ item, result: await action(item, both) });
    }
  };
  const workers = Array.from({ length: PARALLEL_UPLOADS }, async () => {
    try {
      await worker();
    } catch (error) {
      stop.abort(error);
      throw error;
    }
  });
  await Promise.allSettled(workers);
  // Not what those that were stopped ended with.
  stop.signal.throwIfAborted();
  return results;
}
