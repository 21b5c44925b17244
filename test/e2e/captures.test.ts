/** What was recorded as root is replayed by an ordinary user, and files of OTLP go to the Collector and come back. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { needCollector } from './support/collector.ts';
import { readOtlpFile, type LogRecord } from './support/otlp-file.ts';
import { temporaryFolder, workload } from './support/places.ts';
import { run, start, until } from './support/processes.ts';
import { launchRingtail, parseLog, ringtailCommand, writeConfig } from './support/ringtail.ts';

const collectorBinary = needCollector();

const NOBODY = 65_534;
const asNobody = { uid: NOBODY, gid: NOBODY };

/** So small that a storm may lose records: losses are replayed too. */
const RING_BYTES = 128 << 10;

/** The pipeline of all runs here, from receivers to a file. */
const pipelineOf = (receivers: object, file: object): string =>
  JSON.stringify({
    kernel: { ring_bytes: RING_BYTES },
    receivers,
    processors: { resolve_process: { ancestors: 3 }, resolve_user: {} },
    exporters: { file },
    service: {
      telemetry: { metrics: { level: 'none' } },
      pipelines: { logs: { receivers: Object.keys(receivers), processors: ['resolve_process', 'resolve_user'], exporters: ['file'] } },
    },
  });

type Line = { readonly resourceLogs: readonly { readonly resource: object; readonly scopeLogs: readonly { readonly scope: object; readonly logRecords: readonly Readonly<Record<string, unknown>>[] }[] }[] }; // prettier-ignore

/** Without what was cut off at the end. */
const wholeLines = (text: string): readonly string[] => text.slice(0, Math.max(0, text.lastIndexOf('\n'))).split('\n');

/** Records of a file of OTLP/JSON with their resource and scope, without the observed time. */
const recordsIn = (path: string): readonly object[] =>
  wholeLines(readFileSync(path, 'utf8')).flatMap((line) =>
    (JSON.parse(line) as Line).resourceLogs.flatMap(({ resource, scopeLogs }) =>
      scopeLogs.flatMap(({ scope, logRecords }) => logRecords.map((one) => ({ resource, scope, ...one, observedTimeUnixNano: undefined }))),
    ),
  );

/** It is in the capture and nowhere else. */
const SECRET = 'hunter2canary';

/** What was said, when it did not end well. */
const whyOf = ({ code }: { readonly code: number | null }, stderr: string): object => (code === 0 ? {} : { stderr });

/** Programs of several users, some in namespaces of their own, one that cannot be started, and bytes that are no text. */
const load = async (): Promise<void> => {
  const script = [
    'i=0; while [ $i -lt 200 ]; do /bin/true --number $i; i=$((i+1)); done',
    '/no/such/program',
    `/bin/echo "$(printf '\\377\\376 x')"`,
    'cp /bin/true ./deleted; (rm ./deleted; exit 3) ; ./deleted',
    'sleep 5 & kill -9 $!; wait',
    `/bin/true --password ${SECRET}`,
  ].join('; ');
  const cwd = temporaryFolder();
  await run('/bin/sh', ['-c', script], { cwd });
  await run('/bin/sh', ['-c', 'id; (id &) ; exec /bin/true exec'], { uid: 1, gid: 1 });
  await run('unshare', ['--pid', '--fork', '/bin/sh', '-c', 'id; true']);
};

/** Records what happens while `act` does something; gives the paths of the capture and of what the pipeline wrote. */
const record = async (act: () => Promise<void>, signal: NodeJS.Signals, more: object = {}) => {
  const folder = temporaryFolder();
  const live = join(folder, 'live.json');
  const capture = join(folder, 'host.ringtail');
  const config = writeConfig(folder, pipelineOf({ process: { threads: true }, ...more }, { path: live }));
  const recording = launchRingtail(['record', '--output', capture, '--config', config]);
  await recording.log('ready');
  await act();
  // the pipeline is through with it, and so is the recording
  await until(() => existsSync(live) && readFileSync(live, 'utf8').includes('"--number"},{"stringValue":"199"'), 'the last program');
  recording.child.kill(signal);
  return { folder, live, capture, recording, ended: await recording.ended };
};

/** Replays as nobody; gives the log and the path of what was written. */
const replay = async (folder: string, receiver: object, file: object = {}) => {
  const own = join(folder, 'replayed');
  mkdirSync(own, { recursive: true });
  chmodSync(own, 0o777);
  const written = join(own, 'replay.json');
  const config = writeConfig(folder, pipelineOf({ replay: receiver }, { path: written, append: false, ...file }), 'replay.yaml');
  const { code, stderr } = await run(ringtailCommand, ['run', '--config', config], asNobody);
  return { code, log: parseLog(stderr), stderr, written };
};

