/**
 * The time of a build context, in seconds since 1970: of a repository that of the commit, of a URL that
 * which the server says, else that of the newest file of the archive. Undefined for directories.
 */
export type ContextTime = (signal: AbortSignal) => Promise<number | undefined>;

/** Directories change with each checkout, so that their times mean nothing. */
export const noTime: ContextTime = () => Promise.resolve(undefined);
