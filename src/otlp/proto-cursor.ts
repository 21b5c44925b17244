/** Reading protobuf that may be anything: every length is checked, nothing is copied. */

/** The bytes are no protobuf, or not of the message that they should be. */
export class ProtoError extends Error {
  override readonly name = 'ProtoError';
}

/** The fields of a message in order. `at` is where the value stands, `to` its end. Throws a ProtoError where the message is none. */
export type ProtoCursor = {
  next(): boolean;
  /** Of the current field. */
  field: number;
  wireType: number;
  /** Where its tag stands. */
  from: number;
  at: number;
  to: number;
  /** Of a varint, in unsigned halves. */
  lo: number;
  hi: number;
};

export const createCursor = (bytes: Uint8Array, start: number, end: number): ProtoCursor => {
  let position = start;
  const varint = (): void => {
    let lo = 0;
    let hi = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (position >= end) throw new ProtoError('a number does not end within its message');
      const byte = bytes[position++]!;
      const bits = byte & 0x7f;
      if (shift < 28) lo |= bits << shift;
      else if (shift === 28) {
        lo |= bits << 28;
        hi = bits >>> 4;
      } else if (shift < 63) hi |= bits << (shift - 32);
      else hi |= (bits & 1) << 31;
      if (byte < 0x80) {
        cursor.lo = lo >>> 0;
        cursor.hi = hi >>> 0;
        return;
      }
    }
    throw new ProtoError('a number has more than ten bytes');
  };
  const cursor: ProtoCursor = {
    field: 0,
    wireType: 0,
    from: start,
    at: start,
    to: start,
    lo: 0,
    hi: 0,
    next() {
      if (position >= end) return false;
      cursor.from = position;
      varint();
      cursor.field = cursor.lo >>> 3;
      cursor.wireType = cursor.lo & 7;
      if (cursor.field === 0 || cursor.hi !== 0) throw new ProtoError('a field without a number');
      cursor.at = position;
      switch (cursor.wireType) {
        case 0:
          varint();
          break;
        case 1:
          position += 8;
          break;
        case 2: {
          varint();
          if (cursor.hi !== 0 || cursor.lo > end - position) throw new ProtoError('a field reaches beyond its message');
          cursor.at = position;
          position += cursor.lo;
          break;
        }
        case 5:
          position += 4;
          break;
        default:
          throw new ProtoError(`wire type ${cursor.wireType}`);
      }
      if (position > end) throw new ProtoError('a field reaches beyond its message');
      cursor.to = position;
      return true;
    },
  };
  return cursor;
};
