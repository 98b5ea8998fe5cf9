import { invalidImage } from './errors.ts';
import type { UntrustedObject } from './strict-json.ts';

/**
 * Takes fields out of a JSON object that another party wrote. Every method throws BuildError
 * INVALID_IMAGE with the path of the field. `null` counts as left out, as Go writes empty slices so.
 */
export class Fields {
  readonly #object: UntrustedObject;
  /** What is being read and the path in it, e.g. `the manifest of "app": layers[0]`. */
  readonly #where: string;

  constructor(untrusted: unknown, where: string) {
    if (typeof untrusted !== 'object' || untrusted === null || Array.isArray(untrusted)) {
      throw invalidImage(where, 'it is not an object');
    }
    this.#object = untrusted as UntrustedObject;
    this.#where = where;
  }

  has(key: string): boolean {
    return this.#get(key) !== undefined;
  }

  keys(): readonly string[] {
    return Object.keys(this.#object);
  }

  string(key: string): string | undefined {
    const value = this.#get(key);
    if (value === undefined || typeof value === 'string') return value;
    throw this.#fault(key, 'a string');
  }

  requiredString(key: string): string {
    const value = this.string(key);
    if (value === undefined || value === '') throw this.#fault(key, 'a string');
    return value;
  }

  boolean(key: string): boolean | undefined {
    const value = this.#get(key);
    if (value === undefined || typeof value === 'boolean') return value;
    throw this.#fault(key, 'true or false');
  }

  integer(key: string): number | undefined {
    const value = this.#get(key);
    if (value === undefined) return undefined;
    if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
    throw this.#fault(key, 'a whole number');
  }

  strings(key: string): readonly string[] | undefined {
    const value = this.array(key);
    return value?.map((item, index) => {
      if (typeof item !== 'string') throw this.#fault(`${key}[${index}]`, 'a string');
      return item;
    });
  }

  array(key: string): readonly unknown[] | undefined {
    const value = this.#get(key);
    if (value === undefined) return undefined;
    if (Array.isArray(value)) return value as readonly unknown[];
    throw this.#fault(key, 'a list');
  }

  object(key: string): Fields | undefined {
    const value = this.#get(key);
    return value === undefined ? undefined : new Fields(value, this.pathOf(key));
  }

  objects(key: string): readonly Fields[] | undefined {
    return this.array(key)?.map((item, index) => new Fields(item, this.pathOf(`${key}[${index}]`)));
  }

  /** An object whose values are all strings. Keys keep their order. */
  stringMap(key: string): Readonly<Record<string, string>> | undefined {
    const fields = this.object(key);
    return fields === undefined
      ? undefined
      : plainRecord(fields.keys().map((name) => [name, fields.string(name) ?? '']));
  }

  /** An object used as a set: `{"80/tcp": {}}`. Whatever the values hold is dropped. */
  keySet(key: string): Readonly<Record<string, Record<string, never>>> | undefined {
    const fields = this.object(key);
    return fields === undefined ? undefined : plainRecord(fields.keys().map((name) => [name, {}]));
  }

  pathOf(key: string): string {
    return this.#where.includes(': ') ? `${this.#where}.${key}` : `${this.#where}: ${key}`;
  }

  /** The error for a field that is there and well formed but cannot be. */
  fault(key: string, found: string): Error {
    return invalidImage(this.pathOf(key), found);
  }

  #fault(key: string, wanted: string): Error {
    return this.fault(key, `it must be ${wanted}`);
  }

  #get(key: string): unknown {
    return this.#object[key] ?? undefined;
  }
}

/** `Object.fromEntries` defines keys and never assigns them, so `__proto__` stays a key like others. */
function plainRecord<T>(entries: readonly (readonly [string, T])[]): Readonly<Record<string, T>> {
  return Object.fromEntries(entries);
}
