import { formatPlatform, type Platform } from '../../core/platform.ts';
import type { Diagnostic } from '../../diagnostics/diagnostic.ts';
import type { Span } from '../../diagnostics/source.ts';
import { ruleDiagnostic, type Rule } from './rule.ts';

/** Planning finds it: it knows the config of the base image. */
export const invalidBaseImagePlatform: Rule = {
  name: 'InvalidBaseImagePlatform',
  description: 'Base image platform does not match expected target platform',
  check: undefined,
};

/** A registry handed out an image of another platform, as it has no other. */
export function otherBaseImagePlatform(
  image: string,
  platforms: { readonly actual: Platform; readonly expected: Platform },
  span: Span,
): Diagnostic {
  const actual = formatPlatform(platforms.actual);
  const expected = formatPlatform(platforms.expected);
  const message = `Base image ${image} was pulled with platform "${actual}", expected "${expected}" for current build`;
  return ruleDiagnostic(invalidBaseImagePlatform, { span, message });
}
