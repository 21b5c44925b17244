/** Names the owners of connections whose records came without an acting process, by both ends. */
import { LENGTH_MASK, NO_ACTOR, rowsOf, type Attribute, type Batch, type Frame } from '../../core/batch.ts';
import { netTransport, sessionKnownBy } from '../../kernel/layouts.gen.ts';
import type { KernelLookups } from '../../kernel/service-types.ts';
import type { LookupTuple } from '../../kernel/sockets/lookup-cache.ts';
import type { SocketAnswer } from '../../kernel/sockets/lookup.ts';
import { fileNameOf } from '../../otlp/field-text.ts';
import { isoTimeOfUs } from '../../otlp/iso-time.ts';
import { attributeName } from '../../otlp/names.ts';
import { createRowSource } from '../../otlp/row-source.ts';

type Lookup = NonNullable<KernelLookups['socketLookup']>;

const names: ReadonlySet<string> = new Set([
  attributeName.processPid,
  attributeName.processCreationTime,
  attributeName.processExecutableName,
  attributeName.processExecutablePath,
]);

const protocols: ReadonlyMap<number, LookupTuple['protocol']> = new Map([
  [netTransport.tcp, 'tcp'],
  [netTransport.udp, 'udp'],
]);

const knownBy: Readonly<Record<SocketAnswer['knownBy'], number>> = {
  event: sessionKnownBy.byEvent,
  iterator: sessionKnownBy.byIterator,
  procfs: sessionKnownBy.byProcfs,
};

/** Columns that say which connection a record is about. */
const tupleColumns = ['transport', 'local', 'peer', 'localPort', 'peerPort', 'knownBy'] as const;

const bytesOf = ({ strings: { bytes, offsets, lengths } }: Frame, id: number): Uint8Array =>
  bytes.subarray(offsets[id], offsets[id]! + (lengths[id]! & LENGTH_MASK));

/** A zone behind an address does not tell connections apart. */
const addressOf = (bytes: Uint8Array): Uint8Array => (bytes.length > 16 ? bytes.subarray(0, 16) : bytes);

const tupleOf = ({ frame, columns }: Batch, row: number): LookupTuple | undefined => {
  const protocol = protocols.get(columns['transport']![row]!);
  const [local, peer] = [columns['local']!, columns['peer']!].map((column) => addressOf(bytesOf(frame, column[row]!))) as [
    Uint8Array,
    Uint8Array,
  ];
  const [localPort, peerPort] = [columns['localPort']![row]!, columns['peerPort']![row]!];
  const isWhole = protocol !== undefined && local.length >= 4 && peer.length >= 4 && localPort !== 0 && peerPort !== 0;
  return isWhole ? { protocol, local, localPort, peer, peerPort } : undefined;
};

const attributesOf = ({ pid, startNs, executable }: SocketAnswer, wallOffsetNs: bigint): readonly Attribute[] => [
  [attributeName.processPid, pid],
  ...(startNs === undefined ? [] : ([[attributeName.processCreationTime, isoTimeOfUs(Number((startNs + wallOffsetNs) / 1000n))]] as const)),
  ...(executable === undefined
    ? []
    : ([
        [attributeName.processExecutableName, Buffer.from(fileNameOf(Buffer.from(executable))).toString('utf8')],
        [attributeName.processExecutablePath, executable],
      ] as const)),
];

/** The same view; with a column of owners where any was found. */
export const withOwners = (batch: Batch, lookup: Lookup | undefined): Batch => {
  const { actor, columns, frame, selection } = batch;
  if (lookup === undefined || tupleColumns.some((name) => columns[name] === undefined) || !actor.includes(NO_ACTOR)) return batch;
  const source = createRowSource(names);
  const ids = new Uint32Array(batch.rows);
  const attribution = columns['knownBy']!.slice();
  let found = 0;
  for (let i = 0; i < rowsOf(batch); i++) {
    const row = selection?.[i] ?? i;
    if (actor[row] !== NO_ACTOR) continue;
    const tuple = tupleOf(batch, row);
    const atNs = (BigInt(batch.bootNsHi[row]!) << 32n) | BigInt(batch.bootNsLo[row]!);
    const answer = tuple && lookup.peek(tuple, atNs);
    if (answer === undefined) continue;
    ids[row] = source.add(attributesOf(answer, frame.wallOffsetNs));
    attribution[row] = knownBy[answer.knownBy];
    found++;
  }
  if (found === 0) return batch;
  return { ...batch, columns: { ...columns, knownBy: attribution }, rowAttributes: [...batch.rowAttributes, { source, ids }] };
};
