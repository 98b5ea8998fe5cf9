/** Operating system, processor and variant, in the words of the OCI image specification (GOOS, GOARCH). */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string | undefined;
  readonly osVersion?: string | undefined;
}

const ARCHITECTURES: Readonly<Record<string, Omit<Platform, 'os'>>> = {
  x86_64: { architecture: 'amd64' },
  'x86-64': { architecture: 'amd64' },
  i386: { architecture: '386' },
  i486: { architecture: '386' },
  i586: { architecture: '386' },
  i686: { architecture: '386' },
  aarch64: { architecture: 'arm64' },
  armhf: { architecture: 'arm', variant: 'v7' },
  armel: { architecture: 'arm', variant: 'v6' },
};

/** Normalises as containerd's `platforms` package: aliases resolved, arm64/v8 and amd64/v1 without variant. */
export function normalizePlatform(platform: Platform): Platform {
  const os = platform.os.toLowerCase() === 'macos' ? 'darwin' : platform.os.toLowerCase();
  const alias = ARCHITECTURES[platform.architecture.toLowerCase()];
  const architecture = alias?.architecture ?? platform.architecture.toLowerCase();
  let variant = platform.variant?.toLowerCase() ?? alias?.variant;
  if (variant !== undefined && variant !== '') variant = prefixed(variant);
  if (architecture === 'arm64' && variant === 'v8') variant = undefined;
  if (architecture === 'amd64' && variant === 'v1') variant = undefined;
  if (architecture === 'arm' && (variant === undefined || variant === '')) variant = 'v7';
  return {
    os,
    architecture,
    ...(variant === undefined || variant === '' ? {} : { variant }),
    ...(platform.osVersion === undefined ? {} : { osVersion: platform.osVersion }),
  };
}

/**
 * Reads `os/arch[/variant]`, or a bare `os` or `arch` completed from `host`.
 * Undefined when the text has another form, so that the caller can say where it stood.
 */
export function parsePlatform(text: string, host: Platform): Platform | undefined {
  const parts = text.split('/');
  if (parts.length > 3 || parts.some((part) => !/^[A-Za-z0-9_.-]+$/.test(part))) return undefined;
  const [first = '', architecture, variant] = parts;
  if (architecture === undefined) {
    if (first === 'local') return host;
    const known = ['linux', 'windows', 'darwin', 'macos', 'freebsd', 'wasi', 'js'];
    return known.includes(first.toLowerCase())
      ? normalizePlatform({ ...host, os: first })
      : normalizePlatform({ os: host.os, architecture: first });
  }
  return normalizePlatform({ os: first, architecture, variant });
}

/** `linux/arm/v7`, the form used on the command line and in TARGETPLATFORM. */
export function formatPlatform(platform: Platform): string {
  const { os, architecture, variant } = platform;
  return variant === undefined ? `${os}/${architecture}` : `${os}/${architecture}/${variant}`;
}

/** The platform that Node was built for. `arch` is `process.arch`. */
export function hostPlatform(arch: string): Platform {
  const architecture =
    ({ x64: 'amd64', ia32: '386', arm64: 'arm64', arm: 'arm' } as Record<string, string>)[arch] ??
    arch;
  return normalizePlatform({ os: 'linux', architecture });
}

/** Equal after normalisation; `osVersion` is not compared. */
export function samePlatform(a: Platform, b: Platform): boolean {
  return formatPlatform(normalizePlatform(a)) === formatPlatform(normalizePlatform(b));
}

/**
 * Which of `available` (normalised, as `formatPlatform` writes them) serves `wanted` best: the very same,
 * else one for an older variant of the same processor, newest first, as containerd's `Only` has it.
 * Undefined when none does.
 */
export function findForPlatform(
  available: readonly string[],
  wanted: Platform,
): number | undefined {
  for (const platform of servedBy(normalizePlatform(wanted))) {
    const index = available.indexOf(formatPlatform(platform));
    if (index >= 0) return index;
  }
  return undefined;
}

/** Oldest first. A platform without variant is of the oldest that its architecture has here. */
const VARIANTS: Readonly<Record<string, readonly string[]>> = {
  amd64: ['', 'v2', 'v3', 'v4'],
  arm: ['v5', 'v6', 'v7', 'v8'],
  arm64: ['', 'v9'],
};

function servedBy(wanted: Platform): readonly Platform[] {
  const variants = VARIANTS[wanted.architecture] ?? [];
  const rank = variants.indexOf(wanted.variant ?? '');
  const older = rank < 0 ? [] : variants.slice(0, rank).toReversed();
  return [
    wanted,
    ...older.map((variant) => ({ ...wanted, variant: variant === '' ? undefined : variant })),
  ];
}

function prefixed(variant: string): string {
  return /^\d/.test(variant) ? `v${variant}` : variant;
}
