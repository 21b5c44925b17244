/** Sessions as Ringtail tells them: it runs as users run it, and its OTLP is read from memory. */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import type { Ledger } from '../../../src/service/ledger.ts';
import { type LogRecord, readOtlpFile } from './otlp-file.ts';
import { freePorts, temporaryFolder } from './places.ts';
import { until } from './processes.ts';
import { askForLedger, readSamples, type Ringtail, startRingtail, sumOf, writeConfig } from './ringtail.ts';

export type SocketsOptions = {
  /** Keys of the receiver, YAML in one line. */
  readonly receiver?: string;
  readonly ring?: string;
  /** Of requests that wait to be written; what is over it is dropped and counted. */
  readonly queue?: string;
  /** More keys of the exporter, each with a comma in front. */
  readonly exporter?: string;
};

export type Sockets = {
  readonly folder: string;
  readonly ringtail: Ringtail;
  readonly metricsPort: number;
  /** What was out of the ordinary, by what the metrics page calls it; what is 0 is left out. */
  incidents(): Promise<Readonly<Record<string, number>>>;
  /** When all that was written has been sent: stops it; the books of then. */
  finish(): Promise<Ledger>;
  /** What it told, in order; after `finish`. */
  records(): Promise<readonly LogRecord[]>;
};

export const startSockets = async ({
  receiver = '{}',
  ring = '64MiB',
  queue = '256MiB',
  exporter = '',
}: SocketsOptions = {}): Promise<Sockets> => {
  const folder = temporaryFolder();
  const [metricsPort] = (await freePorts(1)) as [number];
  const memory = mkdtempSync('/dev/shm/ringtail-e2e-');
  onTestFinished(() => rmSync(memory, { recursive: true, force: true }));
  const file = join(memory, 'records');
  const config = `
receivers: {sockets: ${receiver}}
processors: {resolve_process: {}, resolve_user: {}}
exporters: {file: {path: ${JSON.stringify(file)}, format: proto, append: false, sending_queue: {queue_size: ${queue}}${exporter}}}
kernel: {ring_bytes: ${ring}}
service:
  telemetry: {metrics: {address: "127.0.0.1:${metricsPort}"}}
  pipelines: {logs: {receivers: [sockets], processors: [resolve_process, resolve_user], exporters: [file]}}
`;
  const ringtail = await startRingtail(writeConfig(folder, config));
  return {
    folder,
    ringtail,
    metricsPort,
    async incidents() {
      const told = (await readSamples(metricsPort)).filter(({ name, value }) => value > 0 && /incident|recursion|skipped/.test(name));
      return Object.fromEntries(
        told.map(({ name, labels, value }) => [labels['incident'] ?? `${name} ${Object.values(labels).join(' ')}`, value]),
      );
    },
    async finish() {
      const last = await until(
        async () => {
          const { code, ledger } = await askForLedger(metricsPort);
          return code === 0 && sumOf(ledger, 'exporter', 'held') === 0 && ledger;
        },
        'the books to balance',
        { otherwise: ringtail.stderr },
      );
      expect((await ringtail.stop()).code).toBe(0);
      expect(ringtail.logs().at(-1)).toMatchObject({ msg: 'stopped; the books balance' });
      return last;
    },
    async records() {
      const records: LogRecord[] = [];
      await readOtlpFile(file, (record) => records.push(record));
      return records;
    },
  };
};

export type Told = {
  readonly event: 'start' | 'state' | 'end' | 'listen';
  readonly record: LogRecord;
  readonly id: string;
  readonly transport: string;
  readonly type: string;
  readonly role: string;
  readonly local: string;
  readonly localPort: number;
  readonly peer: string;
  readonly peerPort: number;
  readonly pid: number;
  readonly uid: number;
  readonly state: string;
  /** Payload bytes; NaN: not said. */
  readonly sent: number;
  readonly unacknowledged: number;
  readonly received: number;
  readonly error: string;
};

const EVENT = 'ringtail.session.';

/** A record of a session; undefined: of something else. What it does not say is empty or NaN. */
export const toldOf = (record: LogRecord): Told | undefined => {
  if (!record.eventName.startsWith(EVENT)) return undefined;
  const text = (name: string) => String(record.attributes.get(name) ?? '');
  const number = (name: string) => Number(record.attributes.get(name) ?? NaN);
  return {
    event: record.eventName.slice(EVENT.length) as Told['event'],
    record,
    id: text('ringtail.session.id'),
    transport: text('network.transport') || text('ringtail.network.protocol'),
    type: text('network.type'),
    role: text('ringtail.session.role'),
    local: text('network.local.address'),
    localPort: number('network.local.port'),
    peer: text('network.peer.address'),
    peerPort: number('network.peer.port'),
    pid: number('process.pid'),
    uid: number('process.user.id'),
    state: text('network.connection.state'),
    sent: number('ringtail.session.bytes_sent'),
    unacknowledged: number('ringtail.session.bytes_unacknowledged'),
    received: number('ringtail.session.bytes_received'),
    error: text('error.type'),
  };
};

export const toldOfAll = (records: readonly LogRecord[]): readonly Told[] =>
  records.flatMap((record) => {
    const one = toldOf(record);
    return one === undefined ? [] : [one];
  });

/** How often each line stands there. */
export const tally = (lines: readonly string[]): Map<string, number> => {
  const counts = new Map<string, number>();
  for (const line of lines) counts.set(line, (counts.get(line) ?? 0) + 1);
  return counts;
};

export type Difference = { readonly missing: readonly string[]; readonly unexpected: readonly string[] };

/** What is in `wanted` and not in `found`, and the other way round, as often as it is. */
export const difference = (wanted: readonly string[], found: readonly string[]): Difference => {
  const beyond = (some: ReadonlyMap<string, number>, others: ReadonlyMap<string, number>) =>
    [...some].flatMap(([line, count]) => Array.from({ length: Math.max(0, count - (others.get(line) ?? 0)) }, () => line));
  const [a, b] = [tally(wanted), tally(found)];
  return { missing: beyond(a, b), unexpected: beyond(b, a) };
};

/** Lines that a failure shows of each side: vitest compares long texts for minutes. */
const SHOWN = 12;
export type Summary = { readonly missing: number; readonly unexpected: number; readonly examples: readonly string[] };

export const summaryOf = ({ missing, unexpected }: Difference): Summary => ({
  missing: missing.length,
  unexpected: unexpected.length,
  examples: [...missing.slice(0, SHOWN).map((line) => `- ${line}`), ...unexpected.slice(0, SHOWN).map((line) => `+ ${line}`)],
});

/** What is wanted and what was found, in short. */
export const compare = (wanted: readonly string[], found: readonly string[]): Summary => summaryOf(difference(wanted, found));
export const same: Summary = { missing: 0, unexpected: 0, examples: [] };
