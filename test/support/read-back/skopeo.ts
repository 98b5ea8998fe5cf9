import { callTool } from './call-tool.ts';
import type { BuiltImage } from './collect.ts';

/**
 * Copies an image with skopeo into the OCI layout `copy`, as its tag "copy", which checks digest and size of
 * all parts. The copy has OCI types and layers of gzip, whatever the image has.
 * @throws Error with what skopeo said
 */
export async function copyWithSkopeo({ source }: BuiltImage, copy: string): Promise<void> {
  const format = ['--format', 'oci', '--dest-compress-format', 'gzip'];
  await callTool('skopeo', ['copy', '-q', ...format, source, `oci:${copy}:copy`]);
}
