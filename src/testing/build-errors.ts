import { BuildError } from '../diagnostics/build-error.ts';

/** What `act` refuses with. Throws when it does not, or when what it throws is no BuildError. */
export function errorOf(act: () => unknown): BuildError {
  try {
    act();
  } catch (error) {
    if (error instanceof BuildError) return error;
    throw error;
  }
  throw new Error('Nothing was thrown');
}

/** The same for what has not ended yet. */
export async function rejectionOf(work: Promise<unknown>): Promise<BuildError> {
  const error: unknown = await work.then(
    () => new Error('Nothing was thrown'),
    (thrown: unknown) => thrown,
  );
  if (error instanceof BuildError) return error;
  throw error;
}

/** Its code, message and hint; '' without a hint. */
export function textsOf({ code, message, hint = '' }: BuildError): [string, string, string] {
  return [code, message, hint];
}
