/** System calls with known arguments, through the product into a real Collector: each arrives once, with what was done; and strace sees the same. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { betweenMarks, expectCalls, toldCalls, type SeenCall } from '../support/calls.ts';
import { needCollector, startCollector } from './support/collector.ts';
import { readOtlpFile } from './support/otlp-file.ts';
import { freePorts, temporaryFolder, workload } from './support/places.ts';
import { run } from './support/processes.ts';
import { askForLedger, startRingtail, sumOf, untilAllSent, writeConfig } from './support/ringtail.ts';
import { callsOfStrace } from './support/strace.ts';

const collectorBinary = needCollector();

const configOf = (port: number, metricsPort: number): string => `
receivers:
  process:
  syscalls:
    calls: [files, io, network, process]
    rate_limit: {enabled: false}
processors: {filter: {preset: none, never_drop: [], process: {drop: [{comm: "*"}], keep: [{comm: "calls*"}, {comm: paths}]}}, resolve_process: , resolve_user: }
exporters: {otlp_grpc: {endpoint: "127.0.0.1:${port}", tls: {insecure: true}}}
kernel: {ring_bytes: 16MiB}
service:
  telemetry: {metrics: {address: "127.0.0.1:${metricsPort}"}}
  pipelines: {logs: {receivers: [process, syscalls], processors: [filter, resolve_process, resolve_user], exporters: [otlp_grpc]}}
`;

type Session = {
  readonly folder: string;
  /** Ends Ringtail and the Collector; what arrived. */
  finish(): Promise<readonly SeenCall[]>;
};

const startSession = async (binary: string): Promise<Session> => {
  const folder = temporaryFolder();
  const [grpcPort, httpPort, metricsPort] = (await freePorts(3)) as [number, number, number];
  const place = { folder, grpcPort, httpPort, file: join(folder, 'logs.bin') };
  const collector = await startCollector(binary, place);
  const ringtail = await startRingtail(writeConfig(folder, configOf(grpcPort, metricsPort)));
  return {
    folder,
    async finish() {
      await untilAllSent(metricsPort, ringtail);
      const { code, ledger } = await askForLedger(metricsPort);
      expect(code).toBe(0);
      expect(sumOf(ledger, 'kernel', 'lost')).toBe(0);
      expect((await ringtail.stop()).code).toBe(0);
      await collector.stop();
      const seen: SeenCall[] = [];
      await readOtlpFile(place.file, ({ eventName, timeUnixNano, attributes }) =>
        seen.push({ name: eventName, unixNs: timeUnixNano, attributes: Object.fromEntries(attributes) }),
      );
      return seen;
    },
  };
};

const wordsOf = (text: string): readonly (readonly string[])[] => text.split('\n').map((line) => line.split(' '));

const programs: readonly (readonly [program: string, more: readonly string[]])[] = [
  ['calls', ['3']],
  ['calls-compat', []],
  ['calls-int80', []],
  ['paths', []],
];

test('each call arrives once: name, result, path, flags, sizes and addresses', async (context) => {
  const session = await startSession(collectorBinary(context));
  const told = [];
  for (const [program, more] of programs) {
    const folder = join(session.folder, program);
    mkdirSync(folder);
    const path = workload(program);
    if (!existsSync(path)) {
      console.log(`not tried: ${program} could not be built here`);
      continue;
    }
    const { code, stdout } = await run(path, [folder, ...more], { cwd: folder });
    expect(code).toBe(0);
    told.push(...toldCalls(wordsOf(stdout)));
  }
  expect(told.length).toBeGreaterThan(300);
  expectCalls(told, await session.finish());
});

/** `call result path`, sorted. */
const linesOf = (calls: readonly (readonly [call: string, result: number, path: string])[]): readonly string[] =>
  calls.map(([call, result, path]) => `${call} ${result} ${path}`).toSorted();

test('of what succeeded strace sees the same', async (context) => {
  if (spawnSync('strace', ['-V']).status !== 0) context.skip('strace is not installed');
  const session = await startSession(collectorBinary(context));
  const output = join(session.folder, 'strace');
  const folder = join(session.folder, 'calls');
  mkdirSync(folder);
  const { code, stderr } = await run('strace', ['-ff', '-y', '-s', '4096', '-o', output, workload('calls'), folder, '2'], { cwd: folder });
  expect(`${code} ${stderr}`).toBe('0 ');
  const seen = await session.finish();
  const threads = readdirSync(session.folder)
    .filter((name) => name.startsWith('strace.'))
    .map((name) => Number(name.slice('strace.'.length)));
  expect(threads.length).toBe(3);
  for (const tid of threads) {
    const mine = betweenMarks(seen.filter(({ attributes }) => attributes['ringtail.thread.id'] === tid));
    const ours = mine
      .filter(({ name, attributes }) => Number(attributes['ringtail.syscall.return']) >= 0 && name !== 'ringtail.process.exec')
      .map(
        ({ attributes }) =>
          [
            String(attributes['ringtail.syscall.name']),
            Number(attributes['ringtail.syscall.return']),
            String(attributes['file.path'] ?? ''),
          ] as const,
      );
    const theirs = callsOfStrace(readFileSync(`${output}.${tid}`, 'utf8'));
    expect(theirs.length).toBeGreaterThan(50);
    expect(linesOf(ours)).toEqual(linesOf(theirs));
  }
});
