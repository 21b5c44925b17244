/** Ringtail as users run it, with what names processes, users and containers; its records are read from memory. */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { type LogRecord, readOtlpFile } from './otlp-file.ts';
import { freePorts, temporaryFolder } from './places.ts';
import { until } from './processes.ts';
import { askForLedger, type Ringtail, startRingtail, sumOf, writeConfig } from './ringtail.ts';

export type WatchingOptions = {
  /** Receivers with their options; JSON is YAML. */
  readonly receivers?: Readonly<Record<string, object>>;
  /** Options of `resolve_container`. */
  readonly containers?: object;
  readonly ring?: string;
  /** Names of threads that are told of: hosts do much else. */
  readonly threads?: readonly string[];
};

export type Watching = {
  readonly ringtail: Ringtail;
  readonly metricsPort: number;
  /** When all that was written has been sent: stops it; every record, in order. */
  finish(): Promise<readonly LogRecord[]>;
};

const CONTAINERS = ['life*', 'runc*', 'crun*', 'podman*', 'conmon*', 'cgroup-lives'];
const EVERYTHING = { process: {}, syscalls: { calls: ['files', 'network'], rate_limit: { enabled: false } }, sockets: {} };

export const startWatching = async ({
  receivers = EVERYTHING,
  containers = {},
  ring = '64MiB',
  threads = CONTAINERS,
}: WatchingOptions = {}): Promise<Watching> => {
  const folder = temporaryFolder();
  const [metricsPort] = (await freePorts(1)) as [number];
  const memory = mkdtempSync('/dev/shm/ringtail-e2e-');
  onTestFinished(() => rmSync(memory, { recursive: true, force: true }));
  const file = join(memory, 'records');
  const filter = { preset: 'none', never_drop: [], process: { drop: [{ comm: '*' }], keep: threads.map((comm) => ({ comm })) } };
  const processors = ['filter', 'resolve_process', 'resolve_user', 'resolve_container'];
  const config = {
    receivers,
    processors: { filter, resolve_process: {}, resolve_user: {}, resolve_container: containers },
    exporters: { file: { path: file, format: 'proto', append: false, sending_queue: { queue_size: '256MiB' } } },
    kernel: { ring_bytes: ring },
    service: {
      telemetry: { metrics: { address: `127.0.0.1:${metricsPort}` } },
      pipelines: { logs: { receivers: Object.keys(receivers), processors, exporters: ['file'] } },
    },
  };
  const ringtail = await startRingtail(writeConfig(folder, JSON.stringify(config)));
  return {
    ringtail,
    metricsPort,
    async finish() {
      await until(
        async () => {
          const { code, ledger } = await askForLedger(metricsPort);
          return code === 0 && sumOf(ledger, 'exporter', 'held') === 0 && sumOf(ledger, 'kernel', 'lost') === 0;
        },
        'the books to balance, nothing lost',
        { otherwise: ringtail.stderr },
      );
      expect((await ringtail.stop()).code).toBe(0);
      expect(ringtail.logs().at(-1)).toMatchObject({ msg: 'stopped; the books balance' });
      const records: LogRecord[] = [];
      await readOtlpFile(file, (record) => records.push(record));
      return records;
    },
  };
};

/** What one record says of where it belongs, in the words of the resource. */
export const belongingOf = ({ resource, attributes }: LogRecord): Readonly<Record<string, unknown>> =>
  Object.fromEntries([
    ...[...resource].filter(([name]) => /^(container|k8s)\.|^ringtail\.k8s\./.test(name)),
    ['ringtail.container', attributes.get('ringtail.container')],
  ]);

/** Records by the executable that they are about. */
export const byExecutable = (records: readonly LogRecord[]): ReadonlyMap<string, readonly LogRecord[]> =>
  Map.groupBy(records, ({ attributes }) => String(attributes.get('process.executable.name') ?? ''));

/** How many there are of each event; opened files with their path. */
export const eventsOf = (records: readonly LogRecord[]): Readonly<Record<string, number>> => {
  const counts: Record<string, number> = {};
  for (const { eventName, attributes } of records) {
    const path = attributes.get('file.path');
    const event = [eventName.replace('ringtail.', ''), ...(path === undefined ? [] : [path])].join(' ');
    counts[event] = (counts[event] ?? 0) + 1;
  }
  return counts;
};

/** Values that all of them have; of different ones a failure shows each with how often it is there. */
export const distinct = (values: readonly unknown[]): readonly string[] => {
  const counts = Map.groupBy(values.map((value) => JSON.stringify(value)), (text) => text); // prettier-ignore
  return counts.size === 1 ? [...counts.keys()] : Array.from(counts, ([text, all]) => `${all.length} × ${text}`);
};
