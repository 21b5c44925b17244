/** First in, first out, with a way to the front. `shift` of a long array moves all that is behind; this moves an item a few times at the most. */

export type Fifo<T> = {
  push(item: T): void;
  /** Puts items before all others, in their order. */
  putFirst(items: readonly T[]): void;
  shift(): T | undefined;
  /** Takes out all, in order. */
  clear(): readonly T[];
};

/** Below this many free places nothing is moved. */
const WORTH_MOVING = 1024;

export const createFifo = <T>(): Fifo<T> => {
  /** The next one stands last. */
  let first: T[] = [];
  let items: T[] = [];
  let head = 0;
  return {
    push: (item) => void items.push(item),
    putFirst: (some) => void first.push(...some.toReversed()),
    shift() {
      if (first.length > 0) return first.pop();
      if (head === items.length) return undefined;
      const item = items[head];
      items[head++] = undefined as T; // nobody holds it any more
      if (head >= WORTH_MOVING && head * 2 >= items.length) {
        items = items.slice(head);
        head = 0;
      }
      return item;
    },
    clear() {
      const all = [...first.toReversed(), ...items.slice(head)];
      first = [];
      items = [];
      head = 0;
      return all;
    },
  };
};
