/** Loads mutated configurations and tells of each what came of it; a process of its own, so that a hang can be ended and memory measured. */
import { readdirSync, readFileSync } from 'node:fs';
import { stringify } from 'yaml';
import { components } from '../../../src/components.ts';
import { effectiveConfig } from '../../../src/config/effective.ts';
import { type ConfigSource, loadConfig } from '../../../src/config/load.ts';
import { formatProblem } from '../../../src/config/problems.ts';
import { createRegistry } from '../../../src/config/registry.ts';
import { overrideSource } from '../../../src/config/sources.ts';
import type { ComponentKind, Signal } from '../../../src/core/component.ts';
import { UsageError } from '../../../src/core/errors.ts';
import { createRandom, mutate, type Random } from './mutate.ts';
import { worstTexts } from './worst.ts';

/** What a case ended with; `why` when it is a fault of ours. `seed` is its place in the list when there is no seed. */
export type CaseReport = {
  readonly seed: number;
  readonly end: 'valid' | 'wrong' | 'fault';
  readonly cpuMs: number;
  readonly rssBytes: number;
  /** By which this case grew the process. */
  readonly grownBytes: number;
  readonly why?: string;
};

const registry = createRegistry(components);
const environment = { TOKEN: 'canary', EMPTY: '', NUMBER: '7' };
const folder = new URL('../../../config/', import.meta.url);

/** Every component that needs nothing, with every default written. */
const everything = (): string => {
  const section = (kind: ComponentKind) =>
    Object.fromEntries(
      components.filter((factory) => factory.kind === kind && factory.config.safeParse({}).success).map(({ type }) => [type, null]),
    );
  const sections = { receivers: section('receiver'), processors: section('processor'), exporters: section('exporter') };
  const extensions = section('extension');
  const serving = (signal: Signal) =>
    Object.fromEntries(
      Object.entries(sections).map(([name, bodies]) => [
        name,
        Object.keys(bodies).filter((type) =>
          components.some((factory) => factory.type === type && `${factory.kind}s` === name && factory.signals.includes(signal)),
        ),
      ]),
    );
  const pipelines = { logs: serving('logs'), metrics: serving('metrics') };
  const text = stringify({ ...sections, extensions, service: { extensions: Object.keys(extensions), pipelines } });
  const { config, problems } = loadConfig([{ file: 'everything', text }], registry, environment);
  if (config === undefined) throw new Error(problems.map(formatProblem).join('; '));
  return effectiveConfig(config);
};

const bases = [
  everything(),
  ...readdirSync(folder)
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => readFileSync(new URL(name, folder), 'utf8')),
  `receivers:
  process: &p {events: [exec, exit], args: {max_bytes: 4KiB}, threads: "\${env:NOPE:-false}"}
  process/two: {<<: *p, failed_execs: false}
processors: {resolve_process: {ancestors: 3}, resolve_user: }
exporters:
  otlp_grpc/gateway:
    endpoint: https://gateway.example:4317
    headers: {authorization: "Bearer \${env:TOKEN}", x: $$1}
    compression: gzip
    sending_queue: {queue_size: 64MiB, num_consumers: "\${env:NUMBER}"}
    retry_on_failure: {max_elapsed_time: 0}
  otlphttp: {tls: {insecure: true}}
  debug: {verbosity: basic}
kernel: {ring_bytes: 16MiB, flush_interval: 20ms}
service:
  telemetry: {metrics: {address: "127.0.0.1:9464"}, resource: {deployment.environment.name: production}, logs: {level: warn}}
  exclude: {executables: [/usr/bin/otelcol], cgroups: []}
  pipelines:
    logs: {receivers: [process], processors: [resolve_process, resolve_user], exporters: [otlp_grpc/gateway]}
    logs/b: {receivers: [process/two], exporters: [debug, otlphttp]}
`,
];

const overrides = [
  'kernel.flush_rows=5',
  'exporters.debug=',
  'exporters["debug/a.b"].format=json',
  'service.pipelines.logs.receivers=[process]',
  'kernel=[',
  'a..b=1',
  '=',
  'x',
  'receivers=5',
];

const sourcesOf = (random: Random): readonly ConfigSource[] => {
  const files = [{ file: 'a', text: mutate(random.pick(bases), random) }];
  if (random.below(5) === 0) files.push({ file: 'b', text: mutate(random.pick(bases), random) });
  const sources: ConfigSource[] = files;
  if (random.below(4) === 0) {
    const text = random.pick(overrides);
    try {
      sources.push(overrideSource(random.below(2) === 0 ? text : mutate(text, random)));
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
    }
  }
  return sources;
};

// oxlint-disable-next-line no-control-regex -- they are what is meant
const unprintable = /[\u0000-\u001f\u007f]/;

/** Throws when what was promised of every configuration is not so for these. */
const check = (sources: readonly ConfigSource[]): 'valid' | 'wrong' => {
  const { config, problems } = loadConfig(sources, registry, environment);
  for (const problem of problems) {
    const line = formatProblem(problem);
    if (problem.line < 1 || problem.column < 1 || !sources.some(({ file }) => file === problem.file))
      throw new Error(`a wrong place: ${line}`);
    if (unprintable.test(line)) throw new Error(`not for a terminal: ${JSON.stringify(line)}`);
    if (line.includes('canary')) throw new Error(`tells what a reference gave: ${line}`);
  }
  const wrong = problems.some(({ severity }) => severity === 'error');
  if (wrong !== (config === undefined)) throw new Error('an error and a configuration, or none of both');
  if (config === undefined) return 'wrong';
  const again = loadConfig([{ file: 'effective', text: effectiveConfig(config) }], registry, {});
  if (again.config === undefined) throw new Error(`printed it does not load: ${again.problems.map(formatProblem).join('; ')}`);
  return 'valid';
};

const run = (seed: number, sources: readonly ConfigSource[]): CaseReport => {
  const beforeBytes = process.memoryUsage.rss();
  const before = process.cpuUsage();
  const report = (end: CaseReport['end'], why?: string): CaseReport => {
    const { user, system } = process.cpuUsage(before);
    const cpuMs = (user + system) / 1000;
    const rssBytes = process.memoryUsage.rss();
    return { seed, end, cpuMs, rssBytes, grownBytes: rssBytes - beforeBytes, ...(why === undefined ? {} : { why }) };
  };
  try {
    return report(check(sources));
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return report('fault', `${text}\n${sources.map((source) => `--- ${source.file}\n${source.text.slice(0, 4000)}`).join('\n')}`);
  }
};

const CASES_BETWEEN_COLLECTIONS = 100;

const send = (report: CaseReport) => void (process.send === undefined ? console.log(report) : process.send(report));

const [first = 0, count = 0] = process.argv.slice(2).map(Number);
if (count > 0) {
  for (let seed = first; seed < first + count; seed++) {
    // So that memory grows by what stays, and not by what a busy machine has had no time to collect.
    if (seed % CASES_BETWEEN_COLLECTIONS === 0) globalThis.gc?.();
    send(run(seed, sourcesOf(createRandom(seed))));
  }
} else {
  for (const [index, [, text]] of worstTexts.entries()) {
    // So that each is measured alone.
    globalThis.gc?.();
    send(run(index, [{ file: 'a', text }]));
  }
}
process.disconnect?.();
