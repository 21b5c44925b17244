/**
 * What the processor `filter` costs a record, together with encoding what it keeps, as ratios to encoding alone, in interleaved rounds of one run. No rule
 * drops anything, so that everything else is equal; the last line drops half. `node bench/filter.ts [rounds]`
 */
import { Subject } from 'rxjs';
import type { Batch } from '../src/core/batch.ts';
import { createCounters } from '../src/core/counters.ts';
import { silentLogger } from '../src/core/logger.ts';
import { createKernelFrameBuilder } from '../src/kernel/frame-builder.ts';
import { callId, eventKind } from '../src/kernel/layouts.gen.ts';
import { createLookups } from '../src/kernel/lookups.ts';
import { createLogWriter, DEFAULT_MAX_REQUEST_BYTES } from '../src/otlp/log-writer.ts';
import { createRequestMemory } from '../src/otlp/request-memory.ts';
import { filterProcessor } from '../src/processors/filter/index.ts';
import { callSchemas } from '../src/receivers/shared/call-schemas.ts';
import { cpuNs, quartiles, ratios, show } from './measure.ts';

const rounds = Number(process.argv[2] ?? 30);
const WARM_UP_ROUNDS = 10;
const BATCHES = 16;
const ROWS = 2048;
const PROCESSES = 64;
const PATHS = 256;

const kernel = createLookups({ root: '/nonexistent', counters: createCounters() });
const schema = callSchemas('x86_64').get(eventKind.open)!;

const batches = Array.from({ length: BATCHES }, (_, sequence): Batch => {
  const builder = createKernelFrameBuilder({ wallOffsetNs: 0n, sequence });
  const actors = Array.from({ length: PROCESSES }, (__, index) =>
    builder.addActor({ pid: 1000 + index, ppid: 1, startNs: BigInt(index + 1), execId: 1, euid: index % 4, comm: `worker-${index}` }),
  );
  for (const actor of actors) builder.addRow(eventKind.task, { bootNs: 1n, actor, columns: { path: `/usr/sbin/worker-${actor}` } });
  for (let row = 0; row < ROWS; row++)
    builder.addRow(eventKind.open, {
      bootNs: BigInt(row),
      actor: actors[row % PROCESSES]!,
      columns: { path: `/srv/app/data-${row % PATHS}/part-${sequence}/file.db`, name: 'file.db', call: callId.openat, ret: 3, flags: 2n },
    });
  const frame = builder.build();
  if (sequence === 0) kernel.processes.absorb(frame);
  return {
    ...frame.batches.find(({ kind }) => kind === eventKind.open)!,
    kind: schema,
    receiver: 'syscalls',
    frame,
    selection: undefined,
    actorAttributes: [],
    rowAttributes: [],
    resource: undefined,
    omitted: undefined,
  };
});

type Change = (batch: Batch, next: (batch: Batch) => void) => void;

const through = (config: object): Change => {
  const settings = { id: 'filter', logger: silentLogger, counters: createCounters(), version: '0', resource: [], kernel };
  const processor = filterProcessor.create(settings as never, filterProcessor.config.parse(config) as never);
  const source$ = new Subject<Batch>();
  let deliver: (batch: Batch) => void = () => {};
  processor.logs!(source$).subscribe((batch) => deliver(batch));
  return (batch, next) => {
    deliver = next;
    source$.next(batch);
  };
};
const many = <T>(count: number, rule: (index: number) => T): readonly T[] => Array.from({ length: count }, (_, index) => rule(index));
const prefixes = (count: number) => through({ context: { drop: many(count, (index) => ({ path: `/srv/other/${index}/*` })) } });

const subjects: Readonly<Record<string, Change>> = {
  'no filter': (batch, next) => next(batch),
  'the same again': (batch, next) => next(batch),
  'the default rules': through({}),
  '1 prefix of paths': prefixes(1),
  '100 prefixes of paths': prefixes(100),
  '10,000 prefixes of paths': prefixes(10_000),
  '100 patterns of paths': through({ context: { drop: many(100, (index) => ({ path: `*/none-${index}/?` })) } }),
  '10,000 names of threads': through({ process: { drop: many(10_000, (index) => ({ comm: `other-${index}` })) } }),
  '10,000 executables with a user': through({
    process: { drop: many(10_000, (index) => ({ executable: `/usr/bin/other-${index}*`, uid: 0 })) },
  }),
  '10,000 rules of a path, a name and a result': through({
    context: {
      drop: many(10_000, (index) => ({ path: `/srv/app/data-${index % PATHS}/none-${index}`, comm: `other-${index}`, result: 'ENOENT' })),
    },
  }),
  'one condition': through({
    log_conditions: ['log.attributes["file.path"] == "/etc/passwd" or HasPrefix(log.attributes["file.path"], "/etc/")'],
  }),
  'a rule that drops half': through({ process: { drop: [{ uid: [0, 1] }] } }),
};

const runs = Object.entries(subjects).map(([name, change]) => {
  const memory = createRequestMemory(DEFAULT_MAX_REQUEST_BYTES);
  const writer = createLogWriter({
    resource: [['service.name', 'ringtail']],
    version: '0.0.0',
    memory,
    onRequest: ({ bytes }) => memory.give(bytes.buffer),
  });
  const run = () =>
    cpuNs(() => {
      for (const batch of batches) change(batch, writer.append);
      writer.flush();
    });
  return { name, run, nsPerRecord: [] as number[] };
});

for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
  for (const { run, nsPerRecord } of runs) {
    const ns = (await run()) / (BATCHES * ROWS);
    if (round >= 0) nsPerRecord.push(ns);
  }
}
console.log(`${rounds} rounds of ${BATCHES} batches of ${ROWS} records of ${PROCESSES} processes and ${PATHS} paths, median [quartiles]`);
for (const { name, nsPerRecord } of runs) {
  const ratio = show(ratios(nsPerRecord, runs[0]!.nsPerRecord), 2);
  console.log(`  ${name.padEnd(46)} ${show(quartiles(nsPerRecord)).padStart(18)} ns a record   ${ratio} of the first`);
}
