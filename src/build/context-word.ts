import { isGitUrl } from '../stages/git-reference.ts';
import type { ContextRequest } from './request.ts';

/**
 * What a build context is that is named by a word and is no directory here: a repository, something
 * behind a URL, else a directory all the same. As Docker reads it (`frontend/dockerui/context.go`).
 */
export function readContextWord(word: string): Exclude<ContextRequest, { kind: 'archive' }> {
  if (isGitUrl(word)) return { kind: 'git', url: word };
  const hub = /^github\.com\/([^#?]+?)(?:\.git)?\/?([#?].*)?$/.exec(word);
  if (hub !== null) {
    return { kind: 'git', url: `https://github.com/${hub[1] ?? ''}.git${hub[2] ?? ''}` };
  }
  if (/^https?:\/\//i.test(word)) return { kind: 'url', url: word };
  return { kind: 'directory', path: word };
}
