/**
 * What the OCI image specification 1.1 demands of documents, in our own words: the fields that must be
 * there, and the form of every field that may. Independent of src/ on purpose.
 */
type Check = (value: unknown, path: string) => readonly string[];

const DIGEST = /^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$/;
const SHA256 = /^sha256:[0-9a-f]{64}$/;
const MEDIA_TYPE = /^[A-Za-z0-9][\w!#$&^.+-]{0,126}\/[A-Za-z0-9][\w!#$&^.+-]{0,126}$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;

const text: Check = (value, path) => (typeof value === 'string' ? [] : [`${path} is no text`]);
const flag: Check = (value, path) => (typeof value === 'boolean' ? [] : [`${path} is no boolean`]);
const size: Check = (value, path) =>
  Number.isSafeInteger(value) && Number(value) >= 0 ? [] : [`${path} is no size`];
const empty: Check = (value, path) =>
  JSON.stringify(value) === '{}' ? [] : [`${path} is no empty object`];

function matching(pattern: RegExp): Check {
  return (value, path) =>
    typeof value === 'string' && pattern.test(value) ? [] : [`${path} is ${String(value)}`];
}

function listOf(check: Check): Check {
  return (value, path) =>
    Array.isArray(value)
      ? value.flatMap((each, index) => check(each, `${path}[${String(index)}]`))
      : [`${path} is no list`];
}

function mapOf(check: Check): Check {
  return (value, path) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.entries(value).flatMap(([key, each]) => check(each, `${path}.${key}`))
      : [`${path} is no map`];
}

/** Fields that must be there, and fields that may; others are allowed by the specification. */
function object(
  required: Readonly<Record<string, Check>>,
  optional: Readonly<Record<string, Check>> = {},
): Check {
  return (value, path) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return [`${path} is no object`];
    }
    const fields = value as Readonly<Record<string, unknown>>;
    const missing = Object.keys(required).filter((key) => !Object.hasOwn(fields, key));
    const checks = Object.entries({ ...required, ...optional });
    return [
      ...missing.map((key) => `${path}.${key} is missing`),
      ...checks.flatMap(([key, check]) =>
        Object.hasOwn(fields, key) ? check(fields[key], `${path}.${key}`) : [],
      ),
    ];
  };
}

const DESCRIPTOR = object(
  { mediaType: matching(MEDIA_TYPE), digest: matching(DIGEST), size },
  {
    urls: listOf(text),
    annotations: mapOf(text),
    artifactType: matching(MEDIA_TYPE),
    platform: object(
      { architecture: text, os: text },
      { variant: text, 'os.version': text, 'os.features': listOf(text) },
    ),
  },
);
const TWO: Check = (value, path) => (value === 2 ? [] : [`${path} is not 2`]);
const layers: Check = (value, path) => [
  ...listOf(DESCRIPTOR)(value, path),
  ...(Array.isArray(value) && value.length > 0 ? [] : [`${path} is empty`]),
];

const MANIFEST = object(
  { schemaVersion: TWO, config: DESCRIPTOR, layers },
  {
    mediaType: matching(/^application\/vnd\.oci\.image\.manifest\.v1\+json$/),
    annotations: mapOf(text),
    subject: DESCRIPTOR,
  },
);
const INDEX = object(
  { schemaVersion: TWO, manifests: listOf(DESCRIPTOR) },
  {
    mediaType: matching(/^application\/vnd\.oci\.image\.index\.v1\+json$/),
    annotations: mapOf(text),
    subject: DESCRIPTOR,
  },
);
const CONFIG = object(
  {
    architecture: text,
    os: text,
    rootfs: object({ type: matching(/^layers$/), diff_ids: listOf(matching(SHA256)) }),
  },
  {
    created: matching(TIME),
    author: text,
    variant: text,
    config: object(
      {},
      {
        User: text,
        ExposedPorts: mapOf(empty),
        Env: listOf(matching(/^[^=]+=/)),
        Entrypoint: listOf(text),
        Cmd: listOf(text),
        Volumes: mapOf(empty),
        WorkingDir: text,
        Labels: mapOf(text),
        StopSignal: text,
        ArgsEscaped: flag,
      },
    ),
    history: listOf(
      object(
        {},
        {
          created: matching(TIME),
          author: text,
          created_by: text,
          comment: text,
          empty_layer: flag,
        },
      ),
    ),
  },
);

/** What is wrong with a document; nothing, when it is as the specification wants it. */
export function ociFaults(kind: 'manifest' | 'index' | 'config', document: unknown): string[] {
  const check = { manifest: MANIFEST, index: INDEX, config: CONFIG }[kind];
  return [...check(document, kind)];
}
