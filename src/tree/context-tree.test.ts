import { execFileSync } from 'node:child_process';
import { lchownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { textToBytes, type BytePath } from '../core/bytes.ts';
import { parseIgnoreFile } from '../dockerfile/ignore-file.ts';
import type { PatternMatcher } from '../dockerfile/pattern-matcher.ts';
import { openContext, type ContextTree } from './context-tree.ts';

const isRoot = process.geteuid?.() === 0;

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'context-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

function fill(...files: readonly string[]): void {
  for (const file of files) {
    mkdirSync(path.join(dir, path.dirname(file)), { recursive: true });
    writeFileSync(path.join(dir, file), file);
  }
}

function ignoring(text: string): PatternMatcher {
  return parseIgnoreFile({ path: '.dockerignore', text }).matcher;
}

function names(tree: ContextTree, at = '/'): readonly BytePath[] | undefined {
  const node = tree.lookup(textToBytes(at), { followsLast: true });
  return node === undefined ? undefined : tree.list(node);
}

describe('openContext()', () => {
  test('shows what the ignore file leaves', () => {
    fill('a.ts', 'a.log', 'node_modules/x/y', 'dist/keep/this', 'dist/other');
    const tree = openContext(dir, ignoring('*.log\nnode_modules\ndist\n!dist/keep\n'));
    expect(names(tree)).toEqual(['a.ts', 'dist']);
    expect(names(tree, '/dist')).toEqual(['keep']);
    expect(names(tree, '/dist/keep')).toEqual(['this']);
    expect(names(tree, '/node_modules/x')).toBeUndefined();
    expect(tree.lookup('/a.log' as BytePath, { followsLast: true })).toBeUndefined();
  });

  test('an ignored directory is not there when no exception finds anything in it', () => {
    fill('dist/other/x', 'a');
    expect(names(openContext(dir, ignoring('dist\n!dist/keep\n')))).toEqual(['a']);
  });

  test('asks the patterns nothing about what is below an ignored directory', () => {
    fill('node_modules/a/b', 'src/x');
    const asked: string[] = [];
    const matcher = ignoring('node_modules\n');
    const tree = openContext(dir, {
      ...matcher,
      matches: (at) => {
        asked.push(at);
        return matcher.matches(at);
      },
    });
    expect(names(tree, '/src')).toEqual(['x']);
    expect(names(tree)).toEqual(['src']);
    expect(asked.filter((at) => at.startsWith('node_modules/'))).toEqual([]);
  });

  test('a link to an ignored file leads nowhere', () => {
    fill('secret');
    symlinkSync('secret', path.join(dir, 'link'));
    const tree = openContext(dir, ignoring('secret'));
    expect(tree.lookup('/link' as BytePath, { followsLast: true })).toBeUndefined();
    expect(tree.lookup('/link' as BytePath, { followsLast: false })?.type).toBe('symlink');
  });

  test('says which line ignores a path', () => {
    const tree = openContext(dir, ignoring('# logs\n*.log\n!a.log\nvar\n'));
    expect(tree.whyIgnored('/b.log' as BytePath)).toEqual({
      file: '.dockerignore',
      line: 2,
      pattern: '*.log',
    });
    expect(tree.whyIgnored('/var/x' as BytePath)?.line).toBe(4);
    expect(tree.whyIgnored('/a.log' as BytePath)).toBeUndefined();
  });

  test.runIf(isRoot)('all files belong to root', () => {
    fill('f');
    lchownSync(path.join(dir, 'f'), 5, 6);
    const node = openContext(dir, undefined).lookup('/f' as BytePath, { followsLast: true });
    expect([node?.uid, node?.gid]).toEqual([0, 0]);
  });

  test('leaves sockets out', () => {
    fill('f');
    const script = 'import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])';
    execFileSync('python3', ['-c', script, path.join(dir, 's')]);
    const tree = openContext(dir, undefined);
    expect(tree.lookup('/s' as BytePath, { followsLast: true })).toBeUndefined();
  });

  test('without a directory is empty', () => {
    expect(names(openContext(undefined, undefined))).toEqual([]);
  });

  test('may itself be named by a link', () => {
    fill('real/f');
    symlinkSync('real', path.join(dir, 'link'));
    expect(names(openContext(path.join(dir, 'link'), undefined))).toEqual(['f']);
  });
});

describe('what a context has seen', () => {
  function seen(tree: ContextTree): string[] {
    return [...(tree.seen?.() ?? [])]
      .map(({ hostPath, node, isListed }) => {
        const what = node === undefined ? 'unknown' : node.type;
        return `${hostPath.slice(dir.length)} ${what}${isListed ? ', listed' : ''}`;
      })
      .sort();
  }

  test('is what was asked for, and nothing beside it', () => {
    fill('src/a', 'src/b', 'docs/c');
    const tree = openContext(dir, undefined);
    expect(seen(tree)).toEqual([]);
    tree.lookup('/docs/d' as BytePath, { followsLast: true });
    names(tree, '/src');
    expect(seen(tree)).toEqual([
      ' directory',
      '/docs directory',
      '/docs/d unknown',
      '/src directory, listed',
    ]);
    tree.lookup('/src/a' as BytePath, { followsLast: true });
    expect(seen(tree)).toContain('/src/a file');
  });

  test('has the ignored directories that were searched for exceptions', () => {
    fill('dist/keep/x', 'dist/other/y', 'modules/z');
    const tree = openContext(dir, ignoring('dist\nmodules\n!dist/keep\n'));
    names(tree);
    expect(seen(tree)).toEqual([' directory, listed', '/dist unknown, listed']);
  });
});
