/**
 * What the processor `attributes` costs, together with encoding what comes out of it, as ratios to encoding alone, in interleaved rounds of one
 * run. `node bench/attributes.ts [rounds]`
 */
import { Subject } from 'rxjs';
import type { Batch } from '../src/core/batch.ts';
import { createLogWriter, DEFAULT_MAX_REQUEST_BYTES } from '../src/otlp/log-writer.ts';
import { createRequestMemory } from '../src/otlp/request-memory.ts';
import { attributesProcessor } from '../src/processors/attributes/index.ts';
import { batchesOf } from './encode-workloads.ts';
import { cpuNs, quartiles, ratios, show } from './measure.ts';

const rounds = Number(process.argv[2] ?? 30);
const WARM_UP_ROUNDS = 10;
const BATCHES = 16;
const ROWS = 2048;

const batches = Array.from({ length: BATCHES }, (_, sequence) => batchesOf('small', ROWS, sequence));

const through = (config: object): ((batch: Batch, next: (batch: Batch) => void) => void) => {
  const processor = attributesProcessor.create(undefined as never, attributesProcessor.config.parse(config) as never);
  const source$ = new Subject<Batch>();
  let deliver: (batch: Batch) => void = () => {};
  processor.logs!(source$).subscribe((batch) => deliver(batch));
  return (batch, next) => {
    deliver = next;
    source$.next(batch);
  };
};

const constant = { key: 'deployment.environment.name', value: 'production', action: 'insert' };
const subjects = {
  'nothing changed': (batch: Batch, next: (batch: Batch) => void) => next(batch),
  'the same again': (batch: Batch, next: (batch: Batch) => void) => next(batch),
  'a constant set': through({ actions: [{ ...constant, action: 'upsert' }] }),
  'a constant set, two fields and two of the head deleted': through({
    actions: [
      { ...constant, action: 'upsert' },
      ...['ringtail.fd', 'ringtail.syscall.name', 'process.pid', 'ringtail.cgroup.id'].map((key) => ({ key, action: 'delete' })),
    ],
  }),
  'one of a processor before deleted': through({ actions: [{ key: 'process.owner', action: 'delete' }] }),
  'one of a processor before hashed': through({ actions: [{ key: 'process.owner', action: 'hash' }] }),
  'one taken apart by an expression': through({
    actions: [{ key: 'file.name', pattern: '^(?P<stem>.*)\\.(?P<suffix>[^.]*)$', action: 'extract' }],
  }),
  'a constant where a field has a value': through({
    include: { match_type: 'strict', attributes: [{ key: 'ringtail.fd', value: 7 }] },
    actions: [constant],
  }),
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
console.log(`${rounds} rounds of ${BATCHES} batches of ${ROWS} records, median [quartiles]`);
for (const { name, nsPerRecord } of runs) {
  const ratio = show(ratios(nsPerRecord, runs[0]!.nsPerRecord), 2);
  console.log(`  ${name.padEnd(56)} ${show(quartiles(nsPerRecord)).padStart(18)} ns a record   ${ratio} of the first`);
}
