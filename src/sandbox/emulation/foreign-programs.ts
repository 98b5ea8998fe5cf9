import type { Platform } from '../../core/platform.ts';
import { formatPlatform } from '../../core/platform.ts';
import { isKernelAtLeast } from '../../host/kernel-version.ts';
import { findEmulator } from './find-emulator.ts';
import { HANDLER_DIRECTORY, handlerFor, readHandlers } from './kernel-handlers.ts';
import { predecessorOf, runsPredecessor } from './native-programs.ts';
import { KNOWN_ARCHITECTURES, programFormat } from './program-format.ts';

/** How this host runs the programs of a platform. */
export type Runnable =
  /** By itself. */
  | { readonly kind: 'native' }
  /** Somebody has told the kernel of an emulator. */
  | { readonly kind: 'registered'; readonly interpreter: string }
  /** There is an emulator, and the kernel can be told of it for steps alone. */
  | { readonly kind: 'emulated'; readonly emulator: string }
  | { readonly kind: 'impossible'; readonly reason: string; readonly remedy: string | undefined };

/** What decides it. */
export interface RunnableHost {
  /** GOARCH. */
  readonly architecture: string;
  readonly kernel: string;
  /** PATH. */
  readonly searchPath: string;
  /** Where the kernel shows its handlers. */
  readonly handlerDirectory?: string | undefined;
}

const INSTALL = 'Install an emulator, for example: apt-get install qemu-user-static';
const REGISTER =
  'Register it with the kernel, for example: apt-get install binfmt-support qemu-user-static';

/** Finds out whether and how steps of a platform can run here. */
export function findRunnable(platform: Platform, host: RunnableHost): Runnable {
  const { os, architecture } = platform;
  if (os !== 'linux') {
    return impossible(`this host runs programs of Linux, not of ${os}`, undefined);
  }
  if (architecture === host.architecture) return { kind: 'native' };
  if (architecture === predecessorOf(host.architecture) && runsPredecessor(host.architecture)) {
    return { kind: 'native' };
  }
  const format = programFormat(architecture);
  if (format === undefined) {
    return impossible(`no emulator of "${architecture}" is known`, undefined);
  }
  const handlers = readHandlers(host.handlerDirectory ?? HANDLER_DIRECTORY);
  const handler = handlerFor(handlers, format);
  if (handler !== undefined) return { kind: 'registered', interpreter: handler.interpreter };
  const emulator = findEmulator(format, host.searchPath);
  if (emulator === undefined) {
    const found =
      'the kernel knows no emulator for them, ' +
      `and there is no static program "qemu-${format.emulator}-static"`;
    return impossible(found, INSTALL);
  }
  // Since then each user namespace can have handlers of its own.
  if (isKernelAtLeast(host.kernel, 6, 7)) return { kind: 'emulated', emulator };
  const found = `"${emulator}" is not registered with the kernel, and Linux ${host.kernel} wants that`;
  return impossible(found, REGISTER);
}

/** Every platform whose steps run here, with how. Variants are left out. */
export function runnablePlatforms(
  host: RunnableHost,
): readonly { readonly platform: string; readonly runnable: Runnable }[] {
  return KNOWN_ARCHITECTURES.map((architecture) => {
    const platform = { os: 'linux', architecture };
    return { platform: formatPlatform(platform), runnable: findRunnable(platform, host) };
  }).filter(({ runnable }) => runnable.kind !== 'impossible');
}

function impossible(reason: string, remedy: string | undefined): Runnable {
  return { kind: 'impossible', reason, remedy };
}
