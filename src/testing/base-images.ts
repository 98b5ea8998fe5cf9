import { createHash } from 'node:crypto';
import { parseDiffId, parseDigest, type DiffId, type Digest } from '../core/digest.ts';
import type { Platform } from '../core/platform.ts';
import type { DockerfileAst } from '../dockerfile/ast.ts';
import { parseDockerfile } from '../dockerfile/parse-dockerfile.ts';
import type { BaseImage } from '../image/base-image.ts';
import type { ContainerConfig } from '../image/config.ts';
import { planStages } from '../stages/plan-stages.ts';
import type { PlanRequest } from '../stages/plan-request.ts';
import type { BaseKey, BaseRequest, StageGraph } from '../stages/stage-graph.ts';

const AMD64: Platform = { os: 'linux', architecture: 'amd64' };

/** What a made-up base image says of itself; the rest is the same for all. */
export interface BaseImageFacts {
  readonly config?: ContainerConfig | undefined;
  /** How many layers it has, 2 if left out. */
  readonly layers?: number | undefined;
  /** When it is not the platform asked for. */
  readonly platform?: Platform | undefined;
}

/** Facts by reference, e.g. `docker.io/library/alpine:3.18`. Images that are not listed have plain ones. */
export type BaseImageTable = Readonly<Record<string, BaseImageFacts>>;

/** A base image that could be: digests follow from its name and platform. */
export function fakeBaseImage(request: BaseRequest, facts: BaseImageFacts = {}): BaseImage {
  const { reference } = request;
  const { os, architecture, variant } = facts.platform ?? request.platform;
  const seed = `${reference} ${os} ${architecture} ${variant ?? ''}`;
  const count = facts.layers ?? 2;
  const numbers = Array.from({ length: count }, (_, i) => i);
  return {
    name: reference,
    manifestDigest: digestFor(`manifest ${seed}`),
    configDigest: digestFor(`config ${seed}`),
    layers: numbers.map((i) => ({
      mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
      digest: digestFor(`layer ${i} ${seed}`),
      size: 1000 + i,
    })),
    config: {
      os,
      architecture,
      ...(variant === undefined ? {} : { variant }),
      created: '2025-05-05T05:05:05Z',
      config: facts.config ?? { Env: ['PATH=/usr/bin:/bin'], Cmd: ['/bin/sh'] },
      rootfs: { type: 'layers', diff_ids: numbers.map((i) => diffIdFor(`diff ${i} ${seed}`)) },
      history: numbers.map((i) => ({
        created: '2025-05-05T05:05:05Z',
        created_by: `base layer ${i}`,
      })),
    },
  };
}

/** Plans again and again, making up what is missing, as a build does with a registry. */
export function planWithBases(
  ast: DockerfileAst,
  request: PlanRequest,
  bases: BaseImageTable = {},
): { readonly plan: StageGraph; readonly images: ReadonlyMap<BaseKey, BaseImage> } {
  const images = new Map<BaseKey, BaseImage>();
  for (;;) {
    const plan = planStages(ast, request, images);
    if (plan.missing.length === 0) return { plan, images };
    for (const wanted of plan.missing) {
      if (images.has(wanted.key)) throw new Error(`"${wanted.key}" was given and is still missing`);
      images.set(wanted.key, fakeBaseImage(wanted, bases[wanted.reference]));
    }
  }
}

/** A request for linux/amd64 with nothing asked for, apart from `changes`. */
export function planRequest(changes: Partial<PlanRequest> = {}): PlanRequest {
  return { buildArgs: new Map(), targetPlatforms: [AMD64], buildPlatform: AMD64, ...changes };
}

/** The tree of a Dockerfile without errors. Lines may be given one by one. */
export function dockerfile(...lines: readonly string[]): DockerfileAst {
  const { ast, diagnostics } = parseDockerfile({ path: 'Dockerfile', text: lines.join('\n') });
  const error = diagnostics.find(({ severity }) => severity === 'error');
  if (error !== undefined) throw new Error(`${error.code}: ${error.message}`);
  return ast;
}

function hexFor(seed: string): string {
  return `sha256:${createHash('sha256').update(seed).digest('hex')}`;
}

function digestFor(seed: string): Digest {
  const digest = parseDigest(hexFor(seed));
  if (digest === undefined) throw new Error('A sha256 digest was not one');
  return digest;
}

function diffIdFor(seed: string): DiffId {
  const diffId = parseDiffId(hexFor(seed));
  if (diffId === undefined) throw new Error('A sha256 digest was not one');
  return diffId;
}
