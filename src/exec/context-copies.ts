import { DisposeStack } from '../core/dispose-stack.ts';

/** A build context, or a part of one, that was copied to be mounted in steps. */
export interface ContextCopy extends AsyncDisposable {
  /** Undefined where there is nothing at the path. */
  readonly hostPath: string | undefined;
}

/**
 * The copies of build contexts that steps of a build only read: each is made once, however many steps mount
 * it, and goes with the build.
 */
export class ContextCopies implements AsyncDisposable {
  readonly #copies = new Map<string, Promise<ContextCopy>>();
  readonly #opened = new DisposeStack();

  /** `key` says what is copied. A copy that failed is tried anew by the next step. */
  async get(key: string, make: () => Promise<ContextCopy>): Promise<ContextCopy> {
    let copy = this.#copies.get(key);
    if (copy === undefined) {
      copy = make().then((made) => this.#opened.use(made));
      this.#copies.set(key, copy);
      copy.catch(() => this.#copies.delete(key));
    }
    const { hostPath } = await copy;
    return { hostPath, [Symbol.asyncDispose]: () => Promise.resolve() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#copies.values());
    await this.#opened[Symbol.asyncDispose]();
  }
}
