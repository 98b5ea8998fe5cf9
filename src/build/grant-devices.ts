import { csvFields } from '../dockerfile/csv-fields.ts';
import type { HostDevice, HostDevices } from '../devices/host-devices.ts';
import type { Span } from '../diagnostics/source.ts';
import type { OpGraph } from '../ops/op-graph.ts';
import type { DeviceRequest } from '../ops/op.ts';
import { deviceNotFound, entitlementMissing } from './errors.ts';
import type { BuildRequest } from './request.ts';

/** Devices of this machine by the name that `RUN --device` asks for. */
export type GrantedDevices = ReadonlyMap<string, readonly HostDevice[]>;

/** Where devices come from, and who is told what is left out. */
export interface DeviceSource {
  /** Asked for only if a step wants a device. */
  devices(): Promise<HostDevices>;
  readonly note: (text: string) => void;
}

/**
 * Finds the devices that the steps of a graph ask for, and refuses those that the user does not allow.
 * A step runs without a device that is neither there nor required. By BuildKit's rules
 * (`solver/llbsolver/vertex.go`): `--allow device` is for all, `--allow device=NAME` for one, also
 * under another name (`,alias=OTHER`), and a specification may allow its devices by itself.
 * @throws BuildError DEVICE_NOT_FOUND, ENTITLEMENT_MISSING
 */
export async function grantDevices(
  graph: OpGraph,
  { entitlements }: Pick<BuildRequest, 'entitlements'>,
  source: DeviceSource,
): Promise<GrantedDevices> {
  const granted = new Map<string, readonly HostDevice[]>();
  const wanted = graph.ops.flatMap((op, i) =>
    op.kind !== 'exec'
      ? []
      : (op.devices ?? []).map((device) => ({ device, span: graph.metadata[i]?.span })),
  );
  if (wanted.length === 0) return granted;
  const host = await source.devices();
  const grants = [...entitlements].flatMap(readGrant);
  for (const { device, span } of wanted) {
    const alias = grants.find((grant) => grant.alias === device.name);
    const found = host.find(alias?.name ?? device.name);
    if (found.length === 0) reportMissing(device, host, span, source.note);
    const isAllowed = (each: HostDevice): boolean =>
      alias !== undefined ||
      entitlements.has('device') ||
      each.isAllowed ||
      grants.some((grant) => grant.alias === undefined && host.find(grant.name).includes(each));
    const refused = found.find((each) => !isAllowed(each));
    if (refused !== undefined) throw entitlementMissing(`device=${refused.name}`, span);
    if (!granted.has(device.name)) for (const each of found) noteHooks(each, source.note);
    granted.set(device.name, found);
  }
  return granted;
}

function reportMissing(
  { name, isRequired }: DeviceRequest,
  host: HostDevices,
  span: Span | undefined,
  note: (text: string) => void,
): void {
  if (isRequired) throw deviceNotFound(name, host, span);
  note(`No device "${name}" is described on this machine: steps run without it`);
}

function noteHooks({ name, edits }: HostDevice, note: (text: string) => void): void {
  const count = edits.reduce((sum, { hookCount }) => sum + hookCount, 0);
  if (count > 0) note(`Device "${name}": ${count} hooks of its specification are not run`);
}

/** `device=NAME[,alias=OTHER]`; nothing for other entitlements. */
function readGrant(
  entitlement: string,
): { readonly name: string; readonly alias: string | undefined }[] {
  const value = /^device=(.*)$/s.exec(entitlement)?.[1];
  const fields = value === undefined ? undefined : csvFields(value);
  if (fields?.ok !== true) return [];
  const [name = '', ...options] = fields.fields;
  const alias = options.find((option) => option.startsWith('alias='))?.slice('alias='.length);
  return [{ name, alias }];
}
