import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A configuration of its own for the command, gone at the end of its scope. */
export interface TestConfig extends Disposable {
  /** STAGECRAFT_CONFIG and STAGECRAFT_ROOT, to be added to the environment of the command. */
  readonly env: Readonly<Record<string, string>>;
}

/** Writes a configuration whose registries are all mirrored by the server at `url`. */
export function writeTestConfig(url: string): TestConfig {
  const dir = mkdtempSync(join(tmpdir(), 'stagecraft-config-'));
  const registries = { 'docker.io': { mirrors: [url] }, 'gcr.io': { mirrors: [url] } };
  const file = join(dir, 'config.json');
  writeFileSync(file, JSON.stringify({ registries }));
  return {
    env: { STAGECRAFT_CONFIG: file, STAGECRAFT_ROOT: join(dir, 'root') },
    [Symbol.dispose]() {
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
