/**
 * A file with certificates to which those of a build are added for the time of a step. What is added
 * can be told from what the image has, and from what the step itself adds.
 */
export interface AddedCertificates {
  /** What the step sees. */
  readonly combined: Buffer;
  /** Takes ours out of a file that may have been made from `combined`; undefined when none are in it. */
  strip(content: Buffer): Buffer | undefined;
}
