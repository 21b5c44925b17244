/** Raw records as a kernel program writes them, for the memory ring. */
import { ACTOR_OFFSET, actorLayout, type EventLayout, type FieldLayout, HEAD_SIZE } from '../src/kernel/layouts.gen.ts';

export type FieldValue = number | bigint | string | readonly string[];
export type RecordInput = {
  readonly bootNs: bigint;
  readonly actor: Readonly<Record<string, number | bigint | string>>;
  readonly fields: Readonly<Record<string, FieldValue>>;
};

const putField = (view: DataView, base: number, field: FieldLayout, value: FieldValue): void => {
  const at = base + field.offset;
  if (field.role === 'chars') Buffer.from(view.buffer).write(String(value), at, field.width);
  else if (field.width === 8) view.setBigUint64(at, BigInt(value as number), true);
  else if (field.width === 4) view.setUint32(at, Number(value) >>> 0, true);
  else if (field.width === 2) view.setUint16(at, Number(value), true);
  else view.setUint8(at, Number(value));
};

const tailOf = ({ role }: FieldLayout, value: FieldValue | undefined): Buffer | undefined => {
  if (role === 'text') return Buffer.from(String(value ?? ''));
  if (role === 'list') return Buffer.from(((value ?? []) as readonly string[]).map((item) => `${item}\0`).join(''));
  return undefined;
};

/** One record of the layout; fields that are not given are 0 or empty. */
export const recordOf = (layout: EventLayout, { bootNs, actor, fields }: RecordInput): Buffer => {
  const tails = layout.fields.map((field) => tailOf(field, fields[field.name]));
  const length = tails.reduce((sum, tail) => sum + (tail?.length ?? 0), layout.size);
  const record = Buffer.from(new ArrayBuffer(length));
  const view = new DataView(record.buffer);
  view.setUint16(0, layout.kind, true);
  view.setUint16(2, 1, true);
  view.setUint32(4, length, true);
  view.setBigUint64(8, bootNs, true);
  for (const field of actorLayout.fields) putField(view, ACTOR_OFFSET, field, actor[field.name] ?? 0);
  let at = layout.size;
  layout.fields.forEach((field, index) => {
    const tail = tails[index];
    if (tail === undefined) return putField(view, 0, field, fields[field.name] ?? 0);
    view.setUint32(field.offset, tail.length, true);
    tail.copy(record, at);
    at += tail.length;
  });
  return record;
};

/** Where the numbers stand that a bench changes from one injection to the next, from the start of a record. */
export const offsets = {
  pid: ACTOR_OFFSET + actorLayout.fields.find(({ name }) => name === 'pid')!.offset,
  startNs: ACTOR_OFFSET + actorLayout.fields.find(({ name }) => name === 'startNs')!.offset,
  headBytes: HEAD_SIZE,
} as const;
