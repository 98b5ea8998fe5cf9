import { dispatch } from './dispatch.ts';
import { runMain } from './run-main.ts';

/** The program behind `stagecraft`: runs the command that the words name. */
void runMain((context) => dispatch(process.argv.slice(2), context));
