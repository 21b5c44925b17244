/** Texts with what matches them, for a map that gives the longest text that begins what is looked up. */
import { walkNested } from './nesting.ts';
import type { TextEntry } from './tests.ts';

/** What a look-up says: the bits that match, and in each slot the rule that has the least order, -1 for none. */
export type Matched = { mask: bigint; readonly names: number[] };

/** `begins` holds of all that begins with the text, shorter texts with it; `whole` of the text itself. */
export type TextNode = { readonly text: string; readonly begins: Matched; readonly whole: Matched };

export const nothing = (slots: number): Matched => ({ mask: 0n, names: Array.from({ length: slots }, () => -1) });

export const addTo = (to: Matched, mask: bigint, slot: number | undefined, order: number): void => {
  to.mask |= mask;
  if (slot !== undefined && (to.names[slot]! < 0 || order < to.names[slot]!)) to.names[slot] = order;
};

const inherit = (to: Matched, from: Matched): void => {
  to.mask |= from.mask;
  from.names.forEach((order, slot) => order >= 0 && addTo(to, 0n, slot, order));
};

export type TextNodes = {
  add(entry: TextEntry, mask: bigint, slot: number | undefined, order: number): void;
  /** Complete: a node says what the shorter ones say too. */
  nodes(): readonly TextNode[];
};

export const createTextNodes = (slots: number): TextNodes => {
  const byText = new Map<string, TextNode>();
  return {
    add({ text, exact }, mask, slot, order) {
      const node = byText.get(text) ?? { text, begins: nothing(slots), whole: nothing(slots) };
      byText.set(text, node);
      addTo(exact ? node.whole : node.begins, mask, slot, order);
    },
    nodes() {
      walkNested(byText.keys(), (text, outer) => {
        const node = byText.get(text)!;
        if (outer !== undefined) inherit(node.begins, byText.get(outer)!.begins);
        inherit(node.whole, node.begins);
      });
      return [...byText.values()];
    },
  };
};
