import type { Expectation } from '../case.ts';

/** Why Docker's older language and today's differ; each is said once here and used by many cases. */
export const REASON = {
  argValue:
    'Today the value that an ARG got is in history, not only its default (BuildKit convert.go, dispatchArg)',
  argsOnce: 'Today every ARG is listed once, with its present value (reference 1.10)',
  argsInherited:
    'Today arguments of the stage below are listed too (BuildKit convert.go, init of a stage from its base)',
  healthcheckText:
    'Today the text has the names of the fields (BuildKit convert.go, dispatchHealthcheck)',
  copyFlags: 'Today --chown and --chmod are in history (reference 1.10)',
  copyMode:
    'Today --chmod is also for directories that COPY makes, with the setuid bits, and replaces the whole mode (reference 1.7)',
  fifo: 'Docker drops fifos silently and makes devices files; today both are copied (reference 1.7)',
  unknownOwner:
    'A name that is not there is an error, where BuildKit takes 0 (reference 1.7 leaves the choice)',
  exposeText: 'Today the ports are a sorted list in history (BuildKit convert_expose.go)',
  primaryGroup:
    'Today the primary group is among the supplementary ones, so that no step can drop it (BuildKit executor/oci/user.go)',
  secretProgram:
    'Today a secret whose mode says so can be started (BuildKit solver/llbsolver/mounts/mount.go)',
  mountPoints:
    'What was made to mount on is taken away after the step (reference 1.9); Docker leaves it in the image',
  newLanguage: 'Docker has an older version of the language (reference 1.2 to 1.4)',
} as const;

/** The texts of these history entries differ. */
export function historyDiffers(reason: string, ...entries: readonly number[]): Expectation {
  return { differs: entries.map((entry) => `history[${String(entry)}].created_by`), reason };
}

/** Docker leaves these directories behind, which steps only mounted on. */
export function leftBehind(...directories: readonly string[]): Expectation {
  const facts = ['', ': type', ': mode', ': owner', ': mtime'];
  return {
    differs: directories.flatMap((path) => facts.map((fact) => `file ${path}${fact}`)),
    reason: REASON.mountPoints,
  };
}
