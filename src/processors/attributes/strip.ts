/**
 * A view of a batch without attributes of some names, wherever they come from: the head of the actor, fields of the kind, added columns. What
 * is derived is kept for as long as what it is derived from, so that writers find the same objects again.
 */
import type { Attribute, AttributeColumn, AttributeSource, Batch, EventSchema } from '../../core/batch.ts';
import type { Pattern } from '../../core/pattern.ts';
import { headNames } from '../../otlp/actor-head.ts';
import { createCursor, ProtoError } from '../../otlp/proto-cursor.ts';

/** Of a `LogRecord`. */
const ATTRIBUTES = 6;
/** Names whose answer is remembered: records have a few dozen, labels of containers some hundred. */
const REMEMBERED_NAMES = 4096;

export type Names = { readonly names: ReadonlySet<string>; readonly patterns: readonly Pattern[] };

/** True for a name in the set or matched by a pattern. */
export const testOf = ({ names, patterns }: Names): ((name: string) => boolean) => {
  if (patterns.length === 0) return (name) => names.has(name);
  const answers = new Map<string, boolean>();
  return (name) => {
    let answer = answers.get(name);
    if (answer === undefined) {
      if (answers.size >= REMEMBERED_NAMES) answers.clear();
      answer = names.has(name) || patterns.some((pattern) => pattern.test(name));
      answers.set(name, answer);
    }
    return answer;
  };
};

const decoder = new TextDecoder();

/** Bytes of the names, so that no text is made of each key when there is no pattern. */
const keyTestOf = (names: Names): ((bytes: Uint8Array, start: number, end: number) => boolean) => {
  const test = testOf(names);
  if (names.patterns.length > 0) return (bytes, start, end) => test(decoder.decode(bytes.subarray(start, end)));
  const keys = Array.from(names.names, (name) => new TextEncoder().encode(name));
  return (bytes, start, end) => {
    for (let k = 0; k < keys.length; k++) {
      const key = keys[k]!;
      let i = key.length === end - start ? 0 : -1;
      if (i < 0) continue;
      while (i < key.length && key[i] === bytes[start + i]) i++;
      if (i === key.length) return true;
    }
    return false;
  };
};

type KeyTest = ReturnType<typeof keyTestOf>;

/** `KeyValue` in `bytes[start, end)`. What is none has no name. */
const isStrippedAttribute = (bytes: Uint8Array, start: number, end: number, isStripped: KeyTest): boolean => {
  const cursor = createCursor(bytes, start, end);
  let stripped = false;
  try {
    while (cursor.next()) if (cursor.field === 1 && cursor.wireType === 2) stripped = isStripped(bytes, cursor.at, cursor.to);
  } catch (error) {
    if (error instanceof ProtoError) return false;
    throw error;
  }
  return stripped;
};

/** Takes attributes out of `out[start, end)`, a run of fields as sources write them; returns the position behind what is left. */
const compact = (out: Uint8Array, start: number, end: number, isStripped: KeyTest): number => {
  const fields = createCursor(out, start, end);
  let to = start;
  while (fields.next()) {
    const { from, to: next } = fields;
    if (fields.field === ATTRIBUTES && isStrippedAttribute(out, fields.at, next, isStripped)) continue;
    if (to !== from) out.copyWithin(to, from, next);
    to += next - from;
  }
  return to;
};

const setOf = (names: Iterable<string>, keep: (name: string) => boolean): ReadonlySet<string> => new Set([...names].filter(keep));

/** Gives back the batch itself when it has nothing of the names. */
export const createStripper = (stripped: Names): ((batch: Batch) => Batch) => {
  const isStripped = testOf(stripped);
  const isStrippedKey = keyTestOf(stripped);
  const head = setOf(headNames, isStripped);
  const kinds = new WeakMap<EventSchema, EventSchema>();
  const omissions = new WeakMap<ReadonlySet<string>, ReadonlySet<string>>();
  const sources = new WeakMap<AttributeSource, AttributeSource | 'nothing'>();
  const remaining = (attributes: readonly Attribute[]) => attributes.filter(([name]) => !isStripped(name));

  const kindOf = (kind: EventSchema): EventSchema => {
    let known = kinds.get(kind);
    if (known === undefined) {
      const fields = kind.fields.filter(({ name }) => !isStripped(name));
      known = fields.length === kind.fields.length ? kind : { ...kind, fields };
      kinds.set(kind, known);
    }
    return known;
  };

  const omittedOf = (omitted: ReadonlySet<string> | undefined): ReadonlySet<string> | undefined => {
    if (head.size === 0) return omitted;
    if (omitted === undefined) return head;
    let known = omissions.get(omitted);
    if (known === undefined) {
      known = [...head].every((name) => omitted.has(name)) ? omitted : new Set([...omitted, ...head]);
      omissions.set(omitted, known);
    }
    return known;
  };

  const wrap = (source: AttributeSource): AttributeSource | 'nothing' => {
    const { names } = source;
    const left = names && setOf(names, (name) => !isStripped(name));
    if (left !== undefined && left.size === names!.size) return source;
    if (left?.size === 0 && source.createdUs === undefined) return 'nothing';
    return {
      names: left,
      size: (id) => source.size(id),
      write: (id, out, at) => compact(out, at, source.write(id, out, at), isStrippedKey),
      entries: (id) => remaining(source.entries(id)),
      ...(source.createdUs && { createdUs: (id) => source.createdUs!(id) }),
      ...(source.sharedBy && { sharedBy: (id) => source.sharedBy!(id) }),
    };
  };

  const columnsOf = (columns: readonly AttributeColumn[]): readonly AttributeColumn[] => {
    const result: AttributeColumn[] = [];
    let changed = false;
    for (const column of columns) {
      let source = sources.get(column.source);
      if (source === undefined) sources.set(column.source, (source = wrap(column.source)));
      if (source === column.source) result.push(column);
      else if (source !== 'nothing') result.push({ source, ids: column.ids });
      changed ||= source !== column.source;
    }
    return changed ? result : columns;
  };

  return (batch) => {
    const kind = kindOf(batch.kind);
    const omitted = omittedOf(batch.omitted);
    const actorAttributes = columnsOf(batch.actorAttributes);
    const rowAttributes = columnsOf(batch.rowAttributes);
    const isSame =
      kind === batch.kind &&
      omitted === batch.omitted &&
      actorAttributes === batch.actorAttributes &&
      rowAttributes === batch.rowAttributes;
    return isSame ? batch : { ...batch, kind, omitted, actorAttributes, rowAttributes };
  };
};
