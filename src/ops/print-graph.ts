import { formatPlatform } from '../core/platform.ts';
import type { ContainerConfig, ImageConfig } from '../image/config.ts';
import type { OpGraph, StageResult, TargetImage } from './op-graph.ts';
import type { FileAction, Mount, Op, OpId, OpMetadata, Owner, Source } from './op.ts';

/**
 * The graph as text that is the same for the same graph, for golden tests and for people: one block
 * for each op, then the stages, then each target with its config and history.
 */
export function printGraph(graph: OpGraph): string {
  const ops = graph.ops.map((op, i) => printOp(op, i, graph.metadata[i]));
  const stages = graph.stages.map(printStage);
  const targets = graph.targets.map(printTarget);
  return [...ops, stages.join('\n'), ...targets].join('\n\n') + '\n';
}

function printOp(op: Op, index: number, metadata: OpMetadata | undefined): string {
  const flags = metadata?.ignoresCache === true ? ' (no cache)' : '';
  const stage = metadata?.stage === undefined ? '' : ` in ${metadata.stage}`;
  return [`#${index} ${metadata?.name ?? ''}${stage}${flags}`, ...opLines(op).map(indent)].join(
    '\n',
  );
}

function opLines(op: Op): string[] {
  switch (op.kind) {
    case 'source': {
      const platform = op.platform === undefined ? '' : ` ${formatPlatform(op.platform)}`;
      return [`source ${sourceText(op.source)}${platform}`];
    }
    case 'exec':
      return [
        `exec ${JSON.stringify(op.args)}`,
        `root ${idText(op.root)}, cwd ${op.cwd}, user ${op.user === '' ? 'root' : op.user}, ` +
          `${formatPlatform(op.platform)}, network ${op.network}, ${op.security}`,
        ...op.env.map((entry) => `env ${JSON.stringify(entry)}`),
        ...op.proxyEnv.map((entry) => `proxy ${JSON.stringify(entry)}`),
        ...(op.devices ?? []).map(
          ({ name, isRequired }) => `device ${name}${isRequired ? ' required' : ''}`,
        ),
        ...(op.extraHosts ?? []).map(({ host, address }) => `host ${host} ${address}`),
        ...op.mounts.map(mountText),
      ];
    case 'file':
      return [`file on ${idText(op.base)}`, ...op.actions.map(actionText)];
    case 'merge':
      return [`merge ${op.inputs.map(idText).join(' ')}`];
    case 'diff':
      return [`diff ${idText(op.lower)} ${idText(op.upper)}`];
    default:
      return [op satisfies never];
  }
}

function sourceText(source: Source): string {
  switch (source.type) {
    case 'image':
      return `docker-image://${source.name}@${source.manifestDigest}`;
    case 'oci-layout':
      return `oci-layout://${source.name}@${source.manifestDigest}`;
    case 'local':
      return `local://${source.name}`;
    case 'http':
    case 'git': {
      const { type, ...fields } = source;
      return `${type} ${fieldsText(fields)}`;
    }
    default:
      return source satisfies never;
  }
}

function mountText(mount: Mount): string {
  const { type, ...fields } = mount;
  return `mount ${type} ${fieldsText(readable(fields))}`;
}

function actionText({ action, ...fields }: FileAction): string {
  return `${action} ${fieldsText(readable(fields))}`;
}

/** Modes in octal, ops as `#3`, owners as `user:group`. */
function readable(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]): [string, unknown] => {
      if (name === 'mode' && typeof value === 'number') {
        return [name, `0${value.toString(8).padStart(3, '0')}`];
      }
      if (name === 'from') return [name, idText(value as OpId | undefined)];
      if (name === 'owner' && value !== undefined) return [name, ownerText(value as Owner)];
      return [name, value];
    }),
  );
}

/** `name=value`; what is undefined, false or an empty list is left out, true is the bare name. */
function fieldsText(fields: Readonly<Record<string, unknown>>): string {
  return Object.entries(fields)
    .flatMap(([name, value]) => {
      if (value === undefined || value === false) return [];
      if (value === true) return [name];
      if (Array.isArray(value) && value.length === 0) return [];
      const isPlain = typeof value === 'string' && /^[\w#./:@*+-]+$/.test(value);
      return [`${name}=${isPlain ? value : JSON.stringify(value)}`];
    })
    .join(' ');
}

function ownerText({ user, group }: Owner): string {
  return group === undefined ? user : `${user}:${group}`;
}

function idText(id: OpId | undefined): string {
  return id === undefined ? 'scratch' : `#${id}`;
}

function printStage({ index, name, platform, baseName, root, ops }: StageResult): string {
  const title = name === undefined ? '' : ` "${name}"`;
  const own = ops.length === 0 ? 'none' : ops.map(idText).join(' ');
  return `stage ${index}${title} ${formatPlatform(platform)} from ${baseName}: root ${idText(root)}, own ops ${own}`;
}

function printTarget(target: TargetImage): string {
  const { config, layers, baseHistory } = target;
  const lines = [
    `target ${formatPlatform(target.platform)}: root ${idText(target.root)}, base ${idText(target.base)}`,
    indent(
      `image ${config.os}/${config.architecture}${config.variant === undefined ? '' : `/${config.variant}`}`,
    ),
    ...(config.author === undefined ? [] : [indent(`author ${config.author}`)]),
    ...(config.created === undefined ? [] : [indent(`created ${config.created}`)]),
    ...configLines(config.config).map(indent),
    ...historyLines(config, layers, baseHistory).map(indent),
  ];
  return lines.join('\n');
}

function configLines(config: ContainerConfig): string[] {
  return Object.entries(config).map(([name, value]) => `${name} ${JSON.stringify(value)}`);
}

/** Own entries with the op whose snapshot is their layer. */
function historyLines(config: ImageConfig, layers: readonly OpId[], baseHistory: number): string[] {
  let next = 0;
  return config.history.map((entry, i) => {
    const isOwn = i >= baseHistory;
    const layer = entry.empty_layer === true ? '-' : isOwn ? idText(layers[next++]) : 'base';
    return `history ${layer} ${JSON.stringify(entry.created_by ?? '')}`;
  });
}

function indent(line: string): string {
  return `  ${line}`;
}
