import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { openBaseRig, type BaseRig } from '../support/base-rig.ts';
import { callTool } from '../support/read-back/call-tool.ts';
import {
  HARD_INSTRUCTIONS,
  HARD_PRINTED,
  HARD_SCRIPT,
  writeHardFiles,
} from '../support/hard-image.ts';
import { startRegistry, type RegistryServer } from '../support/registry-server.ts';

const DOCKERFILE = `FROM busybox AS builder
RUN echo built > /out.txt && chmod 640 /out.txt && chown 7:8 /out.txt
FROM busybox
${HARD_INSTRUCTIONS}COPY --from=builder /out.txt /app/
RUN ln -s out.txt /app/link && ln /app/out.txt /app/same && rm /bin/ar && mkdir /gone
RUN rm -r /gone && mkdir /gone
ENV WHO=image
EXPOSE 80 53/udp
VOLUME /data
HEALTHCHECK --interval=30s CMD true
USER 7:8
WORKDIR /app
LABEL kind=test
ENTRYPOINT ["sh", "-c"]
CMD ["echo $WHO; id -u; cat link; stat -c '%h %a %u:%g' same; ls /bin/ar 2>/dev/null; ls -A /gone | wc -l"]
`;
/** What the image prints in every engine. */
const PRINTED = 'image\n7\nbuilt\n2 640 7:8\n0\n';
const NAME = 'example.com/team/app:1';

const { docker: client } = inject('readBack').tools;

