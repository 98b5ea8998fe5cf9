import type { Comment } from '../dockerfile/ast.ts';

/** The description of a stage or an argument: a comment above it that begins with its name. */
export function describedBy(comments: readonly Comment[], name: string): string | undefined {
  const start = `${name} `;
  return name === ''
    ? undefined
    : comments.find(({ text }) => text.startsWith(start))?.text.slice(start.length);
}
