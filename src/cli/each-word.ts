/**
 * Does the same to each of several names, as Docker does: one that fails does not keep the others from
 * being done.
 * @throws the error when there was one, AggregateError when there were several
 */
export async function eachWord(
  words: readonly string[],
  signal: AbortSignal,
  act: (word: string) => Promise<void>,
): Promise<void> {
  const errors: unknown[] = [];
  for (const word of words) {
    try {
      await act(word);
    } catch (error) {
      if (signal.aborted) throw error;
      errors.push(error);
    }
  }
  if (errors.length === 1) throw errors[0];
  if (errors.length > 1) throw new AggregateError(errors);
}
