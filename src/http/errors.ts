import { BuildError } from '../diagnostics/build-error.ts';
import { visibleLine } from '../diagnostics/visible-text.ts';

/** A file or directory with certificates that the user named or put there. */
export function caFileUnusable(path: string, found: string, hint: string): BuildError {
  return new BuildError({
    code: 'CA_FILE_UNUSABLE',
    class: 'host',
    message: `Cannot use the certificates in "${visibleLine(path)}": ${visibleLine(found)}`,
    hint,
  });
}

/** A proxy setting of the environment. Its value may hold a password and is not shown. */
export function proxyUnusable(variable: string, found: string): BuildError {
  return new BuildError({
    code: 'PROXY_UNUSABLE',
    class: 'host',
    message: `Cannot use the proxy in ${visibleLine(variable)}: ${visibleLine(found)}`,
    hint: 'Set it to a URL such as "http://proxy.example:3128".',
  });
}

/** A setting of the environment for slow networks. */
export function networkTimeoutInvalid(variable: string, value: string, found: string): BuildError {
  return new BuildError({
    code: 'NETWORK_TIMEOUT_INVALID',
    class: 'host',
    message: `Cannot use "${visibleLine(value)}" of ${variable}: ${found}`,
    hint: 'Set it to a time such as "90s" or "5m".',
  });
}
