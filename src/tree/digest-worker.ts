import { serveBatches } from '../host/serve-batches.ts';
import { FILE_DIGESTS } from './file-digest.ts';

/* A thread that reads and hashes files: the program of FILE_DIGESTS. */

serveBatches(FILE_DIGESTS);
