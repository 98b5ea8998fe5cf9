import { declareNative, SystemError } from './ffi.ts';

const syncFileRangeCall = declareNative('sync_file_range', ['int', 'long', 'long', 'uint']);
const SYNC_FILE_RANGE_WRITE = 2;
/** Large enough for the disk to be quick, and small enough that little is left at the end. */
const STEP_BYTES = 8 << 20;

/**
 * Has the disk begin with a file that is still being written, so that the `fsync` at its end has little
 * left to wait for. To be called with the size whenever the file grew. Waits for nothing and promises nothing:
 * errors of the disk are met by that `fsync`.
 */
export function earlyWriteback(fd: number): (size: number) => void {
  let begun = 0;
  return (size) => {
    if (size - begun < STEP_BYTES) return;
    try {
      syncFileRangeCall(undefined, [fd, begun, size - begun, SYNC_FILE_RANGE_WRITE]);
    } catch (error) {
      // Not every file system has it; then the end takes longer.
      if (!(error instanceof SystemError)) throw error;
    }
    begun = size;
  };
}
