/** Captures that somebody damaged, on purpose or not, in the process that also runs under the sanitizers. */
import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Batch } from '../../src/core/batch.ts';
import { CaptureError } from '../../src/kernel/capture/format.ts';
import { bindLookups } from '../../src/kernel/service-types.ts';
import { attributesOf } from '../../src/otlp/log-text.ts';
import { createLogWriter } from '../../src/otlp/log-writer.ts';
import { createProcessColumns } from '../../src/processors/resolve-process/columns.ts';
import { processConfig } from '../../src/receivers/shared/process-config.ts';
import { subscribeProcessEvents } from '../../src/receivers/shared/process-events.ts';
import { fileOf, playBytes, putTogether, sampleChunks, takeApart } from '../support/captures.ts';
import { createRandom } from '../support/random.ts';
import type { Replay } from '../../src/kernel/capture/replay.ts';

const CAPTURES = 10_000;
const TIMEOUT_MS = 600_000;

const base = fileOf(sampleChunks());

const writer = createLogWriter({ resource: [], version: '1', onRequest: () => {} });

/** Through the whole pipeline: what a record says is written and read. */
const watch = (seen: { rows: number; refused: number }) => (replay: Replay) => {
  const columns = createProcessColumns(replay.lookups, 2);
  subscribeProcessEvents(replay.hub, {
    receiver: 'process',
    config: processConfig.parse({ threads: true }),
    processes: replay.lookups.processes,
    next(batch: Batch) {
      bindLookups(batch.frame, replay.lookups);
      const named = columns(batch);
      seen.rows += batch.rows;
      try {
        writer.append(named);
        for (let row = 0; row < batch.rows; row++) attributesOf(named, row);
      } catch {
        seen.refused++; // as a stage of a pipeline does
      }
    },
  });
};

test('ten thousand damaged captures end in an error or a run', { timeout: TIMEOUT_MS }, async () => {
  const random = createRandom(20_261_121);
  const seen = { rows: 0, refused: 0 };
  let errors = 0;
  let runs = 0;
  for (let i = 0; i < CAPTURES; i++) {
    const bytes = damage(random);
    const outcome = await playBytes(bytes, watch(seen));
    if (outcome instanceof CaptureError) errors++;
    else runs++;
    // the addon lets go of what was closed between tasks
    if (i % 100 === 99) await setImmediate();
  }
  // both ends are reached, and the inside of records is
  expect(errors).toBeGreaterThan(CAPTURES / 10);
  expect(runs).toBeGreaterThan(CAPTURES / 10);
  expect(seen.rows).toBeGreaterThan(CAPTURES);
});

const damage = (random: ReturnType<typeof createRandom>): Buffer => {
  const way = random.below(4);
  if (way === 0) {
    const bytes = Buffer.from(base);
    random.mutate(bytes, 1 + random.below(8));
    return bytes;
  }
  if (way === 1) return Buffer.from(base.subarray(0, random.below(base.length)));
  const parts: { type: number; payload: Buffer }[] = takeApart(base).map(({ type, payload }) => ({ type, payload: Buffer.from(payload) }));
  for (let change = 0; change <= random.below(3); change++) {
    const index = random.below(parts.length);
    const part = parts[index]!;
    switch (random.below(8)) {
      case 0:
        random.mutate(part.payload, 1 + random.below(4));
        break;
      case 1:
        part.payload = part.payload.subarray(0, random.below(part.payload.length + 1));
        break;
      case 2:
        part.payload = Buffer.concat([part.payload, random.bytes(random.below(300))]);
        break;
      case 3:
        parts.splice(index, 1);
        break;
      case 4:
        parts.splice(random.below(parts.length), 0, { ...part, payload: Buffer.from(part.payload) });
        break;
      case 5:
        part.type = random.below(10);
        break;
      case 6:
        // a word that says how long something is, or which, tells a lie
        if (part.payload.length >= 8) part.payload.writeUInt32LE(random.interesting(), 4 * random.below(part.payload.length >> 2));
        break;
      default:
        parts.splice(index, 0, { type: 1 + random.below(8), payload: random.bytes(random.below(200)) });
    }
  }
  return putTogether(parts);
};

test('what was not damaged is played whole', async () => {
  const seen = { rows: 0, refused: 0 };
  expect(await playBytes(base, watch(seen))).toEqual({ records: 7, ending: 'complete' });
  // a task is no event, and two losses are told
  expect(seen).toEqual({ rows: 8, refused: 0 });
});
