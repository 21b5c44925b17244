/** Raw bytes. */

/** Whether each byte of a part is 0, of all of them when no part is said. */
export const isZero = (bytes: Uint8Array, start = 0, length = bytes.length - start): boolean => {
  for (let i = start; i < start + length; i++) if (bytes[i] !== 0) return false;
  return true;
};
