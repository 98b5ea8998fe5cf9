import type { Platform } from '../core/platform.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { DockerfileAst } from '../dockerfile/ast.ts';
import type { BaseImage } from '../image/base-image.ts';
import { createExpander } from './expander.ts';
import { globalArgs, proxyEnvironment } from './global-args.ts';
import { namedContexts } from './named-context.ts';
import { planTarget } from './plan-target.ts';
import type { PlanRequest } from './plan-request.ts';
import { SOURCE_DATE_EPOCH, sourceDateEpochOf } from './source-date-epoch.ts';
import type { BaseKey, BaseRequest, PlannedTarget, StageGraph } from './stage-graph.ts';

/**
 * Decides what is built: which stages, on which images, from which words.
 *
 * In: a Dockerfile as written, the wishes of the user, and the base images known so far. Out: the
 * stages that the target needs, every variable filled in and every name resolved, for each platform.
 * Pure: it reads no file and asks no registry. Images it lacks are listed in `missing`; the caller
 * resolves them and calls again, with the same request, until none is missing. A name is resolved by
 * the rules of BuildKit: stage index, stage name, named context, image.
 * @throws BuildError for what the Dockerfile or the request gets wrong (stages/errors.ts).
 */
export function planStages(
  ast: DockerfileAst,
  request: PlanRequest,
  images: ReadonlyMap<BaseKey, BaseImage>,
): StageGraph {
  const diagnostics = new Map<string, Diagnostic>();
  const report = (found: Diagnostic): void => {
    const { file, start } = found.span;
    diagnostics.set(`${file.path} ${start} ${found.code} ${found.message}`, found);
  };
  const missing = new Map<BaseKey, BaseRequest>();
  const expander = createExpander(ast.escape);
  const platforms: readonly Platform[] =
    request.targetPlatforms.length > 0 ? request.targetPlatforms : [request.buildPlatform];
  const contexts = namedContexts(request.namedContexts ?? new Map());
  const lastName = ast.stages.at(-1)?.from.name?.text;
  const buildArgs = withEpoch(request);
  let epoch: ReturnType<typeof sourceDateEpochOf>;

  const targets = platforms.map((platform): PlannedTarget => {
    const stage = request.target === undefined || request.target === '' ? lastName : request.target;
    const named = { build: request.buildPlatform, target: platform, stage };
    const globals = globalArgs(named, ast.globalArgs, buildArgs, expander);
    epoch = sourceDateEpochOf({ ast, buildArgs, globals, contexts, platform, expander });
    const planned = planTarget(ast, {
      request: { ...request, buildArgs },
      platform,
      globals,
      contexts,
      images,
      expander,
      report,
      miss: (wanted) => {
        if (!missing.has(wanted.key)) missing.set(wanted.key, wanted);
      },
    });
    return {
      ...planned,
      platform,
      isPlatformImplicit: request.targetPlatforms.length === 0,
      labels: request.labels ?? new Map<string, string>(),
      proxyEnv: proxyEnvironment(request.buildArgs),
      run: {
        network: request.network ?? 'default',
        extraHosts: request.extraHosts ?? [],
        shmBytes: request.shmBytes,
        cacheMountNamespace:
          request.buildArgs.get('BUILDKIT_CACHE_MOUNT_NS') ?? request.cacheMountNamespace ?? '',
      },
    };
  });
  return {
    targets,
    missing: [...missing.values()],
    diagnostics: [...diagnostics.values()],
    ...(typeof epoch === 'object'
      ? { sourceDateEpoch: undefined, epochSource: epoch }
      : { sourceDateEpoch: epoch, epochSource: undefined }),
  };
}

/** So that `ARG SOURCE_DATE_EPOCH` sees it however it was given. */
function withEpoch({ buildArgs, sourceDateEpoch }: PlanRequest): ReadonlyMap<string, string> {
  if (sourceDateEpoch === undefined || buildArgs.has(SOURCE_DATE_EPOCH)) return buildArgs;
  return new Map([...buildArgs, [SOURCE_DATE_EPOCH, String(sourceDateEpoch)]]);
}
