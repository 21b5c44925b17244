/** Random batches as batches of spans. */
import fc from 'fast-check';
import type { Batch, SpanColumns } from '../../src/core/batch.ts';
import { spanColumns } from '../../src/core/spans.ts';
import { createRandom } from '../support/random.ts';
import { batches } from './random-batches.ts';

/** Makes spans of the rows: ids, texts of its frame, events and links by chance. */
export const asSpans = (batch: Batch, seed: number): Batch => {
  const random = createRandom(seed);
  const { rows, frame } = batch;
  const columns = spanColumns(rows, frame.strings);
  const ids = (length: number): Buffer => random.bytes(length).map((byte) => byte || 1) as Buffer;
  columns.traceIds.set(ids(columns.traceIds.length));
  columns.spanIds.set(ids(columns.spanIds.length));
  for (let row = 0; row < rows; row++) {
    if (random.below(2) === 0) columns.parentIds.set(ids(8), row * 8);
    columns.kinds[row] = 1 + random.below(3);
    columns.statuses[row] = random.below(3);
    columns.endNsLo[row] = random.interesting();
    columns.endNsHi[row] = random.below(2 ** 29);
    columns.flags[row] = random.below(2) === 0 ? 0 : 0x301;
    columns.droppedEvents[row] = random.below(3) === 0 ? random.interesting() : 0;
    for (const texts of [columns.names, columns.statusMessages, columns.traceStates]) texts[row] = random.below(frame.strings.count);
  }
  const events = Array.from({ length: rows }, () =>
    Array.from({ length: random.below(4) }, (_, index) => ({
      unixNs: BigInt(random.interesting()) << 20n,
      name: `event ${index} ${'é'.repeat(random.below(60))}`,
      attributes: random.below(2) === 0 ? [] : ([['file.path', '/'.repeat(random.below(300))], ['n', random.below(9)], ['list', ['a', 'b']]] as const),
    })),
  ); // prettier-ignore
  const links = Array.from({ length: rows }, () =>
    Array.from({ length: random.below(2) }, () => ({ traceId: ids(16), spanId: ids(8), attributes: [['why', 'because']] as const })),
  );
  const spans: SpanColumns = { ...columns, ...(random.below(2) === 0 ? {} : { events }), ...(random.below(2) === 0 ? {} : { links }) };
  return { ...batch, spans };
};

export const spanBatches: fc.Arbitrary<readonly Batch[]> = fc
  .tuple(batches, fc.nat())
  .map(([made, seed]) => made.map((batch, index) => asSpans(batch, seed + index)));
