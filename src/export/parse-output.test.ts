import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BuildError } from '../diagnostics/build-error.ts';
import { parseOutput } from './parse-output.ts';

const gzip = { compression: { kind: 'gzip', level: 6 }, ociMediaTypes: true };

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
    ['type=local,dest=out', { type: 'local', dest: 'out' }],
    ['type=tar', { type: 'tar', dest: '-' }],
    ['type=tar,dest=root.tar', { type: 'tar', dest: 'root.tar' }],
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
        compression: { kind: 'gzip', level: 9 },
        ociMediaTypes: true,
      },
    ],
    ['type=image,name=a', { type: 'image', names: ['a'], push: false, ...gzip }],
    ['type=image,name=a,push=true', { type: 'image', names: ['a'], push: true, ...gzip }],
    ['type=registry,name=r.io/a', { type: 'image', names: ['r.io/a'], push: true, ...gzip }],
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
    ['type=local', 'dest is required for local output', undefined],
    ['type=local,dest=-', 'dest file is invalid for local exporter', undefined],
    ['type=oci,tar=maybe', 'non-bool value specified for tar', undefined],
    ['type=oci,compression=gzib', 'unsupported compression type gzib', 'Did you mean "gzip"?'],
    ['type=oci,compression-level=10', 'invalid compression-level "10"', undefined],
    ['type=oci,compression-level=-1', 'invalid compression-level "-1"', undefined],
    ['type=oci,oci-mediatypes=false', 'oci-mediatypes=false', 'Use type=docker'],
    ['type=oci,"dest=a', 'extraneous or missing "', undefined],
  ])('refuses %s', (text, found, hint) => {
    const error = faultOf(text);
    expect(error).toMatchObject({ code: 'OUTPUT_INVALID', class: 'usage' });
    expect(error.message).toContain(found);
    if (hint !== undefined) expect(error.hint).toContain(hint);
  });

  it.each(['type=oci,compression=zstd', 'type=cacheonly'])('says that %s is not done', (text) => {
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

const TYPES = ['oci', 'docker', 'local', 'tar', 'image'];
