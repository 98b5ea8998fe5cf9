import { exposedPorts } from './exposed-ports.ts';
import type { Rule } from './rule.ts';

/** EXPOSE is about the container; what it is mapped to is said when it is run. */
export const exposeInvalidFormat: Rule = {
  name: 'ExposeInvalidFormat',
  description:
    'IP address and host-port mapping should not be used in EXPOSE instruction. This will become an error in a future release',
  *check(file) {
    for (const { text, hasMapping, span } of exposedPorts(file)) {
      if (!hasMapping) continue;
      yield {
        span,
        message: `EXPOSE instruction should not define an IP address or host-port mapping, found '${text}'`,
      };
    }
  },
};
