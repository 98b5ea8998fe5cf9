import type { Inode } from './file-tree.ts';

const FIRST_CAPACITY = 256;
/** Four places of five are taken at most: then a search ends after few steps. */
const MAX_TAKEN = 0.8;
const WORD = 2 ** 32;
/** 2^32 divided by the golden ratio: spreads numbers that follow one another. */
const GOLDEN = 0x9e3779b1;

/**
 * A number for each of many inodes: 15 to 30 bytes an inode outside of the JavaScript heap, where a Map takes 36
 * to 72 inside of it, and as many again until the garbage collector comes.
 */
export class InodeTable {
  #inodes = new Float64Array(FIRST_CAPACITY);
  /** One more than the number of the inode in the same place; 0 where the place is free. */
  #numbers = new Uint32Array(FIRST_CAPACITY);
  #shift = 32 - Math.log2(FIRST_CAPACITY);
  #count = 0;
  /** Those that are too large for an array of numbers. */
  #large: Map<bigint, number> | undefined;

  /** How many inodes have a number. */
  get size(): number {
    return this.#count + (this.#large?.size ?? 0);
  }

  /** The number of an inode; undefined when it has none. */
  get(inode: Inode): number | undefined {
    if (typeof inode === 'bigint') return this.#large?.get(inode);
    const number = this.#numbers[this.#placeOf(inode)] ?? 0;
    return number === 0 ? undefined : number - 1;
  }

  /** Gives an inode a number, from 0 to 2^32 - 2; another one if it has one already. */
  set(inode: Inode, number: number): void {
    if (typeof inode === 'bigint') {
      (this.#large ??= new Map()).set(inode, number);
      return;
    }
    let place = this.#placeOf(inode);
    if (this.#numbers[place] === 0) {
      if (this.#count >= this.#numbers.length * MAX_TAKEN) {
        this.#grow();
        place = this.#placeOf(inode);
      }
      this.#inodes[place] = inode;
      this.#count++;
    }
    this.#numbers[place] = number + 1;
  }

  /** Where an inode is, or would be put. */
  #placeOf(inode: number): number {
    const inodes = this.#inodes;
    const numbers = this.#numbers;
    const last = numbers.length - 1;
    let place = Math.imul(inode ^ (inode / WORD), GOLDEN) >>> this.#shift;
    while (numbers[place] !== 0 && inodes[place] !== inode) place = (place + 1) & last;
    return place;
  }

  #grow(): void {
    const inodes = this.#inodes;
    const numbers = this.#numbers;
    this.#inodes = new Float64Array(inodes.length * 2);
    this.#numbers = new Uint32Array(numbers.length * 2);
    this.#shift--;
    for (let from = 0; from < numbers.length; from++) {
      const number = numbers[from] ?? 0;
      if (number === 0) continue;
      const inode = inodes[from] ?? 0;
      const place = this.#placeOf(inode);
      this.#inodes[place] = inode;
      this.#numbers[place] = number;
    }
  }
}
