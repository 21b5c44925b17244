/** The product as users run it: bin/ringtail, a child process. */
import type { SpawnOptions } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { computeLedger, type Ledger, type Sample } from '../../../src/service/ledger.ts';
import { parsePrometheusText } from '../../../src/service/prometheus-text.ts';
import { projectRoot } from './places.ts';
import { type Ended, type Running, run, start, until } from './processes.ts';

export const ringtailCommand = join(projectRoot, 'bin/ringtail');

export type LogLine = { readonly level: string; readonly msg: string } & Readonly<Record<string, unknown>>;

export type Ringtail = Running & {
  logs(): readonly LogLine[];
  /** The first line with this message; waits for it. */
  log(message: string): Promise<LogLine>;
  /** SIGINT once; waits for its end. */
  stop(): Promise<Ended>;
};

/** JSON lines of a log; what is none is left out. */
export const parseLog = (text: string): readonly LogLine[] =>
  text.split('\n').flatMap((line) => {
    try {
      return line.startsWith('{') ? [JSON.parse(line) as LogLine] : [];
    } catch {
      return []; // cut off
    }
  });

/** Writes the configuration to `folder`; returns the path. */
export const writeConfig = (folder: string, text: string, name = 'ringtail.yaml'): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

const wrap = (running: Running): Ringtail => {
  const logs = () => parseLog(running.stderr());
  return {
    ...running,
    logs,
    log: (message) =>
      until(
        () => {
          const line = logs().find(({ msg }) => msg === message);
          if (line === undefined && running.hasEnded()) throw new Error(`Ringtail ended before it said "${message}"\n${running.stderr()}`);
          return line;
        },
        `"${message}"`,
        { otherwise: running.stderr },
      ),
    stop() {
      running.child.kill('SIGINT');
      return running.ended;
    },
  };
};

/** Starts it without waiting. `within`: a command that runs it, with arguments of its own in front, as setpriv does. */
export const launchRingtail = (args: readonly string[], options: SpawnOptions = {}, within: readonly string[] = []): Ringtail => {
  const [command, ...rest] = [...within, ringtailCommand, ...args];
  return wrap(start(command!, rest, options));
};

/** Starts it with a configuration and waits until it is ready. */
export const startRingtail = async (config: string, options: SpawnOptions = {}): Promise<Ringtail> => {
  const ringtail = launchRingtail(['run', '--config', config], options);
  await ringtail.log('ready');
  return ringtail;
};

/** Every number of the metrics page of a running instance. */
export const readSamples = async (metricsPort: number): Promise<readonly Sample[]> => {
  const response = await fetch(`http://127.0.0.1:${metricsPort}/metrics`);
  return parsePrometheusText(await response.text());
};

/** Connections whose ends the kernel showed nobody: Ringtail came upon them later. */
export const unseenEnds = (samples: readonly Sample[]): number =>
  samples
    .filter(({ name, labels }) => name === 'ringtail_session_incidents' && /^(reused|swept)$/.test(String(labels['incident'])))
    .reduce((sum, { value }) => sum + value, 0);

/** The books of a running instance. */
export const readBooks = async (metricsPort: number): Promise<Ledger> => computeLedger(await readSamples(metricsPort));

/** Sum of one outcome over the rows of a book. */
export const sumOf = ({ rows }: Ledger, book: string, part: string): number =>
  rows.filter((row) => row.book === book).reduce((sum, { parts }) => sum + (parts[part] ?? 0), 0);

/** Sum of what went into a book. */
export const totalOf = ({ rows }: Ledger, book: string): number =>
  rows.filter((row) => row.book === book).reduce((sum, { total }) => sum + total, 0);

/** `ringtail ledger --json`, as a user asks for it. */
export const askForLedger = async (metricsPort: number): Promise<{ readonly code: number | null; readonly ledger: Ledger }> => {
  const { code, stdout, stderr } = await run(ringtailCommand, ['ledger', '--address', `127.0.0.1:${metricsPort}`, '--json']);
  if (stdout === '') throw new Error(`ringtail ledger said nothing: ${stderr}`);
  return { code, ledger: JSON.parse(stdout) as Ledger };
};

export type Delivery = {
  readonly protocol: 'grpc' | 'http';
  readonly port: number;
  readonly metricsPort: number;
  /** More keys of the exporter, a line each. */ readonly exporter?: readonly string[];
};

/** Every process of this host to a Collector on loopback. */
export const toCollector = ({ protocol, port, metricsPort, exporter = [] }: Delivery): string => {
  const id = `otlp_${protocol}`;
  const endpoint = protocol === 'grpc' ? `127.0.0.1:${port}` : `http://127.0.0.1:${port}`;
  return `
receivers:
  process:
processors:
  resolve_process:
  resolve_user:
exporters:
  ${id}:
    endpoint: ${endpoint}
    tls: {insecure: true}
${exporter.map((line) => `    ${line}\n`).join('')}
service:
  telemetry:
    metrics: {address: "127.0.0.1:${metricsPort}"}
  pipelines:
    logs:
      receivers: [process]
      processors: [resolve_process, resolve_user]
      exporters: [${id}]
`;
};

/** Resolves when its books balance and no exporter holds anything. */
export const untilAllSent = (metricsPort: number, ringtail: Pick<Running, 'stderr'>): Promise<unknown> =>
  until(
    async () => {
      const books = await readBooks(metricsPort);
      return books.balanced && sumOf(books, 'exporter', 'held') === 0;
    },
    'all records to be sent',
    { otherwise: ringtail.stderr },
  );
