import type { CheckedDockerfile } from '../build/call-dockerfile.ts';
import type { DockerfileAst } from '../dockerfile/ast.ts';
import { noEmptyContinuation } from '../dockerfile/lint/no-empty-continuation.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { visibleText } from '../diagnostics/visible-text.ts';
import { ruleSlug } from '../dockerfile/lint/rule.ts';
import { ruleOf } from '../dockerfile/lint/rules.ts';
import { instructionLines, linesOf, renderExcerpt, type LineRange } from './source-excerpt.ts';

const PAGES = 'https://docs.docker.com/go/dockerfile/rule/';
/** The one check that Docker has no page for. */
const WITHOUT_PAGE = 'InvalidBaseImagePlatform';

/** What `docker build --check` prints, but for errors. Empty or ends with a newline. */
export function renderCheck({ ast, warnings, errors }: CheckedDockerfile): string {
  const count = warnings.length;
  const found =
    count === 1 ? '1 warning has been found!' : `${String(count)} warnings have been found!`;
  const isClean = count === 0 && errors.length === 0;
  const head =
    count > 0
      ? `Check complete, ${found}\n`
      : isClean
        ? 'Check complete, no warnings found.\n'
        : '';
  const told = warnings.map((warning) => {
    const url = pageOf(warning.code);
    const title = url === undefined ? warning.code : `${warning.code} - ${url}`;
    const excerpt = renderExcerpt(warning.span.file, linesOfWarning(ast, warning));
    return `\nWARNING: ${title}\n${visibleText(warning.message)}\n${excerpt}`;
  });
  return [head, ...told].join('');
}

/**
 * BuildKit's lint result, version 1.0.0: field by field what `frontend/subrequests/lint` writes, `null` for
 * no warnings included. Only `definition`, the build graph of the Dockerfile itself, has no counterpart.
 */
export function checkJson({ ast, warnings, errors }: CheckedDockerfile): object {
  const [error] = errors;
  return {
    warnings:
      warnings.length === 0
        ? null
        : warnings.map((warning) => warningJson(warning, linesOfWarning(ast, warning))),
    sources: [{ filename: ast.source.path, data: base64(ast.source.text), language: 'Dockerfile' }],
    ...(error === undefined
      ? {}
      : {
          buildError: {
            message: error.message,
            location: error.span === undefined ? {} : locationJson(linesOf(error.span)),
          },
        }),
  };
}

/** A place in BuildKit's JSON: each of its lines is a range. Columns are not told, as in BuildKit. */
export function locationJson({ start, end }: LineRange): object {
  const lines = Array.from({ length: end - start + 1 }, (_, i) => start + i);
  return { ranges: lines.map((line) => ({ start: { line }, end: { line } })) };
}

/** BuildKit names the whole instruction; only an empty line in it is told of by the last line. */
function linesOfWarning(ast: DockerfileAst, { code, span }: Diagnostic): LineRange {
  const lines = instructionLines(ast, span);
  return code === noEmptyContinuation.name ? { start: lines.end, end: lines.end } : lines;
}

/** How BuildKit's JSON holds the bytes of a Dockerfile. */
export function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

function warningJson({ code, message }: Diagnostic, lines: LineRange): object {
  return {
    ruleName: code,
    description: ruleOf(code)?.description,
    url: pageOf(code),
    detail: message,
    location: locationJson(lines),
  };
}

function pageOf(code: string): string | undefined {
  const hasPage = ruleOf(code) !== undefined && code !== WITHOUT_PAGE;
  return hasPage ? `${PAGES}${ruleSlug(code)}/` : undefined;
}
