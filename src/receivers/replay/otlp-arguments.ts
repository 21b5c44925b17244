/** Arguments in the attributes of a log record, found without reading the others. */
import type { AttributeField } from '../../core/batch.ts';
import { attributeName } from '../../otlp/names.ts';
import { createCursor } from '../../otlp/proto-cursor.ts';

export const TRUNCATED = 1;

/** The columns that hold them, as those of an exec record do. */
export const argumentFields: readonly AttributeField[] = [
  { name: attributeName.processCommandArgs, type: 'strings', column: 'args', count: 'argsKept' },
  { name: attributeName.argsTruncated, type: 'bool', column: 'argsFlags', mask: TRUNCATED },
];

type Place = readonly [start: number, end: number];

const argsKey = Buffer.from(attributeName.processCommandArgs);
const truncatedKey = Buffer.from(attributeName.argsTruncated);

/** The value of the `KeyValue` in `message[at, to)` when it has this key, of less than 128 bytes, and stands alone behind it. */
const valueOf = (message: Buffer, at: number, to: number, key: Buffer): Place | undefined => {
  const behind = at + 2 + key.length;
  if (behind >= to || message[at] !== 0x0a || message[at + 1] !== key.length || message.compare(key, 0, key.length, at + 2, behind) !== 0)
    return undefined;
  const cursor = createCursor(message, behind, to);
  return cursor.next() && cursor.field === 2 && cursor.wireType === 2 && cursor.to === to ? [cursor.at, cursor.to] : undefined;
};

/** Places of the arguments when the `KeyValue` in `message[at, to)` is a list of them; undefined when it is anything else. */
export const argumentsIn = (message: Buffer, at: number, to: number): readonly Place[] | undefined => {
  const value = valueOf(message, at, to, argsKey);
  if (value === undefined) return undefined;
  const texts: Place[] = [];
  const outer = createCursor(message, ...value);
  if (!outer.next() || outer.field !== 5 || outer.wireType !== 2 || outer.to !== value[1]) return undefined;
  const list = createCursor(message, outer.at, outer.to);
  while (list.next()) {
    if (list.field !== 1 || list.wireType !== 2) return undefined;
    const item = createCursor(message, list.at, list.to);
    if (!item.next() || item.field !== 1 || item.wireType !== 2 || item.to !== list.to) return undefined;
    texts.push([item.at, item.to]);
  }
  return texts.length === 0 ? undefined : texts;
};

/** Whether the `KeyValue` in `message[at, to)` says that arguments were cut. */
export const isTruncated = (message: Buffer, at: number, to: number): boolean => {
  const value = valueOf(message, at, to, truncatedKey);
  return value !== undefined && value[1] - value[0] === 2 && message[value[0]] === 0x10 && message[value[0] + 1] === 1;
};
