import type { BlobStore } from '../content/blob-store.ts';
import { blame } from '../diagnostics/blame.ts';
import type { Descriptor } from '../image/manifest.ts';
import { MAX_MANIFEST_BYTES } from '../image/parse-manifest.ts';
import { formatReference, type ImageReference } from '../core/image-reference.ts';
import { parseReference } from '../image/reference.ts';
import { resolveImage, type RootDocument } from '../image/resolve-image.ts';
import type { ImageSource } from '../image/image-source.ts';
import { registryFailed } from './errors.ts';
import { listTags } from './list-tags.ts';
import { manifestNotThere } from './manifest-errors.ts';
import { openRegistries, type RegistriesConfig } from './registries.ts';
import type { RegistryClient } from './registry-client.ts';
import { tagHint } from './tag-hint.ts';
import type { RetryTimings } from '../http/retry.ts';

/** What pulling works with. */
export interface RegistryImageSourceOptions {
  /** Mirrors and exceptions by registry host. */
  readonly registries: RegistriesConfig;
  /** Manifests and configs are kept here, and looked up here first. */
  readonly blobs: BlobStore;
  /** DOCKER_CONFIG, REGISTRY_AUTH_FILE, STAGECRAFT_EXTRA_CA_CERTS, PATH for credential programs. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** For ~/.docker/config.json. */
  readonly homeDir: string;
  /** `--ca-cert`: paths, or `host`. */
  readonly caCerts?: readonly string[] | undefined;
  readonly retryTimings?: RetryTimings | undefined;
}

/** A hint is not worth more of them. */
const TAG_PAGES_FOR_HINT = 2;

/** Images of registries, by the names that FROM uses. Nothing is loaded or connected before it is needed. */
export function createRegistryImageSource(
  options: RegistryImageSourceOptions,
): ImageSource & Disposable {
  const { blobs } = options;
  const registries = openRegistries(options);

  const firstOf: Ask = (reference, signal, ask, adviceOf) =>
    askInTurn(registries.clientsFor(reference.registry), signal, ask, adviceOf);

  async function fetchRoot(reference: ImageReference, signal: AbortSignal): Promise<RootDocument> {
    const { repository, tag, digest } = reference;
    if (digest !== undefined && blobs.sizeOf(digest) !== undefined) {
      const bytes = blobs.readBytes(digest, MAX_MANIFEST_BYTES);
      return { bytes, digest, mediaType: undefined };
    }
    const wanted = digest ?? tag ?? 'latest';
    const hintOf = tagHints(reference, signal);
    const ask = async (client: RegistryClient): ReturnType<RegistryClient['fetchManifest']> => {
      // Asking for the digest alone does not count against the limits of Docker Hub. Bytes that are
      // here are what this digest says, whoever said it.
      const known =
        digest === undefined ? await client.digestOfTag(repository, wanted, signal) : undefined;
      if (known === undefined || blobs.sizeOf(known) === undefined) {
        return client.fetchManifest(repository, wanted, signal);
      }
      return { bytes: blobs.readBytes(known, MAX_MANIFEST_BYTES), mediaType: undefined };
    };
    const found = await firstOf(reference, signal, ask, hintOf);
    if (found === undefined)
      throw manifestNotThere(reference, await hintOf(registries.clientsFor(reference.registry)));
    return { bytes: found.bytes, digest, mediaType: found.mediaType };
  }

  async function fetchBytes(
    reference: ImageReference,
    descriptor: Descriptor,
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const { repository, registry } = reference;
    const { digest } = descriptor;
    if (blobs.sizeOf(digest) !== undefined) return blobs.readBytes(digest, maxBytes);
    const bytes = await firstOf(reference, signal, async (client) =>
      isManifestType(descriptor)
        ? (await client.fetchManifest(repository, digest, signal))?.bytes
        : client.fetchBlob(repository, digest, maxBytes, signal),
    );
    if (bytes !== undefined) return bytes;
    throw registryFailed(registry, `pull "${repository}"`, `it does not have ${digest}`);
  }

  return {
    async resolve(name, platform, signal) {
      const reference = parseReference(name);
      const root = await fetchRoot(reference, signal);
      const fetched: Uint8Array[] = [root.bytes];
      const image = await resolveImage(
        formatReference(reference),
        root,
        platform,
        async (descriptor, maxBytes) => {
          const bytes = await fetchBytes(reference, descriptor, maxBytes, signal);
          fetched.push(bytes);
          return bytes;
        },
      );
      // All of them are checked by now.
      for (const bytes of fetched) blobs.writeBytes(bytes);
      return image;
    },
    async openLayer(image, layer, offset, signal) {
      const reference = parseReference(image.name);
      const opened = await firstOf(reference, signal, (client) =>
        openedBlob(client.openBlob(reference.repository, layer, offset, signal)),
      );
      if (opened !== undefined) {
        blobs.origins.note(layer.digest, `${reference.registry}/${reference.repository}`);
        return opened;
      }
      const what = `pull "${reference.repository}"`;
      throw registryFailed(reference.registry, what, `it does not have ${layer.digest}`);
    },
    [Symbol.dispose]: () => registries.close(),
  };
}

