/**
 * The first look: one pass over raw bytes says whether there is anything to look closer at. All needles are found at once by the automaton
 * of Aho and Corasick (Communications of the ACM 18, 1975), one table look-up a byte.
 */

/** What was found, as bits. */
export const FOUND = {
  /** Part of a name that may announce a secret. */
  name: 1,
  /** `@`: a user and a password may stand before it. */
  at: 2,
  /** A word that stands before what proves who one is. */
  scheme: 4,
  /** How keys of a well-known issuer begin. */
  shape: 8,
  pem: 16,
  /** A program whose options hold secrets under names that tell nothing. */
  client: 32,
} as const;

/** A boundary in a needle: the end of an argument, white space, `/`, or what separates words of a shell. */
export const EDGE = '\0';

export type Needle = readonly [text: string, bit: number];

export type Scanner = {
  /** Bits of all that occurs in `bytes[start, end)`, taken as one argument. */
  scan(bytes: Uint8Array, start: number, end: number): number;
  /** The same for text with a character a byte. */
  scanText(text: string): number;
};

const BIT_SHIFT = 24;
const STATE_MASK = 0xff_ffff;
const edges = new Set(Array.from('\0/ \t\n\r\v\f;|&()`\'"=,:', (character) => character.charCodeAt(0)));

/** Bytes by what they mean for needles: case does not matter, all edges are one, all that no needle has are one (0). */
const classesOf = (needles: readonly Needle[]): { readonly classOf: Uint8Array; readonly count: number } => {
  const classOf = new Uint8Array(256);
  const separate = new Set(needles.flatMap(([text]) => Array.from(text, (character) => character.charCodeAt(0))));
  let count = 2;
  for (const byte of edges) classOf[byte] = 1;
  for (const byte of separate) {
    if (byte === 0) continue;
    // An edge that stands in a needle by itself would no longer be one.
    if (edges.has(byte)) throw new RangeError(`a needle has the edge ${JSON.stringify(String.fromCharCode(byte))}`);
    if (byte >= 0x80) throw new RangeError('a needle is not ASCII');
    const lower = String.fromCharCode(byte).toLowerCase().charCodeAt(0);
    if (classOf[lower] === 0) classOf[lower] = count++;
    const upper = String.fromCharCode(lower).toUpperCase().charCodeAt(0);
    classOf[upper] = classOf[lower]!;
    classOf[byte] = classOf[lower]!;
  }
  return { classOf, count };
};

type Node = { readonly next: Map<number, number>; bits: number; fail: number };

const trieOf = (needles: readonly Needle[], classOf: Uint8Array): Node[] => {
  const nodes: Node[] = [{ next: new Map(), bits: 0, fail: 0 }];
  for (const [text, bit] of needles) {
    let at = 0;
    for (const character of text) {
      const symbol = classOf[character.charCodeAt(0)]!;
      let next = nodes[at]!.next.get(symbol);
      if (next === undefined) {
        next = nodes.push({ next: new Map(), bits: 0, fail: 0 }) - 1;
        nodes[at]!.next.set(symbol, next);
      }
      at = next;
    }
    nodes[at]!.bits |= bit;
  }
  return nodes;
};

/** The whole automaton: for each state and class the next state times the classes, with the bits of that state on top. */
const tableOf = (nodes: Node[], classes: number): Uint32Array => {
  const table = new Uint32Array(nodes.length * classes);
  const entry = (state: number) => ((nodes[state]!.bits << BIT_SHIFT) | (state * classes)) >>> 0;
  const queue: number[] = [];
  for (const child of nodes[0]!.next.values()) queue.push(child);
  for (let symbol = 0; symbol < classes; symbol++) table[symbol] = entry(nodes[0]!.next.get(symbol) ?? 0);
  // Breadth first: the state that one falls back to is finished before.
  for (const state of queue) {
    const node = nodes[state]!;
    for (let symbol = 0; symbol < classes; symbol++) {
      const child = node.next.get(symbol);
      const fallback = (table[node.fail * classes + symbol]! & STATE_MASK) / classes;
      if (child === undefined) {
        table[state * classes + symbol] = entry(fallback);
        continue;
      }
      nodes[child]!.fail = fallback;
      nodes[child]!.bits |= nodes[fallback]!.bits;
      table[state * classes + symbol] = entry(child);
      queue.push(child);
    }
  }
  return table;
};

/** Needles are ASCII without upper case; EDGE in them stands for any edge. Throws a RangeError for others. */
export const createScanner = (needles: readonly Needle[]): Scanner => {
  const { classOf, count } = classesOf(needles);
  const nodes = trieOf(needles, classOf);
  if (nodes.length * count > STATE_MASK) throw new RangeError('too many needles');
  const table = tableOf(nodes, count);
  const atStart = table[1]! & STATE_MASK;
  return {
    scan(bytes, start, end) {
      let entry = atStart;
      let found = 0;
      for (let i = start; i < end; i++) {
        entry = table[(entry & STATE_MASK) + classOf[bytes[i]!]!]!;
        found |= entry;
      }
      return (found | table[(entry & STATE_MASK) + 1]!) >>> BIT_SHIFT;
    },
    scanText(text) {
      let entry = atStart;
      let found = 0;
      for (let i = 0; i < text.length; i++) {
        entry = table[(entry & STATE_MASK) + classOf[text.charCodeAt(i) & 0xff]!]!;
        found |= entry;
      }
      return (found | table[(entry & STATE_MASK) + 1]!) >>> BIT_SHIFT;
    },
  };
};
