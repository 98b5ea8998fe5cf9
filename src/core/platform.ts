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
  if (architecture === 'arm64' && (variant === '8' || variant === 'v8')) variant = undefined;
  if (architecture === 'amd64' && variant === 'v1') variant = undefined;
  if (architecture === 'arm') variant = variant === undefined ? 'v7' : prefixed(variant);
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

function prefixed(variant: string): string {
  return /^\d/.test(variant) ? `v${variant}` : variant;
}
