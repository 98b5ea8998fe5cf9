import fc from 'fast-check';

/** Lines of one instruction, for a stage with `above` stages before it, named s0, s1 and so on. */
type Make = (above: number) => readonly string[];

/** The character of `# escape=`. */
type Escape = '\\' | '`';

const name = fc.constantFrom('A', 'B', 'LONG_NAME', 'a1');
const plain = fc.constantFrom('a', 'b.txt', 'dir/', '.', '..', '/abs/x', '*.c', 'x-1', 'é', '日本');
const pattern = fc.constantFrom('a', '*', '?', 'x*y', '\\*', '');

/** Every form of expansion that cannot fail. */
const expansion = fc.oneof(
  name.map((n) => `$${n}`),
  name.map((n) => `\${${n}}`),
  fc
    .tuple(name, fc.constantFrom(':-', '-', ':+', '+'), fc.constantFrom('', 'w', '$B', '${A:-v}'))
    .map(([n, operator, word]) => `\${${n}${operator}${word}}`),
  fc.constantFrom('${PATH:?unset}', '${PATH?}', '$$', '${PATH}'),
  fc
    .tuple(name, fc.constantFrom('#', '##', '%', '%%'), pattern)
    .map(([n, operator, p]) => `\${${n}${operator}${p}}`),
  fc
    .tuple(name, fc.constantFrom('/', '//'), pattern)
    .map(([n, operator, p]) => `\${${n}${operator}${p === '' ? 'z' : p}/r}`),
);

/** Words without white space, for instructions that are split there whatever the quotes are. */
const solid = (escape: Escape): fc.Arbitrary<string> =>
  fc.oneof(
    plain,
    expansion,
    fc.tuple(plain, expansion).map(([a, b]) => `${a}${b}`),
    fc.tuple(plain, expansion).map(([a, b]) => `"${a}${b}"`),
    plain.map((text) => `'${text}$A'`),
    fc.constantFrom(`${escape}$A`, `"q${escape}"q"`),
  );

/** Words as the instructions with quotes take them. */
const words = (escape: Escape): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 5, arbitrary: solid(escape) },
    { weight: 1, arbitrary: fc.constantFrom('"a  $B"', "'$A b'", `a${escape} b`) },
  );

const json = fc.array(fc.constantFrom('a', 'b c', '$A', '"', '\\', 'é', ''), { minLength: 1 });
const command = fc.constantFrom(
  'true',
  'echo "$A" && ls',
  '[ -f x ] || exit 1',
  'a # no comment',
  '["not json"',
);
const form = fc.oneof(
  command,
  json.map((list) => JSON.stringify(list)),
);
const body = fc.array(fc.constantFrom('line', '\ttab', '', '# no comment', '$A', 'FROM x'));

/** Here-documents of all kinds: the words that announce them, and the lines that follow. */
const heredocs = fc
  .array(fc.tuple(fc.constantFrom('', '1', '3'), fc.constantFrom('', '-'), fc.boolean(), body), {
    minLength: 1,
    maxLength: 3,
  })
  .map((documents) =>
    documents.map(([descriptor, chomp, isQuoted, lines], i) => {
      const end = `END${i}`;
      const word = `${descriptor}<<${chomp}${isQuoted ? `"${end}"` : end}`;
      return { word, lines: [...lines, chomp === '' ? end : `\t${end}`] };
    }),
  );

const mountOptions = fc.constantFrom(
  'type=bind,target=/m,rw',
  'type=bind,source=a,target=rel',
  'type=cache,target=/c,id=x,sharing=locked,mode=0700,uid=1,gid=2',
  'type=cache,target=$A/c,ro',
  'type=tmpfs,target=/t,size=64m',
  'type=secret,id=s,required,mode=0440',
  'type=secret,id=s,env=TOKEN',
  'type=secret,src=s,target=/s,required=false',
  'type=ssh,id=default,required=true',
  'type=ssh',
);

function from(above: number, pick: number): string {
  return above === 0
    ? ''
    : (['', `s${pick % above}`, `${pick % above}`, 'alpine:3'][pick % 4] ?? '');
}

const runFlags = fc.array(
  fc.oneof(
    mountOptions.map((text) => () => `--mount=${text}`),
    fc.nat().map((pick) => (above: number) => {
      const source = /^\d+$/.test(from(above, pick)) ? 's0' : from(above, pick);
      return source === '' ? '--mount=target=/m' : `--mount=from=${source},target=/m`;
    }),
  ),
  { maxLength: 3 },
);
const onceFlags = fc.subarray(['--network=none', '--security=insecure']);

