/** Networks of rules. Addresses are compared in 16 bytes: an IPv4 address is ::ffff:a.b.c.d. */
import type { AddressTest } from '../../core/rules.ts';

const MAPPED_BITS = 96;

/** The 16 bytes of an address of 4 or 16, into `out`. */
export const putMapped = (out: Uint8Array, bytes: Uint8Array, start: number, length: number): void => {
  if (length === 16) {
    for (let i = 0; i < 16; i++) out[i] = bytes[start + i]!;
    return;
  }
  out.fill(0, 0, 10);
  out.fill(0xff, 10, 12);
  for (let i = 0; i < 4; i++) out[12 + i] = bytes[start + i]!;
};

const parseV4 = (text: string): Uint8Array | undefined => {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9][0-9]{0,2})$/.test(part) && Number(part) <= 255)) return undefined;
  return Uint8Array.from(parts, Number);
};

const groupsOf = (text: string): number[] | undefined => {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    const v4 = index === parts.length - 1 && part.includes('.') ? parseV4(part) : undefined;
    if (v4 !== undefined) groups.push((v4[0]! << 8) | v4[1]!, (v4[2]! << 8) | v4[3]!);
    else if (/^[0-9a-fA-F]{1,4}$/.test(part)) groups.push(Number.parseInt(part, 16));
    else return undefined;
  }
  return groups;
};

const parseV6 = (text: string): Uint8Array | undefined => {
  const halves = text.split('::');
  if (halves.length > 2 || !text.includes(':')) return undefined;
  const left = groupsOf(halves[0]!);
  const right = halves.length === 2 ? groupsOf(halves[1]!) : [];
  if (left === undefined || right === undefined) return undefined;
  const missing = 8 - left.length - right.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const bytes = new Uint8Array(16);
  [...left, ...Array.from({ length: missing }, () => 0), ...right].forEach((group, index) => {
    bytes[2 * index] = group >> 8;
    bytes[2 * index + 1] = group & 0xff;
  });
  return bytes;
};

/** The 4 or 16 bytes of an address as people write it. */
export const parseAddress = (text: string): Uint8Array | undefined => parseV4(text) ?? parseV6(text);

/** `10.0.0.0/8`, `fd00::/8`, or an address alone; a sentence about what is wrong with any other text. */
export const parseNetwork = (text: string): AddressTest | string => {
  const [address = '', bitsText, ...more] = text.split('/');
  const bytes = parseAddress(address);
  if (bytes === undefined || more.length > 0)
    return 'not an address; write one as 10.1.2.3 or fd00::1, or a network as 10.0.0.0/8 or fd00::/8';
  const most = bytes.length * 8;
  const bits = bitsText === undefined ? most : /^[0-9]{1,3}$/.test(bitsText) ? Number(bitsText) : -1;
  if (bits < 0 || bits > most)
    return `not a network; what stands behind the slash is a number of bits, 0 to ${most} of this kind of address`;
  return { text, bytes, bits };
};

/** True when bits of the address behind the network's own are set. */
export const hasHostBits = ({ bytes, bits }: AddressTest): boolean =>
  bytes.some((byte, index) => (byte & (0xff >> Math.min(8, Math.max(0, bits - 8 * index)))) !== 0);

/** Sets the bits from `bits` on to 0. */
const mask = (bytes: Uint8Array, bits: number): void => {
  for (let i = bits >> 3; i < 16; i++) bytes[i] = i === bits >> 3 ? bytes[i]! & ~(0xff >> (bits & 7)) : 0;
};

const NONE: readonly number[] = [];
const keyOf = (bytes: Uint8Array): string => String.fromCharCode(...bytes);

export type AddressIndex = {
  /** Appends the ids of all networks that the address, of 4 or 16 bytes, is in. */
  collect(bytes: Uint8Array, start: number, length: number, ids: number[]): void;
};

/** By length of prefix; there are few. */
export const createAddressIndex = (entries: readonly { readonly test: AddressTest; readonly id: number }[]): AddressIndex => {
  const byBits = new Map<number, Map<string, number[]>>();
  const scratch = new Uint8Array(16);
  for (const { test, id } of entries) {
    const bits = test.bits + (test.bytes.length === 4 ? MAPPED_BITS : 0);
    putMapped(scratch, test.bytes, 0, test.bytes.length);
    mask(scratch, bits);
    const networks = byBits.get(bits) ?? new Map<string, number[]>();
    byBits.set(bits, networks);
    const ids = networks.get(keyOf(scratch));
    if (ids === undefined) networks.set(keyOf(scratch), [id]);
    else ids.push(id);
  }
  // longest first: what is masked once needs to be masked further only
  const groups = [...byBits].toSorted(([a], [b]) => b - a);
  return {
    collect(bytes, start, length, ids) {
      if (length !== 4 && length !== 16) return;
      putMapped(scratch, bytes, start, length);
      for (const [bits, networks] of groups) {
        mask(scratch, bits);
        for (const id of networks.get(keyOf(scratch)) ?? NONE) ids.push(id);
      }
    },
  };
};
