import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseDigest } from '../core/digest.ts';
import { createTransport, type Transport } from '../http/transport.ts';
import { MEDIA_TYPE } from '../image/manifest.ts';
import { parseReference } from '../image/reference.ts';
import { startMemoryRegistry, type MemoryRegistry } from '../testing/memory-registry.ts';
import { deleteManifest } from './delete-manifest.ts';
import { REGISTRY_HTTP_ERRORS } from './errors.ts';
import { listReferrers } from './list-referrers.ts';
import { listTags } from './list-tags.ts';
import { createRegistryClient, type RegistryClient } from './registry-client.ts';
import { tagHint } from './tag-hint.ts';

const { signal } = new AbortController();
const TYPE = MEDIA_TYPE.ociManifest;

let server: MemoryRegistry;
let transport: Transport;
let client: RegistryClient;

beforeEach(async () => {
  server = await startMemoryRegistry();
  transport = createTransport({
    errors: REGISTRY_HTTP_ERRORS,
    isInsecure: () => true,
    certificates: { extraCaPaths: [], hostDirs: [] },
    env: {},
  });
  const credentials = { find: () => Promise.resolve(undefined) };
  const endpoint = { name: server.host, origins: [`http://${server.host}`] };
  const retryTimings = { firstWaitMs: 1, longestWaitMs: 1 };
  client = createRegistryClient(endpoint, { transport, credentials, retryTimings });
});
afterEach(async () => {
  transport.close();
  await server[Symbol.asyncDispose]();
});

describe('listTags()', () => {
  test('reads page after page', async () => {
    server.tagsPerPage = 2;
    for (const tag of ['a', 'b', 'c', 'd', 'e']) server.putManifest('app', tag, { tag }, TYPE);
    expect(await listTags(client, 'app', signal)).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(server.requests).toHaveLength(3);
  });

  test('tells no repository from one without tags', async () => {
    expect(await listTags(client, 'app', signal)).toBeUndefined();
    server.setFault(() => ({ kind: 'answer', status: 200, body: '{"name":"app","tags":null}' }));
    expect(await listTags(client, 'app', signal)).toEqual([]);
  });

  test('ends when the same page comes again and again', async () => {
    server.setFault(({ path }) => ({
      kind: 'answer',
      status: 200,
      headers: { link: `<${path}>; rel="next"` },
      body: '{"tags":["a","../b",7]}',
    }));
    expect(await listTags(client, 'app', signal)).toEqual(['a']);
    expect(server.requests).toHaveLength(2);
  });

  test('does not follow a page to another server', async () => {
    server.setFault(() => ({
      kind: 'answer',
      status: 200,
      headers: { link: '<http://127.0.0.1:1/v2/app/tags/list>; rel="next"' },
      body: '{"tags":["a"]}',
    }));
    expect(await listTags(client, 'app', signal)).toEqual(['a']);
  });

  test.each([
    ['<html>', 'its answer is not JSON'],
    ['{"tags":"a"}', 'its answer has no list'],
  ])('refuses %s', async (body, found) => {
    server.setFault(() => ({ kind: 'answer', status: 200, body }));
    await expect(listTags(client, 'app', signal)).rejects.toMatchObject({
      code: 'REGISTRY_ERROR',
      message: `Cannot list the tags of "app" at registry "${server.host}": ${found}`,
    });
  });
});

describe('tagHint()', () => {
  test.each([
    ['3.81', ['3.17', '3.18', 'edge'], 'Did you mean "3.18"?'],
    ['18', ['18-alpine', '18.20', '20-alpine'], 'Did you mean "18-alpine" or "18.20"?'],
    ['latest', ['1', '2'], 'The repository has "1", "2".'],
    [
      'x',
      ['10', '11', '12', '13', '14', '15'],
      'The repository has "11", "12", "13", "14", "15" and others.',
    ],
    ['x', [], 'The repository has no tags.'],
  ])('for %s of %j is %s', (wanted, tags, hint) => {
    expect(tagHint(wanted, tags)).toBe(hint);
  });
});

describe('deleteManifest()', () => {
  const reference = (text: string) => parseReference(`${server.host}/${text}`);

  test('takes a tag away and leaves the others', async () => {
    server.putManifest('app', 'a', {}, TYPE);
    server.putManifest('app', 'b', {}, TYPE);
    await deleteManifest(client, reference('app:a'), signal);
    expect([...server.manifests.keys()]).toEqual([expect.stringMatching(/^app@/), 'app:b']);
  });

  test('takes a manifest away by its digest', async () => {
    const digest = server.putManifest('app', 'a', {}, TYPE);
    await deleteManifest(client, reference(`app@${digest}`), signal);
    expect(server.manifests.size).toBe(0);
  });

  test('names the digest where tags cannot be deleted', async () => {
    server.deletesTags = false;
    const digest = server.putManifest('app', 'a', {}, TYPE);
    await expect(deleteManifest(client, reference('app:a'), signal)).rejects.toMatchObject({
      code: 'DELETE_REFUSED',
      class: 'registry',
      message: `Cannot delete "${server.host}/app:a": registry "${server.host}" refuses: status 405: UNSUPPORTED not supported`,
      hint: `Many registries delete by digest only: ${server.host}/app@${digest} goes with all its tags.`,
    });
  });

  test('says that there is nothing to delete', async () => {
    await expect(deleteManifest(client, reference('app:a'), signal)).rejects.toMatchObject({
      code: 'IMAGE_NOT_FOUND',
      message: `Cannot find image "${server.host}/app:a": registry "${server.host}" has no tag "a" in "app"`,
    });
  });
});

describe('listReferrers()', () => {
  const signature = 'application/vnd.example.signature';
  const attach = (subject: string, artifactType: string): unknown => ({
    schemaVersion: 2,
    artifactType,
    subject: { mediaType: TYPE, digest: subject, size: 2 },
  });

  test('gives what refers to an image, by kind where asked', async () => {
    const digest = server.putManifest('app', 'a', {}, TYPE);
    const one = server.putManifest('app', 's', attach(digest, signature), TYPE);
    const two = server.putManifest('app', 't', attach(digest, 'text/plain'), TYPE);
    const all = await listReferrers(client, 'app', digest, undefined, signal);
    expect(all.map((each) => each.digest)).toEqual([one, two]);
    const some = await listReferrers(client, 'app', digest, signature, signal);
    expect(some).toMatchObject([{ digest: one, artifactType: signature, mediaType: TYPE }]);
  });

  test('reads the tag that stands for the list where there is no such API', async () => {
    server.hasReferrers = false;
    const digest = server.putManifest('app', 'a', {}, TYPE);
    expect(await listReferrers(client, 'app', digest, undefined, signal)).toEqual([]);
    const entry = { mediaType: TYPE, digest, size: 2, artifactType: signature };
    const index = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests: [entry] };
    server.putManifest('app', digest.replace(':', '-'), index, MEDIA_TYPE.ociIndex);
    const found = await listReferrers(client, 'app', digest, undefined, signal);
    expect(found).toMatchObject([{ digest, artifactType: signature }]);
  });

  test('refuses what is no list', async () => {
    const digest = parseDigest(`sha256:${'a'.repeat(64)}`) ?? expect.fail();
    server.setFault(() => ({ kind: 'answer', status: 200, body: '{"schemaVersion":2}' }));
    await expect(listReferrers(client, 'app', digest, undefined, signal)).rejects.toMatchObject({
      code: 'INVALID_IMAGE',
    });
  });
});
