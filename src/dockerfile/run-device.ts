import { suggestion } from './check-flags.ts';
import { csvFields } from './csv-fields.ts';
import { parseGoBool } from './go-values.ts';

/** One `RUN --device`: the name of a CDI device. */
export interface RunDevice {
  /** "" if only `required` was given. */
  readonly name: string;
  readonly isRequired: boolean;
}

/** The device, or the reason as BuildKit words it and the key that was probably meant. */
export type RunDeviceResult =
  | { readonly ok: true; readonly device: RunDevice }
  | { readonly ok: false; readonly message: string; readonly similar?: string | undefined };

/** Parses the value of `--device`: `name[,required]`, `name=…`, `required=true`. */
export function parseRunDevice(value: string): RunDeviceResult {
  const csv = csvFields(value);
  if (!csv.ok) return { ok: false, message: `failed to parse csv devices: ${csv.message}` };
  let name = '';
  let isRequired = false;
  for (const field of csv.fields) {
    const equals = field.indexOf('=');
    const key = (equals < 0 ? field : field.slice(0, equals)).toLowerCase();
    const text = equals < 0 ? undefined : field.slice(equals + 1);
    if (key === 'required') {
      const parsed = text === undefined ? true : parseGoBool(text);
      if (parsed === undefined) {
        return { ok: false, message: `invalid value for ${key}: ${text ?? ''}` };
      }
      isRequired = parsed;
    } else if (key === 'name' && text !== undefined) {
      if (name !== '') return { ok: false, message: `device name already set to ${name}` };
      name = text;
    } else if (name === '') {
      name = field;
    } else if (text === undefined) {
      return { ok: false, message: `invalid field '${field}' must be a key=value pair` };
    } else {
      const similar = suggestion(key, ['name', 'required']);
      return { ok: false, message: `unexpected key '${key}' in '${field}'`, similar };
    }
  }
  return { ok: true, device: { name, isRequired } };
}
