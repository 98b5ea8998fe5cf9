/** Empty and, as Go's nil, `null` in JSON. */
const NIL_LIST: readonly never[] = Object.assign([], { toJSON: () => null });
const NIL_MAP: Readonly<Record<string, never>> = Object.defineProperty({}, 'toJSON', {
  value: () => null,
  enumerable: false,
});

/** What Docker's struct has where an image's config says nothing. */
const CONFIG = {
  Hostname: '',
  Domainname: '',
  User: '',
  AttachStdin: false,
  AttachStdout: false,
  AttachStderr: false,
  ExposedPorts: NIL_MAP,
  Tty: false,
  OpenStdin: false,
  StdinOnce: false,
  Env: NIL_LIST,
  Cmd: NIL_LIST,
  ArgsEscaped: false,
  Image: '',
  Volumes: NIL_MAP,
  WorkingDir: '',
  Entrypoint: NIL_LIST,
  OnBuild: NIL_LIST,
  Labels: NIL_MAP,
  StopSignal: '',
  Shell: NIL_LIST,
};

const IMAGE = { Variant: '', OsVersion: '' };

/**
 * An image as templates see it: Docker fills them from structs of Go, in which a field that the image does
 * not have prints as empty, and not as unknown. JSON leaves such fields out.
 */
export function withGoZeroValues(
  described: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const { Config: config } = described;
  const filled = { ...described };
  if (typeof config === 'object' && config !== null) filled['Config'] = filledUp(config, CONFIG);
  return filledUp(filled, IMAGE);
}

function filledUp(own: object, zeros: object): Readonly<Record<string, unknown>> {
  const said = Object.entries(own).filter(([, value]) => value !== undefined && value !== null);
  const filled = Object.fromEntries<unknown>(said);
  for (const [key, value] of Object.entries(zeros)) {
    // Not enumerable: `json` leaves them out.
    if (!Object.hasOwn(filled, key)) Object.defineProperty(filled, key, { value });
  }
  return filled;
}
