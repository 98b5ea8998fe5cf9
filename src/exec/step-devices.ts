import { statSync, type Stats } from 'node:fs';
import type { Span } from '../diagnostics/source.ts';
import type { CdiEdits, CdiNode } from '../devices/cdi-spec.ts';
import type { HostDevice } from '../devices/host-devices.ts';
import { deviceUnusable } from './errors.ts';
import type { StepMount } from './step-mounts.ts';

/** What devices add to a step. */
export interface DeviceParts {
  readonly mounts: readonly StepMount[];
  /** `NAME=value`; goes before what image and Dockerfile set. */
  readonly env: readonly string[];
  /** Groups that the step's user is in besides its own. */
  readonly groups: readonly number[];
}

/**
 * Gives devices to a step: nodes and mounts as binds from this host. What several devices of one file
 * share is added once.
 * @throws BuildError DEVICE_UNUSABLE for a node or file that this host does not have
 */
export function deviceParts(devices: readonly HostDevice[], span: Span | undefined): DeviceParts {
  const mounts: StepMount[] = [];
  const env: string[] = [];
  const groups: number[] = [];
  const done = new Set<CdiEdits>();
  for (const device of devices) {
    for (const edits of device.edits) {
      if (done.has(edits)) continue;
      done.add(edits);
      const about = { device: device.name, span };
      mounts.push(...edits.nodes.map((node) => nodeMount(node, about)));
      mounts.push(...edits.mounts.map((mount) => fileMount(mount, about)));
      env.push(...edits.env);
      groups.push(...edits.groups);
    }
  }
  return { mounts, env, groups };
}

interface About {
  readonly device: string;
  readonly span: Span | undefined;
}

function nodeMount({ hostPath, path, permissions }: CdiNode, about: About): StepMount {
  const stats = statOf(hostPath, about);
  if (!stats.isCharacterDevice() && !stats.isBlockDevice() && !stats.isFIFO()) {
    throw deviceUnusable(about.device, `"${hostPath}" is no device node`, about.span);
  }
  return {
    mount: {
      type: 'bind',
      source: hostPath,
      target: path,
      isReadonly: false,
      devicePermissions: permissions,
    },
    targetType: 'file',
  };
}

function fileMount(
  { hostPath, path, isReadonly }: CdiEdits['mounts'][number],
  about: About,
): StepMount {
  return {
    mount: { type: 'bind', source: hostPath, target: path, isReadonly },
    targetType: statOf(hostPath, about).isDirectory() ? 'directory' : 'file',
  };
}

function statOf(path: string, { device, span }: About): Stats {
  try {
    return statSync(path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw deviceUnusable(device, `"${path}" cannot be used (${code})`, span);
  }
}