/** Tags that are there and may have been meant. What cannot be found out is not worth a second error. */
function tagHints({ repository, tag, digest }: ImageReference, signal: AbortSignal): AdviceOf {
  return async (clients) => {
    if (digest !== undefined || tag === undefined) return undefined;
    for (const client of clients) {
      try {
        const tags = await listTags(client, repository, signal, TAG_PAGES_FOR_HINT);
        if (tags !== undefined) return tagHint(tag, tags);
      } catch {
        signal.throwIfAborted();
      }
    }
    return undefined;
  };
}

/** Asks mirrors and the registry. */
type Ask = <T>(
  reference: ImageReference,
  signal: AbortSignal,
  ask: (client: RegistryClient) => Promise<T | undefined>,
  adviceOf?: AdviceOf,
) => Promise<T | undefined>;

/** What those that do not have something have instead. */
type AdviceOf = (clients: readonly RegistryClient[]) => Promise<string | undefined>;

/** The first answer of mirrors and registry; a mirror that is down or has nothing is passed over. */
export async function askInTurn<T>(
  clients: readonly RegistryClient[],
  signal: AbortSignal,
  ask: (client: RegistryClient) => Promise<T | undefined>,
  adviceOf: AdviceOf = () => Promise.resolve(undefined),
): Promise<T | undefined> {
  const without: RegistryClient[] = [];
  for (const [index, client] of clients.entries()) {
    const isLast = index === clients.length - 1;
    try {
      const answer = await ask(client);
      if (answer !== undefined || isLast) return answer;
      without.push(client);
    } catch (error) {
      signal.throwIfAborted();
      if (!isLast) continue;
      throw without.length === 0
        ? error
        : tellingOfMirrors(error, without, await adviceOf(without));
    }
  }
  return undefined;
}

/** Who works with mirrors alone needs to hear that these do not have it, not that the rest is far away. */
function tellingOfMirrors(
  error: unknown,
  without: readonly RegistryClient[],
  advice = 'Check the name and the tag:',
): unknown {
  const names = without.map(({ name }) => `"${name}"`).join(', ');
  return blame(error, undefined, `${advice} ${names} answered and does not have it`);
}

function isManifestType({ mediaType }: Descriptor): boolean {
  return /\.(?:manifest|index)\b/.test(mediaType);
}

/** A blob whose first bytes have come, so that a mirror without it is found out while others can be asked. */
async function openedBlob(
  blob: AsyncGenerator<Uint8Array, void>,
): Promise<AsyncIterable<Uint8Array>> {
  const first = await blob.next();
  return (async function* () {
    try {
      if (first.done !== true) yield first.value;
      yield* blob;
    } finally {
      await blob.return();
    }
  })();
}
