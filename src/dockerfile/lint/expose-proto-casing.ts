import { exposedPorts } from './exposed-ports.ts';
import type { Rule } from './rule.ts';

/** Protocols are written in lower case. */
export const exposeProtoCasing: Rule = {
  name: 'ExposeProtoCasing',
  description: 'Protocol in EXPOSE instruction should be lowercase',
  *check(file) {
    for (const { text, protocol, span } of exposedPorts(file)) {
      if (protocol === protocol.toLowerCase()) continue;
      yield {
        span,
        message: `Defined protocol '${text}' in EXPOSE instruction should be lowercase`,
      };
    }
  },
};
