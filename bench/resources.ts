/**
 * What resources of batches and left-out head attributes cost the writer, as ratios to the same rows with the host's resource, in interleaved
 * rounds of one run. Batches have 64 rows, as on a host that does little: the worst case for resources that alternate.
 * `node bench/resources.ts [rounds]`
 */
import type { Batch } from '../src/core/batch.ts';
import { createLogWriter, DEFAULT_MAX_REQUEST_BYTES } from '../src/otlp/log-writer.ts';
import { createRequestMemory } from '../src/otlp/request-memory.ts';
import { batchesOf } from './encode-workloads.ts';
import { cpuNs, quartiles, ratios, show } from './measure.ts';

const rounds = Number(process.argv[2] ?? 30);
const WARM_UP_ROUNDS = 10;
const BATCHES = 512;
const ROWS = 64;

const plain = Array.from({ length: BATCHES }, (_, sequence) => batchesOf('small', ROWS, sequence));
const containers = Array.from({ length: 60 }, (_, index) => ({
  attributes: [
    ['service.name', `service-${index}`],
    ['container.id', String(index).padStart(64, '0')],
    ['k8s.pod.name', `pod-${index}`],
  ] as const,
}));
const list = [undefined, ...containers];
const rowResourcesOf = (of: (row: number) => number) => ({ ids: Uint32Array.from({ length: ROWS }, (_, row) => of(row)), list });
const omitted = new Set(['process.pid', 'ringtail.cgroup.id']);

const subjects: Readonly<Record<string, readonly Batch[]>> = {
  'the resource of the host': plain,
  'the same again': plain,
  'another resource': plain.map((batch) => ({ ...batch, resource: containers[0] })),
  'three that alternate with each batch': plain.map((batch, index) => ({ ...batch, resource: containers[index % 3] })),
  'rows of one container': plain.map((batch) => ({ ...batch, rowResources: rowResourcesOf(() => 1) })),
  'rows of three that alternate': plain.map((batch) => ({ ...batch, rowResources: rowResourcesOf((row) => 1 + (row % 3)) })),
  'rows of the host and 60 that alternate': plain.map((batch) => ({ ...batch, rowResources: rowResourcesOf((row) => row % 61) })),
  'two head attributes left out': plain.map((batch) => ({ ...batch, omitted })),
};

const runs = Object.entries(subjects).map(([name, batches]) => {
  const memory = createRequestMemory(DEFAULT_MAX_REQUEST_BYTES);
  const writer = createLogWriter({
    resource: [['service.name', 'ringtail']],
    version: '0.0.0',
    memory,
    onRequest: ({ bytes }) => memory.give(bytes.buffer),
  });
  const run = () =>
    cpuNs(() => {
      for (const batch of batches) writer.append(batch);
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
  console.log(`  ${name.padEnd(38)} ${show(quartiles(nsPerRecord)).padStart(18)} ns a record   ${ratio} of the first`);
}
