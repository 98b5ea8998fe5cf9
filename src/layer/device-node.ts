import { bytesToText, type BytePath } from '../core/bytes.ts';
import { hasCode, makeDevice, mknod, NODE_TYPE } from '../host/sys.ts';
import { idMap } from '../tree/copy-up.ts';
import { badLayerEntry } from './errors.ts';
import type { TarEntry } from './tar-entry.ts';

/**
 * Makes a device of a layer. False where this user may not make any: no step could open them either.
 * @throws BuildError LAYER_ENTRY_REFUSED for device 0/0 and for numbers that the kernel does not have
 */
export function makeDeviceNode(hostPath: BytePath, entry: TarEntry): boolean {
  const { type, devMajor, devMinor } = entry;
  if (type === 'char-device' && devMajor === 0 && devMinor === 0) {
    throw badLayerEntry(bytesToText(entry.name), 'device 0/0 would remove the file below it');
  }
  const kind = type === 'char-device' ? NODE_TYPE.charDevice : NODE_TYPE.blockDevice;
  try {
    mknod(hostPath, kind | 0o600, deviceNumber(entry));
    return true;
  } catch (error) {
    if (hasCode(error, 'EPERM') && idMap().isNamespace) return false;
    throw error;
  }
}

function deviceNumber({ name, devMajor, devMinor }: TarEntry): number {
  try {
    return makeDevice(devMajor, devMinor);
  } catch (error) {
    const found = `there is no device ${String(devMajor)}/${String(devMinor)}`;
    throw badLayerEntry(bytesToText(name), found, error);
  }
}