/** Connections of this process to itself, and datagrams. */
const talk = async (): Promise<void> => {
  const server = createServer((socket) => socket.end('hello')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  for (let i = 0; i < CONNECTIONS; i++) await once(connect(port, '127.0.0.1').resume(), 'close');
  server.close();
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const datagram = once(socket, 'message');
  socket.send('hello', socket.address().port, '127.0.0.1');
  await datagram;
  socket.close();
};
const CONNECTIONS = 50;

test.for([
  [
    'system calls',
    { syscalls: { calls: ['files', 'io', 'network', 'process'], rate_limit: { per: 'process', events_per_second: 1000, burst: 1000 } } },
    '"ringtail/syscalls"',
    1000,
  ],
  ['sessions', { sockets: { events: ['start', 'state', 'end', 'listen'] } }, '"ringtail/sockets"', 6 * CONNECTIONS],
] as const)('%s are replayed as they were told', async ([, more, scope, least]) => {
  const act = async () => {
    await talk();
    await load();
  };
  const { folder, live, capture, recording, ended } = await record(act, 'SIGINT', more);
  expect({ ...ended, ...whyOf(ended, recording.stderr()) }).toEqual({ code: 0, signal: null });
  chmodSync(capture, 0o644);
  const { code, stderr, written } = await replay(folder, { path: capture, capture: { threads: true } });
  expect({ code, ...whyOf({ code }, stderr) }).toEqual({ code: 0 });
  const byText = (path: string): readonly string[] =>
    recordsIn(path)
      .map((one) => JSON.stringify(one))
      .toSorted();
  const [wanted, had] = [byText(live), byText(written)];
  expect(wanted.filter((one) => one.includes(scope)).length).toBeGreaterThan(least);
  expect(had).toEqual(wanted);
});

test('a replay by an ordinary user gives the records of the live run', async () => {
  const { folder, live, capture, recording, ended } = await record(async () => {
    await run(workload('spawn-storm'), ['-n', '3000', '-w', '4', '-p', '8', '-u', '7']);
    await load();
  }, 'SIGINT');
  expect({ ...ended, ...whyOf(ended, recording.stderr()) }).toEqual({ code: 0, signal: null });
  expect(recording.stdout()).toMatch(/records in \d+ frames, \d+ bytes; 0 not captured, \d+ lost by the kernel/);
  expect(statSync(capture).mode & 0o777).toBe(0o600);
  expect(recording.logs().find(({ level }) => level === 'warn')?.msg).toContain('secrets');
  chmodSync(capture, 0o644);

  const { code, log, stderr, written } = await replay(folder, { path: capture, capture: { threads: true } });
  expect({ code, ...whyOf({ code }, stderr) }).toEqual({ code: 0 });
  expect(log.map(({ msg }) => msg)).toContain('the replay is through');
  const [wanted, had] = [recordsIn(live), recordsIn(written)];
  // 200 programs, each forked, executed and ended, and the others; of the storm what there was room for
  expect(wanted.length).toBeGreaterThan(1_000);
  expect(had.length).toBe(wanted.length);
  for (const [index, one] of wanted.entries()) expect(had[index]).toEqual(one);
  expect([capture, live, written].map((path) => readFileSync(path).includes(SECRET))).toEqual([true, false, false]);
});

test('what a recording wrote before it was killed is played', async () => {
  const { folder, live, capture, ended } = await record(load, 'SIGKILL');
  expect(ended.signal).toBe('SIGKILL');
  chmodSync(capture, 0o644);
  for (const cut of [0, 1, 1000]) {
    truncateSync(capture, statSync(capture).size - cut);
    const { code, log, stderr, written } = await replay(folder, { path: capture, capture: { threads: true } });
    expect({ code, ...whyOf({ code }, stderr) }).toEqual({ code: 0 });
    expect(log.map(({ msg }) => msg)).toContain('the capture was cut off; its last whole chunk was the last');
    const [wanted, had] = [recordsIn(live), recordsIn(written)];
    expect(had.length).toBeGreaterThan(300);
    // the live run had no time to write its last records, the capture may lack some too
    const both = Math.min(wanted.length, had.length);
    expect(had.slice(0, both)).toEqual(wanted.slice(0, both));
  }
});

test('a file that is damaged ends the run with an error, not before what is whole', async () => {
  const folder = temporaryFolder();
  const line = JSON.stringify({ resourceLogs: [{ resource: {}, scopeLogs: [{ scope: { name: 'x' }, logRecords: [{ timeUnixNano: '1', eventName: 'e' }] }] }] });
  const path = join(folder, 'events.json');
  writeFileSync(path, `${line}\n${line}\n{]\n`);
  const { code, log, written } = await replay(folder, { path });
  expect(code).toBe(4);
  expect(log.find(({ level }) => level === 'error')?.['error']).toContain('damaged');
  expect(recordsIn(written).length).toBe(2);
}); // prettier-ignore

/** Attributes of every kind, two resources, as nobody but a test would put them together. */
const request = (number: number): string => {
  const logRecords = (scope: string) =>
    Array.from({ length: 50 }, (_, i) => ({
      timeUnixNano: String(1_795_000_000_000_000_000n + BigInt(number * 1_000 + i)),
      severityNumber: 9,
      severityText: 'INFO',
      eventName: `${scope}.event`,
      attributes: [
        { key: 'text', value: { stringValue: `é"\\ \u2028 ${i}` } },
        { key: 'int', value: { intValue: '-9223372036854775808' } },
        { key: 'double', value: { doubleValue: 0.1 + i } },
        { key: 'bool', value: { boolValue: i % 2 === 0 } },
        { key: 'list', value: { arrayValue: { values: [{ stringValue: 'a' }, { stringValue: '' }] } } },
      ],
    }));
  return JSON.stringify({
    resourceLogs: ['one', 'two'].map((name) => ({
      resource: { attributes: [{ key: 'host.name', value: { stringValue: name } }] },
      scopeLogs: [{ scope: { name: `ringtail/${name}` }, logRecords: logRecords(name) }],
    })),
  });
};

const startFileCollector = async (binary: string, folder: string, receivers: object, exporter: object) => {
  const config = join(folder, 'collector.yaml');
  const [name] = Object.keys(receivers);
  const pipelines = { logs: { receivers: [name], exporters: ['file'] } };
  const telemetry = { metrics: { level: 'none' }, logs: { level: 'warn' } };
  writeFileSync(config, JSON.stringify({ receivers, exporters: { file: exporter }, service: { telemetry, pipelines } }));
  return start(binary, ['--config', config]);
};

const sizeOf = (path: string): number => (existsSync(path) ? statSync(path).size : 0);
/** What counts of records, whoever wrote them. */
const plain = (one: LogRecord) => ({ ...one, resource: [...one.resource], attributes: [...one.attributes] });
const readAll = async (path: string) => {
  const records: ReturnType<typeof plain>[] = [];
  await readOtlpFile(path, (one) => records.push(plain(one)));
  return records.toSorted((a, b) => Number(a.timeUnixNano - b.timeUnixNano) || (a.scope < b.scope ? -1 : 1));
};

test('the Collector reads what the file exporter writes, and the replay what the Collector does', { timeout: 300_000 }, async (context) => {
  const binary = collectorBinary(context);
  const folder = temporaryFolder();
  const source = join(folder, 'source.json');
  writeFileSync(source, [1, 2, 3].map((number) => `${request(number)}\n`).join(''));
  const ours = (await replay(folder, { path: source })).written;
  const proto = join(folder, 'replayed/replay.bin');
  expect((await replay(folder, { path: source }, { path: proto, format: 'proto' })).code).toBe(0);
  const wanted = await readAll(proto);
  expect(wanted.length).toBe(300);

  // ours into the Collector, which writes it as it does
  for (const [name, exporter] of [
    ['json', { format: 'json' }],
    ['proto', { format: 'proto' }],
    ['zstd', { format: 'json', compression: 'zstd' }],
  ] as const) {
    const theirs = join(folder, `collector.${name}`);
    const collector = await startFileCollector(
      binary,
      folder,
      { otlpjsonfile: { include: [ours], start_at: 'beginning', include_file_name: false } },
      { path: theirs, ...exporter },
    );
    await until(() => sizeOf(theirs) > 0 || collector.hasEnded(), 'the Collector to write', { otherwise: collector.stderr });
    // it reads in one go; what it has not written yet it writes at its end
    collector.child.kill('SIGTERM');
    const end = await collector.ended;
    expect({ ...end, ...whyOf(end, collector.stderr()) }).toEqual({ code: 0, signal: null });
    chmodSync(theirs, 0o644);

    // and back again
    const back = join(folder, `replayed/back.${name}`);
    const { code, stderr } = await replay(folder, { path: theirs }, { path: back, format: 'proto' });
    expect({ code, ...whyOf({ code }, stderr) }).toEqual({ code: 0 });
    expect(await readAll(back)).toEqual(wanted);
  }
});
