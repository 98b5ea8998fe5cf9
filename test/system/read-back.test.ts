import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openBaseRig, type BaseRig } from '../support/base-rig.ts';
import {
  HARD_INSTRUCTIONS,
  HARD_PRINTED,
  HARD_SCRIPT,
  hardFaults,
  writeHardFiles,
} from '../support/hard-image.ts';
import { startRegistry, type RegistryServer } from '../support/registry-server.ts';

const hasTools = ['skopeo', 'umoci', 'setfattr', 'getfattr'].every(
  (tool) => spawnSync(tool, ['--version'], { stdio: 'ignore' }).status === 0,
);

// Devices and owners of files want root. Docker reads the same files back in docker.test.ts.
describe.skipIf(!hasTools || process.getuid?.() !== 0)('skopeo and umoci read back', () => {
  let registry: RegistryServer;
  let rig: BaseRig;
  let context: string;
  let host: string;

  beforeAll(async () => {
    rig = await openBaseRig();
    registry = await startRegistry();
    host = registry.host;
    const text = `FROM busybox\n${HARD_INSTRUCTIONS}CMD ${JSON.stringify(['sh', '-c', HARD_SCRIPT])}\n`;
    context = rig.context({ 'hard/attributed': 'a', Dockerfile: text });
    writeHardFiles(context);
    await build('-t', 'hard');
  });

  afterAll(async () => {
    await registry[Symbol.asyncDispose]();
    await rig[Symbol.asyncDispose]();
  });

  async function build(...words: string[]): Promise<void> {
    const { status, stderr } = await rig.run(['build', ...words, context]);
    expect(status, stderr).toBe(0);
  }

  /** Copies an image with skopeo, unpacks it with umoci, and compares its files. */
  function expectReadBack(source: string, ...flags: string[]): void {
    const layout = join(rig.dir, 'read-back');
    const bundle = join(rig.dir, 'bundle');
    try {
      tool('skopeo', 'copy', '-q', ...flags, source, `oci:${layout}:hard`);
      tool('umoci', 'unpack', '--image', `${layout}:hard`, bundle);
      expect(hardFaults(join(bundle, 'rootfs'))).toEqual([]);
      const { process: started } = JSON.parse(
        readFileSync(join(bundle, 'config.json'), 'utf8'),
      ) as { process: { args: string[] } };
      expect(started.args).toEqual(['sh', '-c', HARD_SCRIPT]);
    } finally {
      rmSync(layout, { recursive: true, force: true });
      rmSync(bundle, { recursive: true, force: true });
    }
  }

  test('the files are what they should be', async () => {
    const { stdout, stderr } = await rig.run(['run', '--rm', 'hard']);
    expect(stdout, stderr).toBe(HARD_PRINTED);
  });

  test.each([
    ['type=oci', 'oci-archive'],
    ['type=oci,compression=uncompressed,force-compression=true', 'oci-archive'],
    ['type=oci,compression=gzip,compression-level=9,force-compression=true', 'oci-archive'],
    ['type=docker,oci-mediatypes=false', 'docker-archive'],
    ['type=oci,tar=false', 'oci'],
    ['type=docker', 'docker-archive'],
    ['type=docker,compression=uncompressed', 'docker-archive'],
  ])('-o %s', async (type, transport) => {
    const path = join(rig.dir, 'out.tar');
    await build('-o', `${type},dest=${path}`);
    expectReadBack(`${transport}:${path}`);
    rmSync(path, { recursive: true });
  });

  test.each(['gzip', 'zstd', 'uncompressed'])('what was pushed as %s', async (compression) => {
    const name = `${host}/hard:${compression}`;
    const options = `compression=${compression},force-compression=true`;
    await build('-o', `type=registry,name=${name},${options}`);
    // umoci 0.4 knows no zstd: skopeo packs it anew.
    const anew = compression === 'zstd' ? ['--dest-compress-format=gzip'] : [];
    expectReadBack(`docker://${name}`, '--src-tls-verify=false', ...anew);
  });

  test('each platform of an index', async () => {
    const path = join(rig.dir, 'two.tar');
    const name = `${host}/two:1`;
    const made = rig.context({
      'hard/attributed': 'a',
      Dockerfile: `FROM --platform=$BUILDPLATFORM busybox AS made\n${HARD_INSTRUCTIONS}FROM scratch\nCOPY --from=made / /\nCMD ${JSON.stringify(['sh', '-c', HARD_SCRIPT])}\n`,
    });
    writeHardFiles(made);
    const outputs = ['-o', `type=oci,dest=${path}`, '-o', `type=registry,name=${name}`];
    const words = ['build', '--platform=linux/amd64,linux/arm64/v8', ...outputs, made];
    const { status, stderr } = await rig.run(words);
    expect(status, stderr).toBe(0);
    for (const arch of ['amd64', 'arm64']) {
      expectReadBack(`oci-archive:${path}`, `--override-arch=${arch}`);
      expectReadBack(`docker://${name}`, `--override-arch=${arch}`, '--src-tls-verify=false');
    }
  });

  test('what "save" writes', async () => {
    const path = join(rig.dir, 'saved.tar');
    const { status, stderr } = await rig.run(['save', '-o', path, 'hard']);
    expect(status, stderr).toBe(0);
    expectReadBack(`docker-archive:${path}`);
    expectReadBack(`oci-archive:${path}`);
  });

  test('-o type=tar and type=local, with the programs that are there for them', async () => {
    const [path, dir] = [join(rig.dir, 'files.tar'), join(rig.dir, 'files')];
    const unpacked = join(rig.dir, 'unpacked');
    mkdirSync(unpacked);
    await build('-o', `type=tar,dest=${path}`, '-o', dir);
    const words = ['--xattrs', '--xattrs-include=*', '--numeric-owner', '-xpf', path];
    tool('tar', ...words, '-C', unpacked);
    expect(hardFaults(unpacked)).toEqual([]);
    expect(existsSync(join(dir, 't/gone'))).toBe(false);
    expect(hardFaults(dir)).toEqual([]);
  });

  function tool(program: string, ...words: string[]): void {
    const result = spawnSync(program, words, { encoding: 'utf8', cwd: rig.dir });
    expect(result.status, `${program} ${words.join(' ')}\n${result.stderr}`).toBe(0);
  }
});
