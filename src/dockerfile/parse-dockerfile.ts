import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { SourceFile, Span } from '../diagnostics/source.ts';
import type {
  ArgInstruction,
  DockerfileAst,
  FromInstruction,
  Instruction,
  StageInstruction,
} from './ast.ts';
import {
  fileTooLarge,
  noInstructions,
  noStageYet,
  notOneTrigger,
  tooManyFindings,
  tooManyInstructions,
  tooManyStages,
  unreadableHeredoc,
  type Report,
} from './errors.ts';
import { heredocWords } from './heredoc.ts';
import {
  openRequest,
  withHeredocs,
  type HeredocBody,
  type InstructionRequest,
} from './instruction-request.ts';
import { readInstruction } from './read-instruction.ts';
import { LineReader, isLongerThan, utf8Length } from './read-lines.ts';
import { openTrigger } from './read-onbuild.ts';

/** Bytes in UTF-8. */
export const MAX_DOCKERFILE_BYTES = 16 * 1024 * 1024;
export const MAX_INSTRUCTIONS = 100_000;
export const MAX_STAGES = 1_000;
/** After this many findings the rest of the file is not read. */
export const MAX_FINDINGS = 1_000;

/** What was read, and everything that is wrong with it. */
export interface ParsedDockerfile {
  readonly ast: DockerfileAst;
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Reads a Dockerfile by the rules of BuildKit's front end. Never throws. All errors of the file are
 * reported at once; an instruction with an error is left out of the tree, and so is everything that
 * belongs to a FROM with an error. Time and memory grow with the length of the file.
 */
export function parseDockerfile(source: SourceFile): ParsedDockerfile {
  const findings = new Findings();
  const tree = new TreeBuilder(findings.report);
  const reader = new LineReader(source, findings.report);
  const whole = { start: 0, end: source.text.length };
  if (isLongerThan(source.text, whole, MAX_DOCKERFILE_BYTES)) {
    const bytes = utf8Length(source.text, whole);
    findings.report(fileTooLarge(bytes, MAX_DOCKERFILE_BYTES, startOf(source)));
  } else {
    readAll(reader, findings, tree);
    if (tree.count === 0) findings.report(noInstructions(startOf(source)));
  }
  return {
    ast: {
      source,
      directives: reader.directives.found,
      escape: reader.directives.escape,
      globalArgs: tree.globalArgs,
      stages: tree.stages,
      comments: reader.comments,
    },
    diagnostics: findings.all,
  };
}

/** One trigger of ONBUILD, or what is wrong with it. */
export interface ParsedTrigger {
  /** Undefined if there is an error. */
  readonly instruction: StageInstruction | undefined;
  /** Their spans point into a file of its own that holds just the trigger. */
  readonly diagnostics: readonly Diagnostic[];
}

/** Reads one `OnBuild` entry of a base image's config. `path` is what messages show as file name. */
export function parseOnbuildTrigger(text: string, path = 'ONBUILD trigger'): ParsedTrigger {
  const source: SourceFile = { path, text };
  const findings = new Findings();
  const reader = new LineReader(source, findings.report);
  const first = readNext(reader, findings);
  const instruction = first?.instruction;
  const isSingle = first !== undefined && readNext(reader, findings) === undefined;
  if (!isSingle || instruction?.kind === 'from') {
    findings.report(notOneTrigger({ file: source, start: 0, end: text.length }));
  }
  const isUsable = instruction?.kind !== 'from' && findings.errorCount === 0;
  return { instruction: isUsable ? instruction : undefined, diagnostics: findings.all };
}

function readAll(reader: LineReader, findings: Findings, tree: TreeBuilder): void {
  for (let next = readNext(reader, findings); next; next = readNext(reader, findings)) {
    if (tree.count >= MAX_INSTRUCTIONS) {
      findings.report(tooManyInstructions(MAX_INSTRUCTIONS, next.request.keyword.span));
      return;
    }
    tree.add(next.request, next.instruction);
    if (tree.stageCount > MAX_STAGES) {
      findings.report(tooManyStages(MAX_STAGES, next.request.keyword.span));
      return;
    }
    if (findings.isFull) {
      findings.reportLast(tooManyFindings(MAX_FINDINGS, next.request.keyword.span));
      return;
    }
  }
}

interface Read {
  readonly request: InstructionRequest;
  /** Undefined if there was an error. */
  readonly instruction: Instruction | undefined;
}

function readNext(reader: LineReader, findings: Findings): Read | undefined {
  const errorsBefore = findings.errorCount;
  const next = reader.next();
  if (next === undefined) return undefined;
  const { line, comments } = next;
  const bare = openRequest(
    line,
    { start: 0, end: line.text.length },
    { escape: reader.directives.escape, comments, report: findings.report },
  );
  const heredocs = readHeredocs(reader, bare);
  const request = withHeredocs(bare, heredocs, findings.errorCount === errorsBefore);
  const instruction = readInstruction(request);
  const hasErrors = findings.errorCount > errorsBefore;
  return { request, instruction: hasErrors ? undefined : instruction };
}

const HEREDOC_INSTRUCTIONS = new Set(['add', 'copy', 'run']);
const IGNORE: Report = () => undefined;

/** Reads the bodies of all heredocs that the line announces, in order. */
function readHeredocs(reader: LineReader, request: InstructionRequest): HeredocBody[] {
  if (!request.line.text.includes('<<')) return [];
  const command = request.name === 'onbuild' ? openTrigger(request, IGNORE) : request;
  if (!HEREDOC_INSTRUCTIONS.has(command.name) || command.json.kind !== 'none') return [];
  const owner = { label: request.label, span: request.base.span };
  const bodies: HeredocBody[] = [];
  for (const word of heredocWords(request.line.text)) {
    if ('error' in word) {
      request.report(unreadableHeredoc(owner.label, word.error, owner.span));
      continue;
    }
    const body = reader.readHeredoc(word, owner);
    if (body === undefined) break;
    bodies.push(body);
  }
  return bodies;
}

/** Puts instructions into stages. */
class TreeBuilder {
  readonly globalArgs: ArgInstruction[] = [];
  readonly stages: { index: number; from: FromInstruction; instructions: StageInstruction[] }[] =
    [];
  /** All instructions, wrong ones too. */
  count = 0;
  /** All FROM instructions, wrong ones too. */
  stageCount = 0;
  readonly #report: Report;
  /** Where instructions go; undefined before the first FROM and after a wrong one. */
  #open: StageInstruction[] | undefined;
  #isMissingFromTold = false;