const run = (escape: Escape): fc.Arbitrary<Make> =>
  fc
    .tuple(
      runFlags,
      onceFlags,
      fc.oneof(form, heredocs, fc.constant(`a && ${escape}\n  # why\n  b ${escape}\t\n|| c`)),
      fc.boolean(),
    )
    .map(([mounts, once, what, isOnly]) => (above) => {
      const flags = [...mounts.map((make) => make(above)), ...once];
      if (typeof what === 'string') return [['RUN', ...flags, what].join(' ')];
      const used = isOnly ? what.slice(0, 1) : what;
      const start = isOnly ? [] : ['cat'];
      return [
        ['RUN', ...flags, ...start, ...used.map(({ word }) => word)].join(' '),
        ...used.flatMap(({ lines }) => lines),
      ];
    });

const commonFlags = fc.subarray([
  '--chown=1:2',
  '--chown=$A:staff',
  '--chmod=0755',
  '--chmod=u=rwX,go=rX',
  '--link',
  '--link=false',
  '--exclude=*.md',
  '--exclude=$A',
]);

const transfer = (escape: Escape): fc.Arbitrary<Make> =>
  fc
    .record({
      isCopy: fc.boolean(),
      flags: commonFlags,
      hasParents: fc.boolean(),
      pick: fc.nat(),
      sources: fc.array(solid(escape), { minLength: 1, maxLength: 3 }),
      destination: fc.oneof(solid(escape), fc.constantFrom('/', './', '/d/')),
      documents: fc.option(heredocs, { freq: 3 }),
      list: fc.option(fc.array(plain, { minLength: 2, maxLength: 3 }), { freq: 3 }),
    })
    .map((it) => (above) => {
      const source = it.isCopy && it.documents === null ? from(above, it.pick) : '';
      const flags = [
        ...onceEach(it.flags),
        ...(it.isCopy && it.hasParents ? ['--parents'] : []),
        ...(source === '' ? [] : [`--from=${source}`]),
      ];
      const start = [it.isCopy ? 'COPY' : 'ADD', ...flags];
      if (it.list !== null) return [`${start.join(' ')} ${JSON.stringify(it.list)}`];
      const documents = it.documents ?? [];
      // The words that announce documents are found by the rules of a shell, whatever `escape` is.
      const isFit = (word: string): boolean => documents.length === 0 || !word.includes('`"');
      const sources = it.sources.filter(isFit);
      const destination = isFit(it.destination) ? it.destination : '/';
      return [
        [...start, ...documents.map(({ word }) => word), ...sources, destination].join(' '),
        ...documents.flatMap(({ lines }) => lines),
      ];
    });

