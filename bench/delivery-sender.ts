/**
 * The product that the delivery benchmark measures, in a process of its own: ring → pipeline → exporter → a Collector. Runs one round for
 * each message of its parent and answers with the CPU that the whole process took, all threads.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { createCounters } from '../src/core/counters.ts';
import { silentLogger } from '../src/core/logger.ts';
import { otlpGrpcExporter } from '../src/exporters/otlp-grpc/index.ts';
import { otlpHttpExporter } from '../src/exporters/otlp-http/index.ts';
import { openDoor, openPipeline } from './door.ts';
import { execs, RECORDS, small } from './ring-workloads.ts';

export type SenderOptions = {
  readonly workload: 'exec' | 'small';
  readonly protocol: 'grpc' | 'http';
  readonly compression: 'none' | 'gzip' | 'zstd';
  /** host:port */
  readonly address: string;
  /** Injections of RECORDS records a round. */
  readonly injections: number;
};

export type RoundResult = { readonly records: number; readonly cpuNs: number };

const POLL_MS = 10;

const options = JSON.parse(process.argv[2] ?? '{}') as SenderOptions;
const workload = options.workload === 'exec' ? execs() : small();
const counters = createCounters();
const factory = options.protocol === 'grpc' ? otlpGrpcExporter : otlpHttpExporter;
const config = factory.config.parse({
  endpoint: options.protocol === 'grpc' ? options.address : `http://${options.address}`,
  compression: options.compression,
  sending_queue: { queue_size: '256MiB' },
});
const settings = { id: 'bench', logger: silentLogger, counters, version: '0.0.0', resource: [['service.name', 'ringtail']], kernel: {} };
const exporter = factory.create(settings as never, config as never);
await exporter.start();
const pipeline = openPipeline(workload);
const door = openDoor(pipeline.hub);
pipeline.onBatch = (batch) => exporter.logs!(batch);

const outcome = (name: string): number =>
  counters
    .samples()
    .filter(({ name: metric, labels }) => metric === 'ringtail_exporter_items' && labels['outcome'] === name)
    .reduce((sum, { value }) => sum + value, 0);

let round = 0;
/** All injections one behind the other, as under load: waiting for each would let the collector of garbage, which runs when nothing else does, count. */
const runRound = async (): Promise<RoundResult> => {
  const target = outcome('accepted') + options.injections * RECORDS;
  let filling = 0;
  const start = process.cpuUsage();
  for (let injection = 0; injection < options.injections; injection++) {
    const before = process.cpuUsage();
    workload.renew(round++);
    door.fill(workload);
    const { user, system } = process.cpuUsage(before);
    filling += user + system;
    await door.run();
  }
  while (outcome('sent') < target) {
    if (outcome('failed') + outcome('dropped') + outcome('rejected') > 0) throw new Error('the Collector did not take everything');
    await sleep(POLL_MS);
  }
  const { user, system } = process.cpuUsage(start);
  return { records: options.injections * RECORDS, cpuNs: (user + system - filling) * 1000 };
};

process.on('message', () => void runRound().then((result) => process.send!(result)));
process.on('disconnect', () => process.exit(0));
process.send!('ready');
