import { describe, expect, test } from 'vitest';
import { isGitUrl, parseGitReference, type GitReference } from './git-reference.ts';

const PLAIN: GitReference = {
  remote: '',
  ref: undefined,
  subdir: undefined,
  checksum: undefined,
  keepsGitDir: undefined,
  fetchesSubmodules: undefined,
  usesCommitTime: false,
  fetchesByCommit: false,
};

describe('parseGitReference()', () => {
  test.each<[string, Partial<GitReference>]>([
    ['https://example.com/a.git', { remote: 'https://example.com/a.git' }],
    ['git://example.com/a', { remote: 'git://example.com/a' }],
    ['ssh://git@example.com/a', { remote: 'ssh://git@example.com/a' }],
    ['git@example.com:a/b', { remote: 'git@example.com:a/b' }],
    ['https://h/a.git#v1', { remote: 'https://h/a.git', ref: 'v1' }],
    ['https://h/a.git#v1:sub/../dir/', { remote: 'https://h/a.git', ref: 'v1', subdir: 'dir' }],
    ['https://h/a.git#:../../x', { remote: 'https://h/a.git', subdir: 'x' }],
    ['https://h/a.git?tag=v1', { remote: 'https://h/a.git', ref: 'refs/tags/v1' }],
    ['https://h/a.git?branch=refs/heads/b', { remote: 'https://h/a.git', ref: 'refs/heads/b' }],
    ['https://h/a.git?ref=x#x', { remote: 'https://h/a.git', ref: 'x' }],
    [
      'git@h:a?commit=abc&keep-git-dir&submodules=0&mtime=commit&fetch-by-commit=true',
      {
        remote: 'git@h:a',
        checksum: 'abc',
        keepsGitDir: true,
        fetchesSubmodules: false,
        usesCommitTime: true,
        fetchesByCommit: true,
      },
    ],
  ])('reads %s', (text, expected) => {
    expect(parseGitReference(text)).toEqual({ ...PLAIN, ...expected });
  });

  // CVE-2026-33748: eight ways out of the repository.
  test.each([
    ['https://h/r.git#main:../../escape', 'escape'],
    ['https://h/r.git#main:/absolute/path', 'absolute/path'],
    ['ssh://git@h/r.git#main:../../escape', 'escape'],
    ['ssh://git@h/r.git#main:/absolute/path', 'absolute/path'],
    ['git@h:r.git#main:../../escape', 'escape'],
    ['git@h:r.git#main:/absolute/path', 'absolute/path'],
    ['https://h/r.git#main:dir/../../escape', 'escape'],
    ['https://h/r.git#main:../', undefined],
  ])('C02 holds the directory of %s inside', (text, subdir) => {
    expect(parseGitReference(text)?.subdir).toBe(subdir);
  });

  test.each(['-oProxyCommand=id@h:r', 'git@-oProxyCommand=id:r'])(
    'C04 %s is no git URL',
    (text) => {
      expect(isGitUrl(text)).toBe(false);
    },
  );

  test.each([
    'https://example.com/a',
    'http://h/a.git/x',
    './a.git',
    'a.git',
    'github.com/a/b',
    '',
  ])('leaves "%s" to others', (text) => {
    expect(parseGitReference(text)).toBeUndefined();
    expect(isGitUrl(text)).toBe(false);
  });

  test.each([
    ['https://h/a.git?x=1', 'unexpected query "x"'],
    ['https://h/a.git?ref=', 'query "ref" has no value'],
    ['https://h/a.git?ref=a&ref=b', 'query "ref" has multiple values'],
    ['https://h/a.git?ref=a#b', 'ref conflicts: "b" and "a"'],
    ['https://h/a.git?subdir=a#:b', 'subdir conflicts: "b" and "a"'],
    ['https://h/a.git?submodules=maybe', 'invalid submodules value: "maybe"'],
    ['https://h/a.git#a..b', 'no branch, tag or commit can be called "a..b"'],
    ['https://h/a.git#a b', 'no branch, tag or commit can be called "a b"'],
    ['https://h/a.git?commit=HEAD', 'the checksum "HEAD" is not the start of a commit id'],
    ['https://h/a.git?mtime=now', 'invalid mtime value: "now" (must be "checkout" or "commit")'],
  ])('refuses %s', (text, found) => {
    expect(() => parseGitReference(text)).toThrow(`Cannot read git URL "${text}": ${found}`);
  });

  // CVE-2019-13139: options of git in the place of names.
  test.each([
    ['git://h/r#-btest-branch:x', '-btest-branch'],
    ['https://h/a.git#--upload-pack=x', '--upload-pack=x'],
  ])('C04 refuses %s', (text, name) => {
    expect(() => parseGitReference(text)).toThrow(
      `Cannot read git URL "${text}": no branch, tag or commit can be called "${name}"`,
    );
  });
});
