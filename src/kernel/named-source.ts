import type { AttributeSource } from '../core/batch.ts';
import { encodeAttributes, putBytes } from '../otlp/wire.ts';

/** Texts by a small id that is used again after `release`; 0 = none. Each text is encoded once under every given attribute name. */
export type TextPool<N extends string> = {
  add(text: string): number;
  release(id: number): void;
  text(id: number): string | undefined;
  readonly sources: Readonly<Record<N, AttributeSource>>;
};

const NOTHING = new Uint8Array(0);

export const createTextPool = <N extends string>(names: readonly N[]): TextPool<N> => {
  const texts: (string | undefined)[] = [undefined];
  const freeIds: number[] = [];
  const encodedByName = new Map<N, Uint8Array[]>(names.map((name) => [name, [NOTHING]]));
  const sourceOf = (name: N): AttributeSource => {
    const encoded = encodedByName.get(name)!;
    return {
      names: new Set([name]),
      size: (id) => encoded[id]!.length,
      write: (id, out, at) => putBytes(out, at, encoded[id]!),
      entries: (id) => (texts[id] === undefined ? [] : [[name, texts[id]]]),
    };
  };
  return {
    add(text) {
      const id = freeIds.pop() ?? texts.length;
      texts[id] = text;
      for (const [name, encoded] of encodedByName) encoded[id] = encodeAttributes([[name, text]]);
      return id;
    },
    release(id) {
      if (id === 0 || texts[id] === undefined) return;
      texts[id] = undefined;
      for (const encoded of encodedByName.values()) encoded[id] = NOTHING;
      freeIds.push(id);
    },
    text: (id) => texts[id],
    sources: Object.fromEntries(names.map((name) => [name, sourceOf(name)])) as Record<N, AttributeSource>,
  };
};
