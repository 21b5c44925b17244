/** Records of system calls made by hand, through the schemas and the real writer. */
import { createKernelFrameBuilder } from '../../../src/kernel/frame-builder.ts';
import type { KernelFrame } from '../../../src/kernel/frames.ts';
import type { Hub, Subscriber } from '../../../src/kernel/hub.ts';
import { callId } from '../../../src/kernel/layouts.gen.ts';
import type { AttributeValue, Batch } from '../../../src/core/batch.ts';
import type { ColumnInput } from '../../../src/core/frame-builder.ts';
import type { CallName } from '../../../src/kernel/calls/needs.ts';
import { createLogWriter } from '../../../src/otlp/log-writer.ts';
import { attributesOf } from '../../../src/otlp/log-text.ts';
import { headNames } from '../../../src/otlp/actor-head.ts';
import { subscribeCallEvents, type CallEventsOptions } from '../../../src/receivers/shared/call-events.ts';
import { callNameOf } from '../../../src/receivers/shared/call-names.ts';
import { decodeRequest } from '../../support/otlp.ts';

export type Columns = Readonly<Record<string, ColumnInput>>;
/** `call` by its name; a kind of the kernel, or one that user space makes. */
export type RecordInput = { readonly kind: number; readonly call: CallName; readonly columns?: Columns };

export const allCalls: ReadonlySet<CallName> = new Set(callNameOf.values() as Iterable<CallName>);

export const frameOf = (records: readonly RecordInput[]): KernelFrame => {
  const builder = createKernelFrameBuilder({ wallOffsetNs: 1_795_000_000_000_000_000n });
  const actor = builder.addActor({ pid: 4242, comm: 'worker' });
  records.forEach(({ kind, call, columns }, index) =>
    builder.addRow(kind, { bootNs: BigInt(index), actor, columns: { call: callId[call], ...columns } }),
  );
  return builder.build();
};

/** A hub that has one frame. */
export const deliver = (frame: KernelFrame, options: Partial<CallEventsOptions> = {}): readonly Batch[] => {
  const subscribers: Subscriber[] = [];
  const hub: Pick<Hub, 'subscribe'> = {
    subscribe(subscriber) {
      subscribers.push(subscriber);
      return () => {};
    },
  };
  const batches: Batch[] = [];
  subscribeCallEvents(hub, {
    receiver: 'syscalls',
    calls: allCalls,
    machine: 'x86_64',
    withTotals: true,
    next: (batch) => batches.push(batch),
    ...options,
  });
  for (const batch of frame.batches) for (const { kinds, onBatch } of subscribers) if (kinds.includes(batch.kind)) onBatch(batch, frame);
  return batches;
};

export type PlainEvent = { readonly event: string; readonly attributes: Readonly<Record<string, AttributeValue>> };

/** What arrives, without what stands on every record; the plain reading of the same must say the same. */
export const eventsOf = (batches: readonly Batch[]): readonly PlainEvent[] => {
  const events: PlainEvent[] = [];
  const writer = createLogWriter({
    resource: [],
    version: '1',
    onRequest: ({ bytes }) => {
      for (const { eventName, attributes } of decodeRequest(bytes).records) {
        const own = attributes.filter(([name]) => !headNames.has(name));
        events.push({ event: eventName, attributes: Object.fromEntries(own) });
      }
    },
  });
  for (const batch of batches) writer.append(batch);
  writer.flush();
  const plain = batches.flatMap((batch) =>
    Array.from(batch.selection ?? batch.actor.keys(), (row) =>
      Object.fromEntries(attributesOf(batch, row).filter(([name]) => !headNames.has(name))),
    ),
  );
  if (JSON.stringify(plain) !== JSON.stringify(events.map(({ attributes }) => attributes)))
    throw new Error(`the plain reading differs: ${JSON.stringify(plain)}`);
  return events;
};

/** The one event of one record. */
export const eventOf = (record: RecordInput, options: Partial<CallEventsOptions> = {}): PlainEvent => {
  const [event, ...more] = eventsOf(deliver(frameOf([record]), options));
  if (event === undefined || more.length > 0) throw new Error(`${more.length + (event === undefined ? 0 : 1)} events of one record`);
  return event;
};
