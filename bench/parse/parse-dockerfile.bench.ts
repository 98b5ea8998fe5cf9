import { parseDockerfile } from '../../src/dockerfile/parse-dockerfile.ts';

const KINDS = [
  'RUN apt-get update && apt-get install -y \\\n    curl git \\\n    # editors\n    vim\n',
  'COPY --from=build --chown=1000:1000 /app/dist/server /usr/local/bin/\n',
  'ENV NODE_ENV=production GREETING="hello world" COPY=$NODE_ENV\n',
  'RUN <<EOF\nset -e\necho "a script in the file"\nEOF\n',
  'CMD ["node", "index.js", "--port", "3000"]\n',
  '# what it is for\nLABEL org.opencontainers.image.title=bench\n',
];
const INSTRUCTIONS = 50_000;
const LENGTH = 5_000_000;

/** A Dockerfile of 50,000 instructions and 5 MB, parsed from start to end. */
export const parseDockerfileBench = {
  name: 'parse a Dockerfile of 50,000 instructions, 5 MB',
  setup(): string {
    const lines = ['FROM scratch\n'];
    for (let i = 1; i < INSTRUCTIONS; i++) lines.push(KINDS[i % KINDS.length] ?? '');
    const text = lines.join('');
    return text + '# filler\n'.repeat(Math.max(0, Math.ceil((LENGTH - text.length) / 9)));
  },
  run(text: string): number {
    const { ast, diagnostics } = parseDockerfile({ path: 'Dockerfile', text });
    if (diagnostics.length > 0) throw new Error('the bench file must have no findings');
    return ast.stages[0]?.instructions.length ?? 0;
  },
};
