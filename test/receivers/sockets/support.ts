/** Records of sessions made by hand, through the schemas and the real writer. */
import type { AttributeValue, Batch } from '../../../src/core/batch.ts';
import type { ActorInput, ColumnInput } from '../../../src/core/frame-builder.ts';
import { createKernelFrameBuilder } from '../../../src/kernel/frame-builder.ts';
import type { KernelFrame } from '../../../src/kernel/frames.ts';
import type { Hub, Subscriber } from '../../../src/kernel/hub.ts';
import {
  eventKind,
  netFlag,
  netTransport,
  sessionFlag,
  sessionKnownBy,
  sessionRole,
  sessionState,
} from '../../../src/kernel/layouts.gen.ts';
import { distinctOf } from '../../../src/otlp/distinct.ts';
import { attributesOf } from '../../../src/otlp/log-text.ts';
import { createLogWriter } from '../../../src/otlp/log-writer.ts';
import { allSessions, subscribeSessionEvents, type SessionEventsOptions } from '../../../src/receivers/shared/session-events.ts';
import { decodeRequest } from '../../support/otlp.ts';

export type Columns = Readonly<Record<string, ColumnInput>>;
export type RecordInput = { readonly kind: number; readonly columns?: Columns; readonly actor?: ActorInput };

export const v4 = (text: string): Uint8Array => Uint8Array.from(text.split('.'), Number);
export const v6 = (hex: string, zone = ''): Uint8Array => Buffer.concat([Buffer.from(hex.padEnd(32, '0'), 'hex'), Buffer.from(zone)]);

/** A TCP session of IPv4 that this host began, while it is established. */
export const client: Columns = {
  id: 0xfedc_ba98_7654_3210n,
  family: 2,
  transport: netTransport.tcp,
  netFlags: netFlag.isInet,
  flags: sessionFlag.isClient | sessionFlag.hasState | sessionFlag.hasStart,
  role: sessionRole.client,
  state: sessionState.tcpEstablished,
  oldState: sessionState.tcpSynSent,
  knownBy: sessionKnownBy.byEvent,
  local: v4('10.0.0.1'),
  localPort: 41_234,
  peer: v4('192.0.2.7'),
  peerPort: 443,
  cgroupId: 77n,
  netnsCookie: 4096n,
};
/** The other end of it. */
export const server: Columns = {
  ...client,
  flags: sessionFlag.isServer | sessionFlag.hasState | sessionFlag.hasStart,
  role: sessionRole.server,
  local: v4('192.0.2.7'),
  localPort: 443,
  peer: v4('10.0.0.1'),
  peerPort: 41_234,
};

export const curl: ActorInput = { pid: 4242, comm: 'curl', cgroupId: 99n, startNs: 5_000n };

export const frameOf = (records: readonly RecordInput[]): KernelFrame => {
  const builder = createKernelFrameBuilder({ wallOffsetNs: 1_795_000_000_000_000_000n });
  records.forEach(({ kind, columns = client, actor = curl }, index) =>
    builder.addRow(kind, { bootNs: BigInt(index), actor: builder.addActor(actor), columns }),
  );
  return builder.build();
};

/** A hub that has one frame. */
export const deliver = (frame: KernelFrame, options: Partial<SessionEventsOptions> = {}): readonly Batch[] => {
  const subscribers: Subscriber[] = [];
  const hub: Pick<Hub, 'subscribe'> = {
    subscribe(subscriber) {
      subscribers.push(subscriber);
      return () => {};
    },
  };
  const batches: Batch[] = [];
  subscribeSessionEvents(hub, { ...allSessions, receiver: 'sockets', next: (batch) => batches.push(batch), ...options });
  for (const batch of frame.batches) for (const { kinds, onBatch } of subscribers) if (kinds.includes(batch.kind)) onBatch(batch, frame);
  return batches;
};

export type PlainEvent = { readonly event: string; readonly attributes: Readonly<Record<string, AttributeValue>> };

/** What arrives; the plain reading of the same must say the same, and no name comes twice. */
export const eventsOf = (batches: readonly Batch[]): readonly PlainEvent[] => {
  const events: PlainEvent[] = [];
  const writer = createLogWriter({
    resource: [],
    version: '1',
    onRequest: ({ bytes }) => {
      for (const { eventName, attributes } of decodeRequest(bytes).records) {
        const names = attributes.map(([name]) => name);
        if (new Set(names).size < names.length) throw new Error(`a name comes twice: ${names.join()}`);
        events.push({ event: eventName, attributes: Object.fromEntries(attributes) });
      }
    },
  });
  for (const batch of batches) writer.append(batch);
  writer.flush();
  const plain = batches
    .map(distinctOf)
    .flatMap((batch) => Array.from(batch.selection ?? batch.actor.keys(), (row) => Object.fromEntries(attributesOf(batch, row))));
  if (JSON.stringify(plain) !== JSON.stringify(events.map(({ attributes }) => attributes)))
    throw new Error(`the plain reading differs: ${JSON.stringify(plain)}`);
  return events;
};

/** The one event of one record. */
export const eventOf = (record: RecordInput, options: Partial<SessionEventsOptions> = {}): PlainEvent => {
  const [event, ...more] = eventsOf(deliver(frameOf([record]), options));
  if (event === undefined || more.length > 0) throw new Error(`${more.length + (event === undefined ? 0 : 1)} events of one record`);
  return event;
};

export const startOf = (columns: Columns) => eventOf({ kind: eventKind.sessionStart, columns }).attributes;
export const endOf = (columns: Columns) => eventOf({ kind: eventKind.sessionEnd, columns }).attributes;
