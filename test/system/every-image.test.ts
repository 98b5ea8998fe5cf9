import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { openBaseRig, type BaseRig } from '../support/base-rig.ts';
import {
  openCollection,
  saveStore,
  unread,
  type BuiltImage,
} from '../support/read-back/collect.ts';
import { isDockersOwn, whyNotRun } from '../support/read-back/docker.ts';
import { differences, parseList } from '../support/read-back/file-lists.ts';
import { readImages, type Readings } from '../support/read-back/read-images.ts';
import { whyUnreadable } from '../support/read-back/umoci.ts';

const { tools } = inject('readBack');
const hasAll = tools.hasSkopeo && tools.hasUmoci && tools.docker !== undefined;

// Every image that system tests build is read back after its test file: here it is shown that this is so.
describe.skipIf(!hasAll)('Reading back', () => {
  let rig: BaseRig;
  let runDir: string;
  let images: readonly BuiltImage[];
  let id: string;

  beforeAll(async () => {
    rig = await openBaseRig();
    runDir = mkdtempSync(join(rig.dir, 'run-'));
    const context = rig.context({ Dockerfile: 'FROM busybox\nRUN echo one > /one\n' });
    const { status, stdout, stderr } = await rig.run(['build', '-q', '-t', 'ordinary', context]);
    expect(status, stderr).toBe(0);
    id = stdout.trim();
    const collection = openCollection(runDir);
    saveStore(collection, rig.root);
    expect(collection.faults).toEqual([]);
    ({ images } = collection);
  });

  afterAll(async () => {
    rmSync(runDir, { recursive: true });
    await rig[Symbol.asyncDispose]();
  });

  const ordinary = (): BuiltImage => {
    const image = images.find((each) => each.id === id);
    if (image === undefined) throw new Error('The image was not collected');
    return image;
  };

  const read = (image: BuiltImage): Promise<Readings> =>
    readImages([image], tools, () => true, runDir);

  test('an ordinary image is read by skopeo, umoci and Docker, and run', async () => {
    const { counts, faults } = await read(ordinary());
    expect(faults).toEqual([]);
    expect([...counts]).toEqual([
      ['copied by skopeo', 1],
      ['unpacked by umoci', 1],
      ['loaded by Docker', 1],
      ['run by Docker', 1],
    ]);
    expect(whyUnreadable(ordinary())).toBeUndefined();
    expect(whyNotRun(ordinary(), ordinary().files ?? new Map())).toBeUndefined();
  });

  test('a file that a tool has otherwise is a fault, with image, origin and tool', async () => {
    const files = new Map(ordinary().files);
    files.set('one', '-rw------- 0/0 4 2001-02-03 04:05:06');
    const { faults } = await read({ ...ordinary(), files, origin: 'made here' });
    const about = `${ordinary().digest}, made here: "one" is -rw-r--r-- 0/0 4 `;
    const shown = faults.map((fault) => fault.replace(/ 4 .* for (\w+), and/, ' 4 for $1, and'));
    expect(shown).toEqual([
      `${about}for umoci, and -rw------- 0/0 4 2001-02-03 04:05:06 for export`,
      `${about}for Docker, and -rw------- 0/0 4 2001-02-03 04:05:06 for export`,
    ]);
  });

  test('a layer that is not what its digest says is a fault, with what the tool said', async () => {
    const own = openCollection(runDir);
    rmSync(join(runDir, 'seen'), { recursive: true });
    saveStore(own, rig.root);
    const image = own.images.find((each) => each.id === id) ?? ordinary();
    const blobs = join(image.source.split(':')[1] ?? '', 'blobs/sha256');
    const layer = readdirSync(blobs)
      .map((name) => join(blobs, name))
      .find((path) => readFileSync(path)[0] !== 0x7b);
    writeFileSync(layer ?? '', 'no layer');
    const { counts, faults } = await read(image);
    expect([...counts.keys()]).toEqual([]);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(`${image.digest}, ${rig.root}: skopeo copy -q`);
    expect(faults[0]).toMatch(/[Dd]igest/);
  });

  test('one of several images that differ in times and contents alone is run, and all are loaded', async () => {
    const own = openCollection(runDir);
    const build = async (content: string): Promise<string> => {
      const Dockerfile = 'FROM busybox\nCOPY content /\n';
      const context = rig.context({ Dockerfile, content });
      const { status, stdout, stderr } = await rig.run(['build', '-q', context]);
      expect(status, stderr).toBe(0);
      return stdout.trim();
    };
    const ids = [await build('some'), await build('same'), await build('longer')];
    saveStore(own, rig.root);
    const built = own.images.filter((each) => ids.includes(each.id));
    const seen = new Set<string>();
    const isFirst = (what: string, digest: string): boolean =>
      seen.size < seen.add(what + digest).size;
    const { counts, faults } = await readImages(built, tools, isFirst, runDir);
    expect(faults).toEqual([]);
    expect(Object.fromEntries(counts)).toEqual({
      'copied by skopeo': 3,
      'unpacked by umoci': 3,
      'loaded by Docker': 3,
      'run by Docker': 2,
    });
  });

  test('an image that left its store unseen is a fault', () => {
    const own = openCollection(runDir);
    own.stores.set('/store', new Map([['sha256:1234', '"build -t gone ." in "some test"']]));
    expect(unread(own)).toEqual([
      'sha256:1234, "build -t gone ." in "some test": it left /store before it was saved',
    ]);
  });

  test('only what tools cannot do is left out, and what Docker makes itself', () => {
    const oci = {
      source: 'oci:/layout:tag',
      layerTypes: ['application/vnd.oci.image.layer.v1.tar+zstd'],
    };
    expect(whyUnreadable(oci)).toBe('it has layers of zstd');
    expect(whyUnreadable({ source: 'dir:/d', layerTypes: [] })).toBe("it has Docker's own types");
    const shell = new Map([['bin/sh', 'lrwxrwxrwx']]);
    expect(whyNotRun({ architecture: 'riscv64', volumes: [] }, shell)).toBe(
      'it is for other processors',
    );
    const native = { architecture: ordinary().architecture, volumes: ['/data'] };
    expect(whyNotRun(native, shell)).toBeUndefined();
    expect(whyNotRun({ ...native, volumes: ['/proc'] }, shell)).toBe(
      'Docker mounts no volume over /proc',
    );
    expect(
      whyNotRun(
        native,
        new Map([
          ['bin', 'd'],
          ['app', '-'],
        ]),
      ),
    ).toBe('it has no program that ends at once');
    const some = ['etc', 'etc/passwd', 'dev/null', 'bin/sh', 'etc/hosts.d', 'proc'];
    const isOwn = (path: string): boolean =>
      isDockersOwn(
        path,
        new Map([
          ['etc', 'drwxr-xr-x'],
          ['proc', 'lrwxrwxrwx'],
        ]),
      );
    expect(some.filter(isOwn)).toEqual(['proc']);
  });

  test('lists of files are alike whichever name of a file comes first', () => {
    const list = (first: string, second: string): string =>
      `-rw-r--r-- 1/2  3 2001-02-03 04:05:06.7 "./${first}"\nhrw-r--r-- 1/2 0 2001-02-03 04:05:06 "./${second}" link to "./${first}"\ndrwxr-xr-x 0/0 0 2026-01-01 00:00:00 "./d/"\nlrwxrwxrwx 0/0 0 2001-02-03 04:05:06 "l" -> "d/\\303\\251"\n`;
    const one = parseList(list('a', 'b'));
    expect(differences(['one', one], ['two', parseList(list('b', 'a'))])).toEqual([]);
    expect(Object.fromEntries(one)).toEqual({
      a: '-rw-r--r-- 1/2 3 2001-02-03 04:05:06 = "a"',
      b: '-rw-r--r-- 1/2 3 2001-02-03 04:05:06 = "a"',
      d: 'drwxr-xr-x 0/0',
      l: 'lrwxrwxrwx 0/0 0 2001-02-03 04:05:06 -> "d/\\303\\251"',
    });
    expect(() => parseList('tar: what is this')).toThrow('tar listed what nobody expects');
  });
});
