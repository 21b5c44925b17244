/** What `sockets` makes of the frames of the kernel side, live or out of a capture. */
import { NO_ACTOR, type Batch, type BatchResource } from '../../core/batch.ts';
import type { KernelBatch } from '../../kernel/frames.ts';
import type { Hub } from '../../kernel/hub.ts';
import { eventKind, sessionFlag, sessionKnownBy } from '../../kernel/layouts.gen.ts';
import {
  sessionEvents, sessionFamilies, sessionProtocols, sessionStateNames, type SessionEvent, type SocketNeeds,
} from '../../kernel/sockets/needs.ts'; // prettier-ignore
import { lossBatch } from '../../otlp/loss.ts';
import { attributeName } from '../../otlp/names.ts';
import { viewOf } from './kernel-batch.ts';
import { familyNames } from './network-names.ts';
import { transportOf } from './session-names.ts';
import { sessionSchemas } from './session-schemas.ts';

const kindOf: Readonly<Record<SessionEvent, number>> = {
  start: eventKind.sessionStart,
  state: eventKind.sessionState,
  end: eventKind.sessionEnd,
  listen: eventKind.sessionListen,
};

/** What is told of the cgroup is the socket's, and not that of the process. */
export const omittedOfSessions: ReadonlySet<string> = new Set([attributeName.cgroupId]);

/** Which sessions an instance shows; another one may have asked for others. */
export type SessionChoice = Pick<SocketNeeds, 'events' | 'states' | 'protocols' | 'families' | 'loopback'> & {
  /** Whether sessions of sockets in a cgroup, by its number, are shown; without it all are. */
  readonly showsCgroup?: ((id: bigint) => boolean) | undefined;
};

/** All that there may be. */
export const allSessions: SessionChoice = {
  events: new Set(sessionEvents),
  states: new Set(sessionStateNames.keys()),
  protocols: new Set(sessionProtocols),
  families: new Set(sessionFamilies),
  loopback: true,
};

export type RowTest = (batch: KernelBatch, row: number) => boolean;

/** Whether a row is one of those that are chosen. */
export const sessionTest = ({ states, protocols, families, loopback, showsCgroup }: SessionChoice): RowTest => {
  const transports = new Set<number>(Array.from(protocols, (name) => transportOf[name]));
  const unwantedFamilies = new Set(
    [...familyNames].filter(([, name]) => !(families as ReadonlySet<string>).has(name)).map(([family]) => family),
  );
  return ({ kind, columns }, row) =>
    transports.has(columns['transport']![row]!) &&
    !unwantedFamilies.has(columns['family']![row]!) &&
    (loopback || (columns['flags']![row]! & sessionFlag.isLoopback) === 0) &&
    (kind !== eventKind.sessionState || states.has(columns['state']![row]!)) &&
    (showsCgroup === undefined || showsCgroup((BigInt(columns['cgroupIdHi']![row]!) << 32n) | BigInt(columns['cgroupIdLo']![row]!)));
};

/** Rows that are wanted; undefined when all are. */
const selectionOf = (batch: KernelBatch, isWanted: RowTest): Uint32Array | undefined => {
  const { rows } = batch;
  let first = 0;
  while (first < rows && isWanted(batch, first)) first++;
  if (first === rows) return undefined;
  const kept = new Uint32Array(rows);
  let count = 0;
  for (let row = 0; row < rows; row++) if (row < first || (row > first && isWanted(batch, row))) kept[count++] = row;
  return kept.subarray(0, count);
};

/** Sessions of whom nobody knows have no acting process; their records come with one of zeros. */
export const withoutNobody = (batch: KernelBatch): KernelBatch => {
  const knownBy = batch.columns['knownBy']!;
  if (!knownBy.includes(sessionKnownBy.not)) return batch;
  const actor = batch.actor.map((index, row) => (knownBy[row] === sessionKnownBy.not ? NO_ACTOR : index));
  return { ...batch, actor };
};

export type SessionEventsOptions = SessionChoice & {
  /** Id of the receiver, as it stands on the batches. */
  readonly receiver: string;
  /** Of all batches, when it is not this host's. */
  readonly resource?: BatchResource | undefined;
  readonly next: (batch: Batch) => void;
};

/** Subscribes to the frames of a hub; returns a function that ends it. */
export const subscribeSessionEvents = (hub: Pick<Hub, 'subscribe'>, options: SessionEventsOptions): (() => void) => {
  const { receiver, events, resource, next } = options;
  const isWanted = sessionTest(options);

  return hub.subscribe({
    kinds: Array.from(events, (event) => kindOf[event]),
    onBatch(batch, frame) {
      const selection = selectionOf(batch, isWanted);
      if (selection?.length === 0) return;
      const kind = sessionSchemas.get(batch.kind)!;
      next(viewOf(withoutNobody(batch), frame, { receiver, kind, selection, rowAttributes: [], resource, omitted: omittedOfSessions }));
    },
    onLoss: (loss) => next({ ...lossBatch(receiver, loss), resource }),
  });
};
