/** The little protobuf that answers need. */

export type ProtoField = { readonly field: number; readonly value: bigint | Uint8Array };

/** Undefined when the varint does not end within the bytes or within 64 bits. */
const readVarint = (bytes: Uint8Array, start: number): { readonly value: bigint; readonly at: number } | undefined => {
  let value = 0n;
  for (let at = start; at < bytes.length && at < start + 10; at++) {
    const byte = bytes[at]!;
    value |= BigInt(byte & 0x7f) << BigInt(7 * (at - start));
    if (byte < 0x80) return { value: BigInt.asUintN(64, value), at: at + 1 };
  }
  return undefined;
};

/** The fields of one message in order. Bytes that are not protobuf end the list where they begin: an answer is never worth an error. */
export const readFields = (bytes: Uint8Array): readonly ProtoField[] => {
  const fields: ProtoField[] = [];
  let at = 0;
  while (at < bytes.length) {
    const tag = readVarint(bytes, at);
    if (tag === undefined) break;
    const field = Number(tag.value >> 3n);
    const wireType = Number(tag.value & 7n);
    at = tag.at;
    if (wireType === 0 || wireType === 2) {
      const varint = readVarint(bytes, at);
      if (varint === undefined) break;
      at = varint.at;
      if (wireType === 0) {
        fields.push({ field, value: varint.value });
        continue;
      }
      const end = at + Number(varint.value);
      if (end > bytes.length) break;
      fields.push({ field, value: bytes.subarray(at, end) });
      at = end;
    } else if (wireType === 1 || wireType === 5) {
      at += wireType === 1 ? 8 : 4;
    } else {
      break;
    }
  }
  return fields;
};

export const bytesField = (bytes: Uint8Array, wanted: number): Uint8Array | undefined => {
  const found = readFields(bytes).findLast(({ field, value }) => field === wanted && typeof value !== 'bigint');
  return found?.value as Uint8Array | undefined;
};

/** A signed number; 0 when it is not there, as protobuf has it. */
export const intField = (bytes: Uint8Array, wanted: number): number => {
  const found = readFields(bytes).findLast(({ field, value }) => field === wanted && typeof value === 'bigint');
  return Number(BigInt.asIntN(64, (found?.value as bigint | undefined) ?? 0n));
};
