/** Numbers, addresses and names of files as the text that an attribute shows. Plain; `field-bytes.ts` writes the same without an object. */

/** `0640`, `04755`, `0000`. */
export const octalText = (value: number): string => `0${value.toString(8).padStart(3, '0')}`;

const SLASH = 0x2f;
const DOT = 0x2e;
const NONE = new Uint8Array(0);

/** What stands behind the last slash that has something behind it; empty when there is nothing, or only `.` or `..`. */
export const fileNameOf = (path: Uint8Array): Uint8Array => {
  let end = path.length;
  while (end > 0 && path[end - 1] === SLASH) end--;
  let start = end;
  while (start > 0 && path[start - 1] !== SLASH) start--;
  const name = path.subarray(start, end);
  return name.length <= 2 && name.every((byte) => byte === DOT) ? NONE : name;
};

const v4Text = (bytes: Uint8Array): string => bytes.join('.');

/** First and length of the longest run of at least two groups of zero; the first of equal ones. */
const longestZeros = (groups: readonly number[]): readonly [first: number, length: number] => {
  let best: readonly [number, number] = [0, 0];
  for (let first = 0; first < groups.length; first++) {
    let length = 0;
    while (groups[first + length] === 0) length++;
    if (length > best[1]) best = [first, length];
  }
  return best[1] > 1 ? best : [0, 0];
};

const v6Text = (bytes: Uint8Array): string => {
  const groups = Array.from({ length: 8 }, (_, i) => (bytes[2 * i]! << 8) | bytes[2 * i + 1]!);
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) return `::ffff:${v4Text(bytes.subarray(12))}`;
  const [first, length] = longestZeros(groups);
  const join = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':');
  return length === 0 ? join(groups) : `${join(groups.slice(0, first))}::${join(groups.slice(first + length))}`;
};

const ASTERISK = 0x2a;
export const V6_BYTES = 16;
/** With its zone, the name of an interface. */
const LONGEST_ADDRESS = V6_BYTES + 16;

/** True of what `addressText` gives a text for, by its first byte and length. */
export const isAddress = (first: number | undefined, length: number): boolean =>
  length === 4 || (length >= V6_BYTES && length <= LONGEST_ADDRESS) || (length === 1 && first === ASTERISK);

/**
 * Text of an address of 4 or 16 bytes, by RFC 5952; `::ffff:192.0.2.1` for IPv4 in IPv6. What stands behind 16 bytes, up to 16 more, is its zone. One byte
 * may be `*`. Undefined for anything else. `decode` applies to the zone.
 */
export const addressText = (bytes: Uint8Array, decode: (bytes: Uint8Array) => string): string | undefined => {
  if (!isAddress(bytes[0], bytes.length)) return undefined;
  if (bytes.length === 1) return '*';
  if (bytes.length === 4) return v4Text(bytes);
  const text = v6Text(bytes.subarray(0, V6_BYTES));
  return bytes.length === V6_BYTES ? text : `${text}%${decode(bytes.subarray(V6_BYTES))}`;
};

/** `192.0.2.1:80`, `[fe80::1%eth0]:80`; without a port the address alone. */
export const hostPortText = (address: string, port: number | string | undefined): string => {
  if (port === undefined) return address;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
};