  constructor(report: Report) {
    this.#report = report;
  }

  add(request: InstructionRequest, instruction: Instruction | undefined): void {
    this.count++;
    if (request.name === 'from') this.#addStage(instruction);
    else if (instruction?.kind === 'arg' && this.stageCount === 0)
      this.globalArgs.push(instruction);
    else if (instruction !== undefined && instruction.kind !== 'from') this.#addTo(instruction);
  }

  #addStage(instruction: Instruction | undefined): void {
    const index = this.stageCount++;
    this.#open = undefined;
    if (instruction?.kind !== 'from') return;
    this.#open = [];
    this.stages.push({ index, from: instruction, instructions: this.#open });
  }

  #addTo(instruction: StageInstruction): void {
    this.#open?.push(instruction);
    // Once is enough: the FROM that is missing is missing for all of them.
    if (this.stageCount > 0 || this.#isMissingFromTold) return;
    this.#isMissingFromTold = true;
    const { keyword } = instruction;
    this.#report(noStageYet(keyword.raw.toUpperCase(), keyword.span));
  }
}

class Findings {
  readonly all: Diagnostic[] = [];
  errorCount = 0;

  readonly report: Report = (diagnostic) => {
    if (diagnostic.severity === 'error') this.errorCount++;
    if (!this.isFull) this.all.push(diagnostic);
  };

  get isFull(): boolean {
    return this.all.length >= MAX_FINDINGS;
  }

  reportLast(diagnostic: Diagnostic): void {
    this.all.push(diagnostic);
  }
}

function startOf(file: SourceFile): Span {
  return { file, start: 0, end: 0 };
}
