/** How much a layer may be. No real one comes near; what does is made to fill disks. */
export interface UnpackLimits {
  /** Entries of the tar, and directories that are made for them without being named. */
  readonly entries: number;
  /** Uncompressed bytes. */
  readonly bytes: number;
  /** How many times more bytes come out than went in, ... */
  readonly ratio: number;
  /** ... once this many compressed bytes went in. */
  readonly ratioFromBytes: number;
  /** Bytes of all attributes of one entry, names included. */
  readonly xattrBytes: number;
}

const MIB = 1024 ** 2;

/** What holds when nothing else is said. */
export const DEFAULT_UNPACK_LIMITS: UnpackLimits = {
  entries: 2_000_000,
  bytes: 64 * 1024 * MIB,
  ratio: 1000,
  ratioFromBytes: 64 * MIB,
  xattrBytes: MIB,
};
