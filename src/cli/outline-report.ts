import { visibleLine } from '../diagnostics/visible-text.ts';
import type { DockerfileAst } from '../dockerfile/ast.ts';
import { describedBy } from '../stages/descriptions.ts';
import type { Outline, OutlineSecret } from '../stages/outline.ts';
import { base64, locationJson } from './check-report.ts';
import { linesOf } from './source-excerpt.ts';

/** What `docker build --call=outline` prints; empty when the target takes nothing and has no name. */
export function renderOutline({ name, description, args, secrets, ssh }: Outline): string {
  const head =
    name === undefined && description === undefined
      ? []
      : [
          ['TARGET:', name ?? '(default)'],
          ...(description === undefined ? [] : [['DESCRIPTION:', description]]),
        ];
  return [
    columns(head, 1),
    columns(
      titled(
        ['BUILD ARG', 'VALUE', 'DESCRIPTION'],
        args.map((arg) => [arg.name, arg.value, arg.description ?? '']),
      ),
      3,
    ),
    columns(titled(['SECRET', 'REQUIRED'], secrets.map(requiredRow)), 3),
    columns(titled(['SSH', 'REQUIRED'], ssh.map(requiredRow)), 3),
  ]
    .filter((block) => block !== '')
    .map((block) => `${block}\n`)
    .join('');
}

/** BuildKit's outline result, version 1.0.0. */
export function outlineJson(ast: DockerfileAst, outline: Outline): object {
  const { name, description, args, secrets, ssh } = outline;
  return {
    name,
    description,
    args: unlessEmpty(
      args.map((arg) => ({
        name: arg.name,
        description: arg.description,
        value: arg.value === '' ? undefined : arg.value,
        location: locationJson(linesOf(arg.span)),
      })),
    ),
    secrets: unlessEmpty(secrets.map(secretJson)),
    ssh: unlessEmpty(ssh.map(secretJson)),
    sources: [base64(ast.source.text)],
  };
}

/** What `docker build --call=targets` prints. */
export function renderTargets(ast: DockerfileAst): string {
  const rows = targetsOf(ast).map(({ name, isDefault, description }) => {
    const title = [...(name === undefined ? [] : [name]), ...(isDefault ? ['(default)'] : [])];
    return [title.join(' '), description ?? ''];
  });
  return columns([['TARGET', 'DESCRIPTION'], ...rows], 1);
}

/** BuildKit's list of targets, version 1.0.0. */
export function targetsJson(ast: DockerfileAst): object {
  const targets = targetsOf(ast).map(({ name, isDefault, description, node }) => ({
    name,
    default: isDefault ? true : undefined,
    description,
    base: node.image.raw,
    platform: node.platform?.raw,
    location: locationJson(linesOf(node.span)),
  }));
  return { targets, sources: [base64(ast.source.text)] };
}

interface Target {
  readonly name: string | undefined;
  readonly isDefault: boolean;
  readonly description: string | undefined;
  readonly node: DockerfileAst['stages'][number]['from'];
}

function targetsOf(ast: DockerfileAst): Target[] {
  return ast.stages.map(({ from }, i) => {
    const name = from.name?.text;
    const description = describedBy(from.comments, name ?? '');
    return { name, isDefault: i === ast.stages.length - 1, description, node: from };
  });
}

function requiredRow({ name, isRequired }: OutlineSecret): string[] {
  return [name, isRequired ? 'true' : ''];
}

function secretJson({ name, isRequired, span }: OutlineSecret): object {
  const required = isRequired ? true : undefined;
  return { name, required, location: locationJson(linesOf(span)) };
}

function titled(title: readonly string[], rows: readonly (readonly string[])[]): string[][] {
  return rows.length === 0 ? [] : [[...title], ...rows.map((row) => [...row])];
}

function unlessEmpty<T>(list: readonly T[]): readonly T[] | undefined {
  return list.length === 0 ? undefined : list;
}

/** Rows with their columns aligned, `gap` blanks apart; without blanks at the ends of lines. */
function columns(untrustedRows: readonly (readonly string[])[], gap: number): string {
  const rows = untrustedRows.map((row) => row.map(visibleLine));
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows
    .map((row) => row.map((cell, i) => cell.padEnd((widths[i] ?? 0) + gap)).join(''))
    .map((line) => `${line.trimEnd()}\n`)
    .join('');
}
