import { describe, expect, test } from 'vitest';
import { errorOf } from '../testing/build-errors.ts';
import { parseCacheSource, parseCacheTarget } from './cache-option.ts';

const form = {
  mode: 'min',
  compression: { kind: 'gzip', level: 5 },
  forcesCompression: false,
  ignoresErrors: false,
  savesMounts: false,
};

describe('parseCacheSource()', () => {
  const registry = {
    type: 'registry',
    reference: 'r.io/c',
    isInsecure: false,
    restoresMounts: false,
  };
  const local = {
    type: 'local',
    directory: '/work/c',
    tag: 'latest',
    digest: undefined,
    restoresMounts: false,
  };
  test.each([
    ['r.io/c', registry],
    ['type=registry,ref=r.io/c', registry],
    [
      'type=registry,ref=r.io/c,mounts=true,registry.insecure=true',
      { ...registry, isInsecure: true, restoresMounts: true },
    ],
    ['type=local,src=c', local],
    ['type=local,src=/x,tag=b', { ...local, directory: '/x', tag: 'b' }],
  ])('reads %s', (text, source) => {
    expect(parseCacheSource(text, '/work')).toEqual(source);
  });

  test.each([
    ['', 'EOF'],
    ['type=registry', 'ref is missing'],
    ['type=registry,rev=a', "unexpected key 'rev' for cache importer 'registry'"],
    ['type=inline', 'an inline cache is in an image'],
    ['type=local,dest=a', "unexpected key 'dest' for cache importer 'local'"],
    ['type=local,src=a,digest=b', '"b" is no digest'],
    ['type=regstry,ref=a', 'unknown cache type "regstry"'],
  ])('refuses "%s"', (text, found) => {
    const error = errorOf(() => parseCacheSource(text, '/work'));
    expect(error).toMatchObject({ code: 'CACHE_OPTION_INVALID', class: 'usage' });
    expect(error.message).toBe(`Cannot use "${text}" for "--cache-from": ${found}`);
  });
});

describe('parseCacheTarget()', () => {
  test.each([
    ['inline', { type: 'inline' }],
    ['type=inline', { type: 'inline' }],
    ['r.io/c', { type: 'registry', reference: 'r.io/c', isInsecure: false, ...form }],
    [
      'type=local,dest=c,mode=max,compression=zstd,ignore-error=true,mounts=true,oci-mediatypes=true',
      {
        type: 'local',
        directory: '/work/c',
        tag: 'latest',
        ...form,
        mode: 'max',
        compression: { kind: 'zstd', level: 3 },
        ignoresErrors: true,
        savesMounts: true,
      },
    ],
  ])('reads %s', (text, target) => {
    expect(parseCacheTarget(text, '/work')).toEqual(target);
  });

  test.each([
    ['type=local', 'dest is missing'],
    ['type=local,dest=a,mode=mox', 'unknown mode "mox"'],
    [
      'type=registry,ref=a,image-manifest=false',
      'image-manifest=false: a cache is always kept as an image manifest of the OCI form',
    ],
    ['type=inline,mode=max', "unexpected key 'mode' for cache exporter 'inline'"],
  ])('refuses %s', (text, found) => {
    const error = errorOf(() => parseCacheTarget(text, '/work'));
    expect(error.message).toBe(`Cannot use "${text}" for "--cache-to": ${found}`);
  });

  test.each([
    ['gha', 'it needs the service of GitHub that only its jobs reach'],
    ['s3', 'it needs the protocol of one provider of storage'],
    ['azblob', 'it needs the protocol of one provider of storage'],
  ])('says why there is no %s', (type, found) => {
    expect(errorOf(() => parseCacheTarget(`type=${type},x=y`, '/work'))).toMatchObject({
      code: 'UNSUPPORTED',
      message: `Cannot use "type=${type}" for "--cache-to": ${found}`,
      hint: 'Use type=registry, or type=local and keep the directory between jobs.',
    });
  });
});
