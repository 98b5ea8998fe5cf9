import { execFileSync, spawnSync } from 'node:child_process';
import { lstatSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/** 255 bytes, the longest name there can be; no tar header has room for it. */
const LONG = 'n'.repeat(255);

/**
 * Instructions on top of busybox that make what is hard to keep in layers: names that are long or no
 * ASCII, hard links within a layer and across two, links that lead nowhere or up, devices and pipes, bits
 * and attributes, owners above 16 bits, files and directories that are removed, or removed and made again.
 * Their context is a directory `hard` with a file `attributed`.
 */
export const HARD_INSTRUCTIONS = `COPY hard /t
RUN mkdir -p /t/${LONG} /t/gone/deep /t/again && echo long > /t/${LONG}/f \\
 && echo old > /t/gone/deep/f && echo old > /t/again/old && echo x > /t/file && ln /t/file /t/same && echo y > /t/old
RUN ln /t/old /t/new && echo é > /t/naïve-✓ && ln -s ../../../etc/passwd /t/up \\
 && ln -s /nowhere /t/dangling && mkfifo /t/pipe && mknod /t/null c 1 3 && mknod /t/disk b 7 0 \\
 && echo s > /t/setuid && chmod 6755 /t/setuid && mkdir -m 1777 /t/sticky && echo o > /t/owned \\
 && chown 3000000:70000 /t/owned && : > /t/empty && touch -d '2001-02-03 04:05:06' /t/empty
RUN rm -r /t/gone /t/again && mkdir /t/again && echo new > /t/again/new
`;

/** Prints what can be seen of the files in a container, in busybox's words. */
export const HARD_SCRIPT = `cd /t && find . | sort | while read -r f; do stat -c '%n %f %u:%g %t,%T' "$f"; done; stat -c %h same; stat -c %Y empty; cat again/new ${LONG}/f naïve-✓; readlink up; readlink dangling`;

/** What `HARD_SCRIPT` prints in every engine. */
export const HARD_PRINTED = `. 41ed 0:0 0,0
./again 41ed 0:0 0,0
./again/new 81a4 0:0 0,0
./attributed 81a4 0:0 0,0
./dangling a1ff 0:0 0,0
./disk 61a4 0:0 7,0
./empty 81a4 0:0 0,0
./file 81a4 0:0 0,0
./naïve-✓ 81a4 0:0 0,0
./new 81a4 0:0 0,0
./${LONG} 41ed 0:0 0,0
./${LONG}/f 81a4 0:0 0,0
./null 21a4 0:0 1,3
./old 81a4 0:0 0,0
./owned 81a4 3000000:70000 0,0
./pipe 11a4 0:0 0,0
./same 81a4 0:0 0,0
./setuid 8ded 0:0 0,0
./sticky 43ff 0:0 0,0
./up a1ff 0:0 0,0
2
981173106
new
long
é
../../../etc/passwd
/nowhere
`;

/** The context of `HARD_INSTRUCTIONS` below `dir`, made there with its extended attribute. */
export function writeHardFiles(dir: string): void {
  execFileSync('setfattr', ['-n', 'user.kept', '-v', 'value', join(dir, 'hard/attributed')]);
}

/** The files of an unpacked image that differ from what the instructions made. */
export function hardFaults(rootfs: string): string[] {
  const at = (name: string): string => join(rootfs, 't', name);
  const inode = (name: string): number => lstatSync(at(name)).ino;
  const expected: readonly (readonly [string, () => unknown, unknown])[] = [
    ['gone', () => lstatSync(at('gone'), { throwIfNoEntry: false }), undefined],
    ['again/old', () => lstatSync(at('again/old'), { throwIfNoEntry: false }), undefined],
    ['again/new', () => readFileSync(at('again/new'), 'utf8'), 'new\n'],
    [LONG, () => readFileSync(at(`${LONG}/f`), 'utf8'), 'long\n'],
    ['naïve-✓', () => readFileSync(at('naïve-✓'), 'utf8'), 'é\n'],
    ['up', () => readlinkSync(at('up')), '../../../etc/passwd'],
    ['dangling', () => readlinkSync(at('dangling')), '/nowhere'],
    ['file', () => [lstatSync(at('file')).nlink, inode('file') === inode('same')], [2, true]],
    // Linked by a later layer, which then has both names.
    ['old', () => [lstatSync(at('old')).nlink, inode('old') === inode('new')], [2, true]],
    ['owned', () => [lstatSync(at('owned')).uid, lstatSync(at('owned')).gid], [3_000_000, 70_000]],
    ['setuid', () => lstatSync(at('setuid')).mode & 0o7777, 0o6755],
    ['sticky', () => lstatSync(at('sticky')).mode & 0o7777, 0o1777],
    ['pipe', () => lstatSync(at('pipe')).isFIFO(), true],
    [
      'null',
      () => [lstatSync(at('null')).isCharacterDevice(), lstatSync(at('null')).rdev],
      [true, 0x103],
    ],
    [
      'disk',
      () => [lstatSync(at('disk')).isBlockDevice(), lstatSync(at('disk')).rdev],
      [true, 0x700],
    ],
    ['empty', () => lstatSync(at('empty')).mtimeMs, 981_173_106_000],
    ['attributed', () => attribute(at('attributed')), 'value'],
  ];
  return expected.flatMap(([what, read, wanted]) => {
    const found = read();
    const isEqual = JSON.stringify(found) === JSON.stringify(wanted);
    return isEqual ? [] : [`${what} is ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`];
  });
}

function attribute(path: string): string {
  const words = ['--only-values', '-n', 'user.kept', path];
  return spawnSync('getfattr', ['--absolute-names', ...words], { encoding: 'utf8' }).stdout;
}
