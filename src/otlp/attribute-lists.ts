/** Lists of attributes that come again and again, as those of series do: each is encoded once and then copied from where it lies. */
import type { Attribute, AttributeValue } from '../core/batch.ts';
import { createArena } from './arena.ts';
import { encodeAttributes, keyBytes, putIntAttribute } from './wire.ts';

/** Attributes that are kept encoded, because many lists have them: transports, states, names of calls. All are forgotten when it is full. */
const REMEMBERED_PAIRS = 4096;
/** Longer texts are hardly ever in several lists. */
const LONGEST_REMEMBERED = 64;
const REMEMBERED_KEYS = 1024;
/** Lists that were encoded take this much memory, or this many times what the largest batches of all receivers have, before all are forgotten. */
const KEPT_BYTES = 1 << 20;
const KEPT_TIMES = 4;
/** Receivers whose batches are told apart: more than anybody configures. */
const MOST_RECEIVERS = 256;
/** Of an integer, beside its key. */
const INT_BOUND = 24;

export type AttributeLists = {
  /** Before the lists of a batch of this receiver. */
  begin(receiver: string): void;
  /** Finds the bytes of a list, by its identity: they stand in `bytes[start, start + length)` until the next call. */
  find(attributes: readonly Attribute[]): void;
  bytes: Uint8Array;
  view: DataView;
  start: number;
  length: number;
};

const isWhole = (value: AttributeValue): value is number | bigint => typeof value === 'bigint' || Number.isSafeInteger(value);

/** Each attribute is a `KeyValue` field with this tag. */
export const createAttributeLists = (tag: number): AttributeLists => {
  let arena = createArena();
  /** Where a list stands in the arena, behind four bytes of its length. */
  let places = new WeakMap<readonly Attribute[], number>();
  /** Bytes of the lists of the batch, and of the largest one of each receiver since all were forgotten. */
  let used = 0;
  let current = '';
  const usedBy = new Map<string, number>();
  const keys = new Map<string, Uint8Array>();
  const pairs = new Map<string, Map<AttributeValue, Uint8Array>>();
  let pairCount = 0;

  const keyOf = (name: string): Uint8Array => {
    let key = keys.get(name);
    if (key === undefined) {
      if (keys.size >= REMEMBERED_KEYS) keys.clear();
      keys.set(name, (key = keyBytes(name.toWellFormed())));
    }
    return key;
  };

  const pairOf = (attribute: Attribute): Uint8Array => {
    const [name, value] = attribute;
    if (typeof value !== 'boolean' && (typeof value !== 'string' || value.length > LONGEST_REMEMBERED))
      return encodeAttributes([attribute], tag);
    let ofName = pairs.get(name);
    let pair = ofName?.get(value);
    if (pair !== undefined) return pair;
    if (pairCount >= REMEMBERED_PAIRS) {
      pairs.clear();
      pairCount = 0;
      ofName = undefined;
    }
    if (ofName === undefined) pairs.set(name, (ofName = new Map()));
    pairCount++;
    ofName.set(value, (pair = encodeAttributes([attribute], tag)));
    return pair;
  };

  const putWhole = (name: string, value: number | bigint): void => {
    const key = keyOf(name);
    arena.reserve(key.length + INT_BOUND);
    const { bytes, at } = arena;
    const bits = typeof value === 'bigint' ? BigInt.asUintN(64, value) : 0n;
    const lo = typeof value === 'bigint' ? Number(bits & 0xffff_ffffn) : value >>> 0;
    const hi = typeof value === 'bigint' ? Number(bits >> 32n) : Math.floor(value / 0x1_0000_0000) >>> 0;
    arena.at = putIntAttribute(bytes, at, key, lo, hi);
    bytes[at] = tag;
  };

  const encode = (attributes: readonly Attribute[]): number => {
    arena.reserve(4);
    const lengthAt = arena.at;
    arena.at += 4;
    for (const attribute of attributes) {
      const value = attribute[1];
      if (isWhole(value)) {
        putWhole(attribute[0], value);
        continue;
      }
      const pair = pairOf(attribute);
      arena.reserve(pair.length);
      arena.bytes.set(pair, arena.at);
      arena.at += pair.length;
    }
    arena.view.setUint32(lengthAt, arena.at - lengthAt - 4, true);
    places.set(attributes, lengthAt + 4);
    return lengthAt + 4;
  };

  const lists: AttributeLists = {
    bytes: arena.bytes,
    view: arena.view,
    start: 0,
    length: 0,
    begin(receiver) {
      if (usedBy.size >= MOST_RECEIVERS) usedBy.clear();
      usedBy.set(current, Math.max(used, usedBy.get(current) ?? 0));
      let wanted = 0;
      for (const bytes of usedBy.values()) wanted += bytes;
      if (arena.at > KEPT_BYTES && arena.at > KEPT_TIMES * wanted) {
        places = new WeakMap();
        arena = createArena();
        usedBy.clear();
      }
      current = receiver;
      used = 0;
    },
    find(attributes) {
      const start = places.get(attributes) ?? encode(attributes);
      lists.bytes = arena.bytes;
      lists.view = arena.view;
      lists.start = start;
      lists.length = arena.view.getUint32(start - 4, true);
      used += lists.length + 4;
    },
  };
  return lists;
};
