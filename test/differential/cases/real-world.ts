import type { DifferentialCase } from '../case.ts';
import { historyDiffers, REASON } from './reasons.ts';

const BASE = 'FROM diff/base:1\n';
const APP = { 'package.json': '{}', 'src/index.js': 'run', 'src/lib/a.js': 'a', 'README.md': '#' };

/** Habits that public Dockerfiles have, each written down in a few lines of our own. */
export const REAL_WORLD_CASES: readonly DifferentialCase[] = [
  {
    name: 'one RUN with set -eux, semicolons and comments between the commands',
    dockerfile: `${BASE}RUN set -eux; \\\n\t# make it\n\tmkdir -p /app; \\\n# not indented\n\t\techo ok > /app/x; \\\n\t\\\n\trm -rf /tmp/*\n`,
  },
  {
    name: 'a continued list that ends with an escape before a blank line',
    dockerfile: `${BASE}RUN echo \\\n  a \\\n  b \\\n\nRUN true\n`,
  },
  {
    name: 'ENV over several lines with comments inside',
    dockerfile: `${BASE}ENV A=1 \\\n    # the second\n    B="two words" \\\n    C=\${A:-x}\n`,
  },
  {
    name: 'PATH put together in steps',
    dockerfile: `${BASE}ENV HOME=/h\nENV BIN=$HOME/.local/bin PATH="$HOME/bin:$PATH"\nENV PATH=$BIN:$PATH\nRUN echo $PATH > /p\n`,
  },
  {
    name: 'a version ARG that names ENV and files',
    dockerfile: `${BASE}ARG VERSION=1.2.3\nENV APP_VERSION=$VERSION\nRUN echo "\${VERSION%.*} $APP_VERSION" > /v\nLABEL org.opencontainers.image.version="v\${VERSION}"\n`,
  },
  {
    name: 'a version ARG before FROM, declared again in the stage',
    dockerfile: `ARG TAG=1\nFROM diff/base:\${TAG} AS one\nARG TAG\nRUN echo "tag $TAG" > /t\nFROM diff/base:$TAG\nCOPY --from=one /t /t\nRUN echo "no [$TAG]" > /u\n`,
  },
  {
    name: 'ARG and ENV of one name, both ways round',
    dockerfile: `${BASE}ARG MODE=dev\nENV MODE=\${MODE:-prod}\nRUN echo $MODE > /m\n`,
    buildArgs: { MODE: 'test' },
    expect: historyDiffers(REASON.argValue, 2),
  },
  {
    name: 'ENV of a stage, ARG after it, and a stage on top',
    dockerfile: `${BASE.trim()} AS a\nENV MODE=env\nARG MODE=arg\nRUN echo $MODE > /one\nFROM a\nRUN echo $MODE > /two\n`,
    expect: historyDiffers(REASON.argsInherited, 5),
  },
  {
    name: 'package files first, then everything',
    dockerfile: `${BASE}WORKDIR /app\nCOPY package*.json ./\nRUN ls > /before\nCOPY . .\nRUN find . | sort > /after\n`,
    context: APP,
  },
  {
    name: 'several sources into ./',
    dockerfile: `${BASE}WORKDIR /app\nCOPY package.json README.md src ./\n`,
    context: APP,
  },
  {
    name: 'a source with a dot and slashes',
    dockerfile: `${BASE}COPY ./src/ /app/src/\nCOPY ././README.md //docs//\nCOPY src/. /flat\n`,
    context: APP,
  },
  {
    name: 'a wildcard for an optional file',
    dockerfile: `${BASE}COPY package.json package-lock.json* yarn.lock* /app/\n`,
    context: APP,
  },
  {
    name: 'an entrypoint script with its mode from the context',
    dockerfile: `${BASE}COPY docker-entrypoint.sh /usr/local/bin/\nENTRYPOINT ["docker-entrypoint.sh"]\nCMD ["serve", "--port=80"]\nRUN docker-entrypoint.sh\n`,
    context: { 'docker-entrypoint.sh': { content: '#!/bin/sh\necho hi > /ran\n', mode: 0o755 } },
  },
  {
    name: 'files named with spaces, in JSON form',
    dockerfile: `${BASE}COPY ["a file.txt", "dir with space/", "/to here/"]\nRUN ls "/to here" > /l\n`,
    context: { 'a file.txt': 'a', 'dir with space/b': 'b' },
  },
  {
    name: 'a JSON form with an escape that JSON does not have',
    dockerfile: `${BASE}RUN ["/bin/sh", "-c", "echo \\d > /x"] || echo "shell form" > /x\n`,
  },
  {
    name: 'CMD in single quotes is no JSON',
    dockerfile: `${BASE}CMD ['node', 'server.js']\nENTRYPOINT [ "a", 'b' ]\n`,
  },
  {
    name: 'a JSON form with trailing text',
    dockerfile: `${BASE}CMD ["a"] b\nENTRYPOINT ["x" ,"y"] \n`,
    expect: {
      differs: ['config.Cmd', 'history[2].created_by'],
      reason:
        'Today text behind a list makes it the shell form (BuildKit line_parsers.go, parseJSON)',
    },
  },
  { name: 'a JSON form with spaces everywhere', dockerfile: `${BASE}CMD  [ "a" , "b c" ]  \n` },
  {
    name: 'an empty list for CMD and ENTRYPOINT',
    dockerfile: 'FROM diff/rich:1\nENTRYPOINT []\nCMD []\n',
  },
  {
    name: 'a user with a home made by hand',
    dockerfile: `${BASE}RUN echo "me:x:1234:1234::/home/me:/bin/sh" >> /etc/passwd && mkdir -p /home/me && chown 1234:1234 /home/me\nUSER me\nWORKDIR /home/me/work\nRUN id -u > who && pwd >> who\nUSER root\n`,
  },
  {
    name: 'COPY --chown of a user that an earlier step made',
    dockerfile: `${BASE}RUN echo "me:x:1234:77::/:/bin/sh" >> /etc/passwd\nCOPY --chown=me src /src\nCOPY --chown=me:staff README.md /doc/\n`,
    context: APP,
    expect: historyDiffers(REASON.copyFlags, 3, 4),
  },
  {
    name: 'a configuration file written with echo -e and quotes',
    dockerfile: `${BASE}RUN echo "[core]\\n\\tname = \\"x\\"" > /conf && printf '%s\\n' 'a "b" $c' >> /conf\n`,
  },
  {
    name: 'shell variables that only the shell knows',
    dockerfile: `${BASE}ENV x=env\nRUN x=shell; for i in 1 2; do echo "$i $x \${x#s} $(echo sub) $((1+2))"; done > /o\n`,
  },
  {
    name: 'labels with quotes, escapes and a URL',
    dockerfile: `${BASE}LABEL maintainer="A B <a@b.example>" \\\n      url="https://x.example/?a=1&b=2#c" \\\n      json='{"k": "v"}' \\\n      esc="a \\"quoted\\" \\\\ word" tab="a\\tb"\n`,
  },
  {
    name: 'a label over two lines inside of quotes',
    dockerfile: `${BASE}LABEL text="one \\\n  two"\nLABEL a b c\n`,
  },
  {
    name: 'CRLF everywhere',
    dockerfile: `# comment\r\nFROM diff/base:1\r\n\r\nENV A=1 \\\r\n  B=2\r\nRUN echo $A \\\r\n  && echo $B > /b\r\nCMD ["a"]\r\n`,
  },
  { name: 'a byte order mark', dockerfile: `\uFEFFFROM diff/base:1\nLABEL a=b\n` },
  {
    name: 'keywords in any case',
    dockerfile: `from diff/base:1 as Build\nRun echo a > /a\nfrom diff/base:1\ncopy --from=BUILD /a /b\nCmd b\n`,
  },
  {
    name: 'indented instructions and comments',
    dockerfile: `  FROM diff/base:1\n\tRUN echo a > /a\n    # comment\n  LABEL a=b\n`,
  },
  {
    name: 'comments that look like directives, too late',
    dockerfile: `# just a comment\n# escape=\`\nFROM diff/base:1\nRUN echo a \\\n b > /x\n`,
  },
  {
    name: 'the escape directive of Windows files',
    dockerfile: `# escape=\`\nFROM diff/base:1\nRUN echo a\\b > /x && \`\n  echo c >> /x\nENV p=C:\\dir\\ q=a\` b\n`,
  },
  {
    name: 'a hash sign that is no comment',
    dockerfile: `${BASE}RUN echo a # b > /no\nENV c="#fff" d=a#b\nRUN echo '#!/bin/sh' > /script\n`,
  },
  {
    name: 'a trigger that copies from a stage',
    dockerfile: `${BASE.trim()} AS tools\nRUN echo tool > /tool\nFROM diff/base:1 AS framework\nONBUILD COPY . /app\nONBUILD RUN cat /app/a > /built\nFROM framework\nCOPY --from=tools /tool /tool\n`,
    context: { a: 'app' },
  },
  {
    name: 'SHELL with options, and the steps after it',
    dockerfile: `${BASE.trim()} AS first\nSHELL ["/bin/sh", "-e", "-c"]\nRUN false || true; echo on > /x\nCMD start\nFROM diff/base:1\nRUN echo plain > /y\n`,
    target: 'first',
  },
  {
    name: 'STOPSIGNAL from an argument',
    dockerfile: `${BASE}ARG SIGNAL=SIGQUIT\nSTOPSIGNAL $SIGNAL\n`,
  },
  {
    name: 'HEALTHCHECK with all options and a shell',
    dockerfile: `${BASE}HEALTHCHECK --interval=1m --timeout=5s --start-period=10s --retries=4 \\\n  CMD test -e /ok || exit 1\n`,
    expect: historyDiffers(REASON.healthcheckText, 2),
  },
  {
    name: 'VOLUME after the files are there, and a change after it',
    dockerfile: `${BASE}RUN mkdir /data && echo 1 > /data/a\nVOLUME ["/data", "/log files"]\nRUN echo 2 > /data/b\nVOLUME /x /y\n`,
  },
  {
    name: 'WORKDIR with variables, relative and with a slash at its end',
    dockerfile: `${BASE}ENV ROOT=/srv\nWORKDIR $ROOT/app/\nWORKDIR sub/../other\nRUN pwd > /p\n`,
  },
  {
    name: 'a link in the context, and a link in the way',
    dockerfile: `${BASE}RUN mkdir /real && ln -s /real /link\nCOPY current /one\nCOPY README.md /link/\nCOPY tree /two/\n`,
    context: {
      ...APP,
      current: { symlink: 'src/index.js' },
      'tree/out': { symlink: '../README.md' },
      'tree/gone': { symlink: '/nowhere' },
    },
  },
  {
    name: 'a file in the place of a link',
    dockerfile: `${BASE}RUN ln -s /etc/group /cfg\nCOPY README.md /cfg\n`,
    context: APP,
  },
  {
    name: 'a build stage that is only for tests is not run',
    dockerfile: `${BASE.trim()} AS build\nRUN echo built > /b\nFROM build AS test\nRUN false\nFROM diff/base:1\nCOPY --from=build /b /b\n`,
  },
  {
    name: 'a stage named like an image',
    dockerfile: `${BASE.trim()} AS alpine\nRUN echo mine > /mine\nFROM alpine\nRUN cat /mine > /copy\n`,
  },
  {
    name: 'a final image from scratch with a binary and its certificates',
    dockerfile: `${BASE.trim()} AS build\nRUN mkdir -p /out/etc/ssl && echo cert > /out/etc/ssl/ca && cp /bin/busybox /out/app\nFROM scratch\nCOPY --from=build /out/app /app\nCOPY --from=build /out/etc/ssl/ca /etc/ssl/certs/\nUSER 65532:65532\nENTRYPOINT ["/app"]\n`,
  },
  {
    name: 'a tar archive beside files in one ADD',
    dockerfile: `${BASE}ADD app.tar.gz README.md /opt/\n`,
    context: APP,
    archives: { 'app.tar.gz': { compression: 'gzip', files: { 'app/x': 'x' } } },
  },
  {
    name: 'dates and hosts of the build in one label',
    dockerfile: `${BASE}ARG BUILD_DATE\nARG VCS_REF=unknown\nLABEL build="\${BUILD_DATE:-none}@\${VCS_REF}" raw='\${VCS_REF}'\n`,
    buildArgs: { BUILD_DATE: '2020-01-01' },
    expect: historyDiffers(REASON.argValue, 2),
  },
];