describe.skipIf(client === undefined)('Docker', () => {
  let registry: RegistryServer;
  let rig: BaseRig;
  let context: string;

  beforeAll(async () => {
    rig = await openBaseRig();
    registry = await startRegistry();
    context = rig.context({ 'hard/attributed': 'a', Dockerfile: DOCKERFILE });
    writeHardFiles(context);
    await own('build', '-q', '-t', NAME, context);
  });

  afterAll(async () => {
    await registry[Symbol.asyncDispose]();
    await rig[Symbol.asyncDispose]();
  });

  /** Runs the program, which must succeed; gives what it prints. */
  async function own(...words: string[]): Promise<string> {
    const { status, stdout, stderr } = await rig.run(words);
    expect(status, `${words.join(' ')}\n${stderr}`).toBe(0);
    return stdout;
  }

  /** The same for Docker's client. */
  function docker(...words: string[]): Promise<string> {
    if (client === undefined) throw new Error('There is no Docker');
    return callTool(client.path, words, client.env);
  }

  /** Runs what Docker has under a name, and takes it away. */
  async function runAndRemove(name: string): Promise<void> {
    const id = (await own('inspect', '-f', '{{.Id}}', name)).trim();
    expect(await docker('image', 'inspect', '-f', '{{.Id}}', name)).toBe(`${id}\n`);
    expect(await docker('run', '--rm', '--network', 'none', name)).toBe(PRINTED);
    const hard = ['--user', '0', '--network', 'none', name, HARD_SCRIPT];
    expect(await docker('run', '--rm', ...hard)).toBe(HARD_PRINTED);
    await docker('rmi', '-f', id);
  }

  test.each([
    ['type=docker'],
    ['type=docker,compression=uncompressed,force-compression=true'],
    ['type=docker,compression-level=9'],
    ['type=docker,oci-mediatypes=false'],
  ])('loads and runs -o %s', async (type) => {
    const path = join(rig.dir, 'image.tar');
    await own('build', '-t', NAME, '-o', `${type},dest=${path}`, context);
    expect(await docker('load', '-i', path)).toContain(`Loaded image: ${NAME}`);
    await runAndRemove(NAME);
  });

  test('loads and runs what "save" writes, and gives it back the same', async () => {
    const [path, back] = [join(rig.dir, 'saved.tar'), join(rig.dir, 'from-docker.tar')];
    await own('tag', NAME, 'second:2');
    await own('save', '-o', path, NAME, 'second:2');
    await docker('load', '-i', path);
    await docker('save', '-o', back, 'second:2');
    await runAndRemove('second:2');
    await using other = rig.elsewhere();
    const { stdout, stderr } = await other.run(['load', '-i', back]);
    expect(stdout, stderr).toBe('Loaded image: second:2\n');
    const inspected = await other.run(['inspect', '-f', '{{.Id}}', 'second:2']);
    expect(inspected.stdout).toBe(await own('inspect', '-f', '{{.Id}}', 'second:2'));
    expect((await other.run(['run', '--rm', 'second:2'])).stdout).toBe(PRINTED);
  });

  test.each(['true', 'false'])('pulls and runs what was pushed, oci-mediatypes=%s', async (oci) => {
    const name = `${registry.host}/team/app:${oci}`;
    const type = `type=image,name=${name},push=true,oci-mediatypes=${oci},force-compression=true`;
    await own('build', '-o', type, context);
    await docker('pull', '-q', name);
    await runAndRemove(name);
  });

  test('pushes what we pull and run', async () => {
    const path = join(rig.dir, 'to-push.tar');
    const name = `${registry.host}/from-docker:1`;
    await own('save', '-o', path, NAME);
    await docker('load', '-i', path);
    await docker('tag', NAME, name);
    await docker('push', '-q', name);
    await docker('rmi', '-f', NAME, name);
    await using other = rig.elsewhere();
    const pulled = await other.run(['pull', '-q', name]);
    expect(pulled, pulled.stderr).toMatchObject({ status: 0, stdout: `${name}\n`, stderr: '' });
    expect((await other.run(['run', '--rm', name])).stdout).toBe(PRINTED);
  });

  test('says the same of an image, field by field', async () => {
    const path = join(rig.dir, 'inspected.tar');
    await own('save', '-o', path, NAME);
    await docker('load', '-i', path);
    const formats = {
      inspect: [
        '{{.Id}} {{.Os}}/{{.Architecture}} {{.Created}} {{.Comment}}',
        '{{json .Config.Env}} {{json .Config.Cmd}} {{.Config.Entrypoint}} {{.Config.User}}',
        '{{.Config.ExposedPorts}} {{.Config.Volumes}} {{.Config.WorkingDir}}',
        '{{json .Config.Healthcheck}} {{index .Config.Labels "kind"}} {{.RootFS.Layers}}',
        '{{range $port, $_ := .Config.ExposedPorts}}{{$port}} {{end}}{{len .RootFS.Layers}}',
      ],
      images: [
        '{{.Repository}} {{.Tag}} {{.ID}} {{.CreatedAt}} {{.Digest}} {{.Containers}}',
        'table {{.Tag}}\t{{.ID}}\t{{.Repository}}',
      ],
      history: ['{{.ID}} {{.CreatedBy}} {{.CreatedAt}} {{.Comment}}'],
    };
    await own('tag', NAME, 'example.com/team/app:2');
    await docker('tag', NAME, 'example.com/team/app:2');
    const quiet = ['images', '-q', 'example.com/team/app'];
    expect(await own(...quiet)).toBe(await docker(...quiet));
    await own('rmi', 'example.com/team/app:2');
    await docker('rmi', 'example.com/team/app:2');
    for (const [command, templates] of Object.entries(formats)) {
      for (const format of templates) {
        const words = [command, '--format', format, NAME];
        expect(await own(...words), words.join(' ')).toBe(await docker(...words));
      }
    }
    expect(await own('history', '-q', '--no-trunc', NAME)).toBe(
      await docker('history', '-q', '--no-trunc', NAME),
    );
    await docker('rmi', NAME);
  });

  test('imports what "export" writes, and the other way round', async () => {
    const path = join(rig.dir, 'root.tar');
    await own('export', '-o', path, NAME);
    await docker('import', '--change', 'USER 7', path, 'imported:1');
    const words = ['sh', '-c', 'cat /app/link; stat -c "%a %u:%g" /app/same'];
    expect(await docker('run', '--rm', '--network', 'none', 'imported:1', ...words)).toBe(
      'built\n640 7:8\n',
    );
    const container = (await docker('create', 'imported:1', 'true')).trim();
    await docker('export', '-o', path, container);
    await own('import', path, 'back:1');
    expect(await own('run', '--rm', 'back:1', ...words)).toBe('built\n640 7:8\n');
    await docker('rm', container);
    await docker('rmi', 'imported:1');
  });
});
