import { describe, expect, test } from 'vitest';
import { parseDockerfile } from '../dockerfile/parse-dockerfile.ts';
import { planStages } from '../stages/plan-stages.ts';
import { checkDockerfile } from './check-dockerfile.ts';

const PLATFORM = { os: 'linux', architecture: 'amd64' };

function check(lines: readonly string[], targets: readonly string[], args = {}): readonly string[] {
  const buildArgs = new Map<string, string>(Object.entries(args));
  const source = { path: 'Dockerfile', text: lines.join('\n') };
  const { ast, diagnostics } = parseDockerfile(source);
  const wishes = { buildArgs, targetPlatforms: [], buildPlatform: PLATFORM };
  const plans = targets.map((target) => planStages(ast, { ...wishes, target }, new Map()));
  const input = { buildArgs, ignoreMatcher: undefined, images: new Map() };
  const found = checkDockerfile(ast, diagnostics, plans, input).diagnostics;
  return found.map(({ code, message }) => `${code}: ${message}`);
}

describe('checkDockerfile()', () => {
  const lines = ['FROM scratch AS a', 'CMD run', 'WORKDIR /$A', 'FROM scratch AS B', 'CMD run'];
  const ofA = [
    'JSONArgsRecommended: JSON arguments recommended for CMD to prevent unintended behavior related to OS signals',
    "UndefinedVar: Usage of undefined variable '$A'",
  ];
  const ofB = [
    "StageNameCasing: Stage name 'B' should be lowercase",
    'JSONArgsRecommended: JSON arguments recommended for CMD to prevent unintended behavior related to OS signals',
  ];

  test('looks only into stages that are planned, but at every FROM', () => {
    expect(check(lines, ['b'])).toEqual(ofB);
  });

  test('tells what two plans find once', () => {
    expect(check(lines, ['a', 'b', 'a'])).toEqual([...ofA, ...ofB]);
  });

  test('leaves out skipped findings of planning too', () => {
    const args = { BUILDKIT_DOCKERFILE_CHECK: 'skip=UndefinedVar,StageNameCasing' };
    expect(check(lines, ['a'], args)).toEqual([ofA[0]]);
  });
});