/** A flag that is no list may stand once, and `--link` knows no names of users. */
function onceEach(flags: readonly string[]): string[] {
  const seen = new Set<string>();
  return flags.filter((flag) => {
    if (flag.endsWith(':staff') && flags.includes('--link')) return false;
    const key = flag.split('=', 1)[0] ?? '';
    if (key === '--exclude') return true;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

const sha = 'ab'.repeat(32);
const remote: fc.Arbitrary<Make> = fc
  .constantFrom(
    'https://example.com/a.tgz /x/',
    '--checksum=sha256:' + sha + ' http://example.com/dir/?q=1 /x',
    '--unpack --chmod=644 https://example.com/a%20b.tar /x/',
    'https://example.com/a https://example.com/b local /x/',
    'https://example.com/r.git /src',
    '--keep-git-dir=true https://example.com/r.git#v1:sub/dir /src',
    `--checksum=${'ab'.repeat(20)} https://example.com/r.git#main /src`,
    'https://example.com/r.git?ref=main&subdir=a&submodules=false&mtime=commit /src',
    'git@example.com:team/r.git#main /src',
    'ssh://git@example.com:2222/r /src',
    'git://example.com/r?tag=v1 /src',
    'https://example.com/${A:-x}.git /src',
  )
  .map((text) => () => [`ADD ${text}`]);

const setting = (escape: Escape): fc.Arbitrary<Make> => {
  const word = words(escape);
  const value = word;
  return fc
    .oneof(
      fc
        .array(fc.tuple(name, value), { minLength: 1, maxLength: 3 })
        .map((pairs) => `ENV ${pairs.map(([k, v]) => `${k}=${v}`).join(' ')}`),
      fc.tuple(name, value).map(([k, v]) => `ENV ${k} ${v} and more`),
      fc.tuple(value, value).map(([a, b]) => `LABEL "a b"=${a} c.d-e=${b}`),
      fc.tuple(name, value).map(([k, v]) => `LABEL ${k}  ${v}`),
      fc
        .array(fc.tuple(name, fc.option(value)), { minLength: 1, maxLength: 3 })
        .map((args) => `ARG ${args.map(([k, v]) => (v === null ? k : `${k}=${v}`)).join(' ')}`),
      fc.constantFrom('ARG TARGETPLATFORM BUILDARCH', 'ARG HTTP_PROXY', 'ARG TARGETSTAGE'),
      word.map((text) => `WORKDIR ${text}`),
      fc.constantFrom('USER me', 'USER 1:2', 'USER ${A:-u}:g'),
      fc.constantFrom('EXPOSE 80', 'EXPOSE 1-3/udp 443/TCP', 'EXPOSE ${UNSET:-9} 127.0.0.1:1:2'),
      fc.constantFrom('VOLUME /a b', 'VOLUME ["/a b", "c"]', 'VOLUME ["a"', 'VOLUME /$A/x'),
      fc.constantFrom('STOPSIGNAL 9', 'STOPSIGNAL ${UNSET:-SIGTERM}', 'STOPSIGNAL rtmin+3'),
      fc.constantFrom('MAINTAINER A <b@example.com>', 'SHELL ["/bin/bash", "-c"]'),
      form.map((text) => `CMD ${text}`),
      form.map((text) => `ENTRYPOINT ${text}`),
      fc.constantFrom('HEALTHCHECK NONE', 'HEALTHCHECK --interval=1m30s --retries=3 CMD curl x'),
      fc.constantFrom('HEALTHCHECK --timeout=5s --start-interval=1s CMD ["a", "b"]'),
    )
    .map((line) => () => [line]);
};

/** Instructions of a stage; triggers are made of the others. */
const instruction = (escape: Escape): fc.Arbitrary<Make> => {
  const any = fc.oneof(
    { weight: 3, arbitrary: run(escape) },
    { weight: 3, arbitrary: transfer(escape) },
    { weight: 1, arbitrary: remote },
    { weight: 4, arbitrary: setting(escape) },
  );
  const trigger = any.map((make): Make => {
    return (above) => {
      const [first = '', ...rest] = make(above);
      // A trigger is read again without the file's escape directive.
      const isFit = !/^MAINTAINER|[\\`]/.test(first);
      return isFit ? [`ONBUILD ${first}`, ...rest] : ['ONBUILD USER me'];
    };
  });
  return fc.oneof({ weight: 9, arbitrary: any }, { weight: 1, arbitrary: trigger });
};

const base = fc.oneof(
  fc.constantFrom('scratch', 'alpine', 'example.com:5000/a/b:1', 'alpine:${GLOBAL:-3}', '$GLOBAL'),
  fc.constant(`busybox@sha256:${sha}`),
  fc.nat(),
);
const stage = (escape: Escape): fc.Arbitrary<Make> =>
  fc
    .record({
      base,
      platform: fc.constantFrom('', '', '--platform=$BUILDPLATFORM ', '--platform=linux/arm/v7 '),
      instructions: fc.array(instruction(escape), { maxLength: 7 }),
    })
    .map((it) => (above) => {
      const image = typeof it.base === 'string' ? it.base : above === 0 ? 'scratch' : '';
      const below = typeof it.base === 'number' ? `s${it.base % Math.max(above, 1)}` : '';
      const first = `FROM ${it.platform}${image === '' ? below : image} AS s${above}`;
      return [first, ...it.instructions.flatMap((make) => make(above))];
    });

const heads = (escape: Escape): fc.Arbitrary<string> =>
  fc
    .tuple(
      fc.constantFrom('', '# syntax=docker/dockerfile:1\n', '# check=skip=all;error=true\n'),
      fc.constantFrom('', 'ARG GLOBAL=g\n', 'ARG GLOBAL=g OTHER="$GLOBAL x" BUILDPLATFORM\n'),
    )
    .map(([directive, args]) => {
      const own = escape === '`' ? '# escape=`\n' : '';
      return `${directive}${own}${args === '' ? 'ARG GLOBAL=g\n' : args}`;
    });

/** What a text editor may have done to a file; none of it changes what the file means. */
const dress = fc.constantFrom<(text: string) => string>(
  (text) => text,
  (text) => `\uFEFF${text}`,
  (text) => text.replaceAll('\n', '\r\n'),
  (text) => text.replace(/^FROM/gm, '\n# a comment\n  from'),
);

/** A Dockerfile that parses, plans and lowers. Its stages are named s0, s1 and so on. */
export interface RandomDockerfile {
  readonly text: string;
  readonly stages: number;
}

/** Valid Dockerfiles with every instruction, flag, form of here-document and kind of source. */
export const randomDockerfile: fc.Arbitrary<RandomDockerfile> = fc
  .constantFrom<Escape>('\\', '`')
  .chain((escape) =>
    fc.tuple(heads(escape), fc.array(stage(escape), { minLength: 1, maxLength: 5 }), dress),
  )
  .map(([head, stages, change]) => {
    const lines = stages.flatMap((make, above) => make(above));
    return { text: change(`${head}${lines.join('\n')}\n`), stages: stages.length };
  });
