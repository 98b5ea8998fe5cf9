import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BuildError } from '../diagnostics/build-error.ts';
import { parseOutput } from './parse-output.ts';

const plain = { forcesCompression: false, ociMediaTypes: true, annotations: [] };
const gzip = { ...plain, compression: { kind: 'gzip', level: 5 } };
const image = {
  type: 'image',
  names: ['a'],
  push: false,
  pushesByDigest: false,
  isInsecure: false,
  storing: 'always',
  isNameCanonical: false,
  ...gzip,
};

function faultOf(text: string): BuildError {
  try {
    parseOutput(text);
  } catch (error) {
    if (error instanceof BuildError) return error;
  }
  throw new Error(`"${text}" was taken`);
}

describe('parseOutput', () => {
  it.each([
    ['out', { type: 'local', dest: 'out' }],
    ['./a b', { type: 'local', dest: './a b' }],
    ['-', { type: 'tar', dest: '-' }],
    ['type=local,dest=out,mode=copy', { type: 'local', dest: 'out' }],
    ['type=local,dest=out,platform-split=0', { type: 'local', dest: 'out', isSplit: false }],
    ['type=tar', { type: 'tar', dest: '-' }],
    ['type=tar,dest=a,platform-split=true', { type: 'tar', dest: 'a', isSplit: true }],
    ['type=oci,dest=o.tar', { type: 'oci', dest: 'o.tar', isTar: true, names: [], ...gzip }],
    ['type=oci', { type: 'oci', dest: '-', isTar: true, names: [], ...gzip }],
    ['type=oci,dest=o,tar=false', { type: 'oci', dest: 'o', isTar: false, names: [], ...gzip }],
    [
      '"type=docker","name=a:1,b:2",dest=d.tar',
      { type: 'docker', dest: 'd.tar', isTar: true, names: ['a:1', 'b:2'], ...gzip },
    ],
    ['"type=tar","dest=a,b.tar"', { type: 'tar', dest: 'a,b.tar' }],
    [
      'type=docker,dest=d.tar,oci-mediatypes=false,compression=uncompressed',
      {
        type: 'docker',
        dest: 'd.tar',
        isTar: true,
        names: [],
        ...plain,
        compression: { kind: 'uncompressed' },
        ociMediaTypes: false,
      },
    ],
    [
      'type=oci,dest=o.tar,compression=gzip,compression-level=9',
      {
        type: 'oci',
        dest: 'o.tar',
        isTar: true,
        names: [],
        ...plain,
        compression: { kind: 'gzip', level: 9 },
      },
    ],
    ['type=cacheonly', { type: 'cacheonly' }],
    // Docker's "load it"; never an archive in the log of a job.
    ['type=docker,name=a', image],
    ['type=image,name=a', image],
    ['type=image,name=a,unpack=true,rewrite-timestamp=true', image],
    ['type=image,name=a,push=true,store=false', { ...image, push: true, storing: 'never' }],
    ['type=registry,name=a,store=true', { ...image, push: true }],
    ['type=registry,name=a,store=false', { ...image, push: true, storing: 'never' }],
    [
      'type=registry,name=r.io/a',
      { ...image, names: ['r.io/a'], push: true, storing: 'when-here' },
    ],
    [
      'type=image,name=a,push-by-digest=true,name-canonical=true,registry.insecure=true',
      { ...image, push: true, pushesByDigest: true, isNameCanonical: true, isInsecure: true },
    ],
    [
      'type=image,name=a,compression=zstd,compression-level=19,force-compression=true',
      { ...image, compression: { kind: 'zstd', level: 19 }, forcesCompression: true },
    ],
    [
      'type=image,name=a,annotation.Org.Title=One,annotation-index.x=y,annotation-manifest-descriptor[linux/arm64/v8].k=v',
      {
        ...image,
        annotations: [
          { on: 'manifest', platform: undefined, key: 'Org.Title', value: 'One' },
          { on: 'index', platform: undefined, key: 'x', value: 'y' },
          { on: 'manifest-descriptor', platform: 'linux/arm64', key: 'k', value: 'v' },
        ],
      },
    ],
  ])('reads %s', (text, output) => {
    expect(parseOutput(text)).toEqual(output);
  });

  it.each([
    ['', 'EOF', undefined],
    ['dest=a', 'type is required for output', 'Begin it with type= and one of'],
    ['type=ocii,dest=a', 'exporter "ocii" could not be found', 'Did you mean "oci"?'],
    ['type=zzzzzz', 'exporter "zzzzzz" could not be found', 'Known are oci,'],
    ['type=oci,des=a', "unexpected key 'des' for output type 'oci'", 'Did you mean "dest"?'],
    ['type=local,dest=a,tar=false', "unexpected key 'tar' for output type 'local'", undefined],
    ['type=oci,dest', 'invalid value dest', 'Write it as key=value.'],
    ['type=oci,dest=a,dest=b', '"dest" is there twice', undefined],
    ['type=local,dest=a,mode=move', 'invalid mode "move"', 'Known is mode=copy.'],
    ['type=local', 'dest is required for local output', undefined],
    ['type=local,dest=-', 'dest file is invalid for local exporter', undefined],
    ['type=oci,tar=maybe', 'non-bool value specified for tar', undefined],
    ['type=oci,compression=gzib', 'unsupported compression type gzib', 'Did you mean "gzip"?'],
    ['type=oci,compression-level=10', 'invalid compression-level "10"', undefined],
    ['type=oci,compression-level=-1', 'invalid compression-level "-1"', undefined],
    ['type=oci,oci-mediatypes=false', 'oci-mediatypes=false', 'Use type=docker'],
    ['type=image,compression-levl=3', "unexpected key 'compression-levl'", '"compression-level"?'],
    ['type=oci,compression=zstd,compression-level=23', 'invalid compression-level "23"', '1 to 22'],
    ['type=image,name=a:1,push-by-digest=true', "can't push tagged ref a:1 by digest", 'Leave the'],
    ['type=local,dest=a,annotation.x=y', "unexpected key 'annotation.x'", 'Known are type, dest'],
    ['type=image,annotation-index[linux/arm64].k=v', 'an index has no platform', 'brackets'],
    ['type=image,annotation[what/is/this/now].k=v', 'is no platform', 'Write it as in'],
    ['type=docker,compression=zstd,oci-mediatypes=false', 'no place for compression=zstd', 'Leave'],
    ['type=oci,"dest=a', 'extraneous or missing "', undefined],
  ])('refuses %s', (text, found, hint) => {
    const error = faultOf(text);
    expect(error).toMatchObject({ code: 'OUTPUT_INVALID', class: 'usage' });
    expect(error.message).toContain(found);
    if (hint !== undefined) expect(error.hint).toContain(hint);
  });

  it.each([
    'type=oci,compression=estargz',
    'type=image,dangling-name-prefix=a',
    'type=image,prefer-nondist-layers=true',
    'type=image,source-date-epoch=1',
    'type=image,rewrite-timestamp=false',
    'type=local,dest=a,mode=delete',
  ])('says that %s is not done', (text) => {
    expect(faultOf(text)).toMatchObject({ code: 'UNSUPPORTED', class: 'usage' });
  });

  it('either reads any text or refuses it with an error for users', () => {
    const word = fc.constantFrom('type=oci', 'type=', 'dest=', 'tar=', '"', ',', '=', '-', 'x');
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(word).map((words) => words.join(',')),
        ),
        (text) => {
          try {
            expect(TYPES).toContain(parseOutput(text).type);
          } catch (error) {
            expect(error).toBeInstanceOf(BuildError);
          }
        },
      ),
    );
  });
});

const TYPES = ['oci', 'docker', 'local', 'tar', 'image', 'cacheonly'];
