/**
 * What was opened, in order, to be closed in the opposite order. Stands in for AsyncDisposableStack,
 * which Node has from version 24 on.
 */
export class DisposeStack implements AsyncDisposable {
  #actions: (() => Promise<void> | void)[] = [];

  /** Closes `resource` with this stack. Returns it. */
  use<T extends AsyncDisposable>(resource: T): T {
    this.#actions.push(async () => {
      await resource[Symbol.asyncDispose]();
    });
    return resource;
  }

  /** Calls `action` when this stack is closed. */
  defer(action: () => Promise<void> | void): void {
    this.#actions.push(action);
  }

  /** Hands everything to a new stack; this one is empty afterwards. */
  move(): DisposeStack {
    const moved = new DisposeStack();
    moved.#actions = this.#actions;
    this.#actions = [];
    return moved;
  }

  /** Closes everything, also when some of it fails; the first failure is thrown at the end. */
  async [Symbol.asyncDispose](): Promise<void> {
    const failures: unknown[] = [];
    for (const action of this.#actions.splice(0).reverse()) {
      try {
        await action();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
