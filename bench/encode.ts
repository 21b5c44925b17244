/**
 * CPU of encoding log records: the direct writer against the serializers of @opentelemetry/otlp-transformer on the same records, in
 * interleaved rounds of one run. `node bench/encode.ts [rounds]`; prints records per CPU second and the ratio of the medians.
 */
import { JsonLogsSerializer, ProtobufLogsSerializer } from '@opentelemetry/otlp-transformer';
import { createLogWriter } from '../src/otlp/log-writer.ts';
import { batchesOf, readableRecords, type Workload } from './encode-workloads.ts';

const ROWS = 8192;
/** Rows for the slow serializers, so that a round takes about as long. */
const PEER_ROWS = 1024;
const rounds = Number(process.argv[2] ?? 30);

const cpuNs = (work: () => void): number => {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) * 1000;
};

const quartiles = (values: readonly number[]): readonly [number, number, number] => {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))]!;
  return [at(0.25), at(0.5), at(0.75)];
};

const measure = (workload: Workload): void => {
  const batches = Array.from({ length: 8 }, (_, sequence) => batchesOf(workload, ROWS, sequence));
  const peerRecords = readableRecords(batchesOf(workload, PEER_ROWS, 0));
  let requestBytes = 0;
  let requestRecords = 0;
  const writer = createLogWriter({
    resource: [
      ['service.name', 'ringtail'],
      ['host.name', 'bench'],
    ],
    version: '0.0.0',
    onRequest: ({ bytes, records }) => {
      requestBytes += bytes.length;
      requestRecords += records;
    },
  });
  const subjects = {
    writer: () => {
      for (const batch of batches) writer.append(batch);
      writer.flush();
      return batches.length * ROWS;
    },
    protobuf: () => {
      ProtobufLogsSerializer.serializeRequest(peerRecords);
      return PEER_ROWS;
    },
    json: () => {
      JsonLogsSerializer.serializeRequest(peerRecords);
      return PEER_ROWS;
    },
  };
  const nsPerRecord = new Map<string, number[]>();
  for (let round = -5; round < rounds; round++) {
    for (const [name, run] of Object.entries(subjects)) {
      let records = 0;
      let repeats = name === 'writer' ? 2 : 8;
      const ns = cpuNs(() => {
        while (repeats-- > 0) records += run();
      });
      if (round >= 0) nsPerRecord.set(name, [...(nsPerRecord.get(name) ?? []), ns / records]);
    }
  }
  console.log(`${workload}: ${(requestBytes / requestRecords).toFixed(0)} bytes a record`);
  const [, reference] = quartiles(nsPerRecord.get('writer')!);
  for (const [name, values] of nsPerRecord) {
    const [low, median, high] = quartiles(values);
    const speed = `${(1000 / median).toFixed(2)} M records a CPU second`;
    console.log(
      `  ${name.padEnd(9)} ${median.toFixed(0).padStart(6)} ns [${low.toFixed(0)}, ${high.toFixed(0)}]  ${speed}  ${(median / reference).toFixed(1)} x`,
    );
  }
};

measure('exec');
measure('small');
