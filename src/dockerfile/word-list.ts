import { isSpace } from './white-space.ts';

/** Collects words while text is expanded. Quoted text joins words, other text is split at spaces. */
export class WordList {
  readonly #words: string[] = [];
  #word = '';

  /** Text that never splits: quoted, escaped. */
  add(text: string): void {
    this.#word += text;
  }

  /** Text whose white space ends words. */
  addSplitting(text: string): void {
    let start = 0;
    for (let i = 0; i < text.length; i++) {
      if (!isSpace(text.charCodeAt(i))) continue;
      this.#word += text.slice(start, i);
      this.#endWord();
      start = i + 1;
    }
    this.#word += text.slice(start);
  }

  finish(): string[] {
    this.#endWord();
    return this.#words;
  }

  #endWord(): void {
    if (this.#word !== '') this.#words.push(this.#word);
    this.#word = '';
  }
}
