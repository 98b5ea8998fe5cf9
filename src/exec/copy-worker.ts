import { serveBatches } from '../host/serve-batches.ts';
import { PLAIN_COPIES } from './plain-copy.ts';

/* A thread that copies files: the program of PLAIN_COPIES. */

serveBatches(PLAIN_COPIES);
