/** Many texts of rules at once: a radix tree over exact texts, prefixes and what globs begin with. It costs what a text has in common with them. */
import { matchesText, type CompiledText } from './text-tests.ts';

export type TextEntry = { readonly test: CompiledText; readonly id: number };

export type TextIndex = {
  /** Appends the ids of all tests that `bytes[start, end)` matches; an id may come several times. */
  collect(bytes: Uint8Array, start: number, end: number, ids: number[]): void;
};

type Node = {
  label: Uint8Array;
  children: Map<number, Node> | undefined;
  readonly exact: number[];
  readonly prefix: number[];
  readonly globs: TextEntry[];
};

const nodeOf = (label: Uint8Array, children?: Map<number, Node>): Node => ({ label, children, exact: [], prefix: [], globs: [] });

const common = (label: Uint8Array, key: Uint8Array, from: number): number => {
  const most = Math.min(label.length, key.length - from);
  let length = 0;
  while (length < most && label[length] === key[from + length]) length++;
  return length;
};

/** The node whose labels spell the key; made where it is not there. */
const nodeFor = (root: Node, key: Uint8Array): Node => {
  let node = root;
  let at = 0;
  while (at < key.length) {
    node.children ??= new Map();
    const child = node.children.get(key[at]!);
    if (child === undefined) {
      const leaf = nodeOf(key.subarray(at));
      node.children.set(key[at]!, leaf);
      return leaf;
    }
    const length = common(child.label, key, at);
    if (length === child.label.length) node = child;
    else {
      const upper = nodeOf(child.label.subarray(0, length), new Map([[child.label[length]!, child]]));
      node.children.set(key[at]!, upper);
      child.label = child.label.subarray(length);
      node = upper;
    }
    at += length;
  }
  return node;
};

export const createTextIndex = (entries: readonly TextEntry[]): TextIndex => {
  const root = nodeOf(new Uint8Array(0));
  for (const entry of entries) {
    const node = nodeFor(root, entry.test.head);
    if (entry.test.type === 'glob') node.globs.push(entry);
    else node[entry.test.type].push(entry.id);
  }
  return {
    collect(bytes, start, end, ids) {
      let node: Node | undefined = root;
      let at = start;
      while (node !== undefined) {
        const { label, prefix, globs } = node;
        if (end - at < label.length) return;
        for (let i = 0; i < label.length; i++) if (bytes[at + i] !== label[i]) return;
        at += label.length;
        for (let i = 0; i < prefix.length; i++) ids.push(prefix[i]!);
        for (let i = 0; i < globs.length; i++) if (matchesText(globs[i]!.test, bytes, start, end)) ids.push(globs[i]!.id);
        if (at === end) {
          for (let i = 0; i < node.exact.length; i++) ids.push(node.exact[i]!);
          return;
        }
        node = node.children?.get(bytes[at]!);
      }
    },
  };
};
