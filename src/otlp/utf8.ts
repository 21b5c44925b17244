/** Hostile bytes as valid UTF-8. */

/** Most bytes that one byte of input becomes: U+FFFD. */
export const REPLACED_EXPANSION = 3;

const putReplacement = (out: Uint8Array, at: number): number => {
  out[at] = 0xef;
  out[at + 1] = 0xbf;
  out[at + 2] = 0xbd;
  return at + 3;
};

/**
 * Copies `from[start, end)` and puts U+FFFD for each maximal part that is not UTF-8, as the decoder of the WHATWG Encoding standard
 * does (`new TextDecoder('utf-8', { ignoreBOM: true })`). Returns the position behind it; at most three times the length.
 */
export const putReplacingInvalid = (out: Uint8Array, at: number, from: Uint8Array, start: number, end: number): number => {
  let i = start;
  while (i < end) {
    const lead = from[i]!;
    if (lead < 0x80) {
      out[at++] = lead;
      i++;
      continue;
    }
    const more = lead >= 0xc2 && lead <= 0xdf ? 1 : lead >= 0xe0 && lead <= 0xef ? 2 : lead >= 0xf0 && lead <= 0xf4 ? 3 : 0;
    // The second byte has narrower limits after some leads: overlong forms, surrogates, and what is past U+10FFFF.
    let lowest = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
    let highest = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
    let seen = 0;
    while (seen < more && i + 1 + seen < end) {
      const next = from[i + 1 + seen]!;
      if (next < lowest || next > highest) break;
      lowest = 0x80;
      highest = 0xbf;
      seen++;
    }
    if (more > 0 && seen === more) {
      for (let k = 0; k <= more; k++) out[at++] = from[i + k]!;
    } else {
      at = putReplacement(out, at);
    }
    i += 1 + seen;
  }
  return at;
};
