import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { collectStores } from './read-back/collect.ts';

/** A user of this machine that is gone at the end of its scope. */
export interface OrdinaryUser extends Disposable {
  readonly name: string;
  readonly uid: number;
  /** Before a program and its words: runs them as this user. */
  readonly prefix: readonly [string, ...string[]];
}

/** Settings of an ordinary user. */
export interface OrdinaryUserOptions {
  /** False for a user of one id. */
  readonly hasSubordinateIds?: boolean;
}

/** Makes a user with subordinate ids, as `useradd` gives them by default. Only root can. */
export function makeOrdinaryUser(home: string, options: OrdinaryUserOptions = {}): OrdinaryUser {
  const isSingle = options.hasSubordinateIds === false;
  const name = `stagecraft-${isSingle ? 'single-' : ''}${String(process.pid)}`;
  const words = [
    ...(isSingle ? ['-K', 'SUB_UID_COUNT=0', '-K', 'SUB_GID_COUNT=0'] : []),
    '--no-create-home',
    '--home-dir',
    home,
    '--shell',
    '/bin/sh',
    '--user-group',
    name,
  ];
  execFileSync('useradd', words, { stdio: ['ignore', 'ignore', 'inherit'] });
  const uid = Number(execFileSync('id', ['-u', name], { encoding: 'utf8' }));
  return {
    name,
    uid,
    prefix: ['setpriv', '--reuid', name, '--regid', name, '--init-groups', '--'],
    [Symbol.dispose]() {
      collectStores((root) => statSync(root).uid === uid);
      execFileSync('userdel', [name], { stdio: 'ignore' });
      for (const file of ['/etc/subuid', '/etc/subgid']) {
        if (readFileSync(file, 'utf8').includes(`${name}:`)) {
          throw new Error(`"userdel" left ${name} in ${file}`);
        }
      }
    },
  };
}
