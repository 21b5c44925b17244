/** One exchange of each kind through the product into a real Collector: every attribute that docs/signals.md names of a session. */
import { once } from 'node:events';
import { createSocket, type RemoteInfo, type Socket as DatagramSocket } from 'node:dgram';
import { readFileSync, realpathSync } from 'node:fs';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { expect, test, type TestContext } from 'vitest';
import { cgroupOf } from '../kernel/harness/cgroups.ts';
import { needCollector, startCollector } from './support/collector.ts';
import { readOtlpFile, type Value } from './support/otlp-file.ts';
import { freePorts, temporaryFolder } from './support/places.ts';
import { run } from './support/processes.ts';
import { askForLedger, startRingtail, untilAllSent, writeConfig } from './support/ringtail.ts';

const collectorBinary = needCollector();

const configOf = (port: number, metricsPort: number): string => `
receivers: {sockets: {events: [start, state, end, listen]}}
processors: {resolve_process: , resolve_user: }
exporters: {otlp_grpc: {endpoint: "127.0.0.1:${port}", tls: {insecure: true}}}
service:
  telemetry: {metrics: {address: "127.0.0.1:${metricsPort}"}}
  pipelines: {logs: {receivers: [sockets], processors: [resolve_process, resolve_user], exporters: [otlp_grpc]}}
`;

type Record = { readonly name: string; readonly attributes: Readonly<{ [name: string]: Value }> };

const REQUEST = 'x'.repeat(3000);
const ANSWER = 'thanks';

/** Sends a request, takes the answer, and is the first to close. Says its own port. */
const tcpClient = (port: number): string => `
  const socket = require('node:net').connect(${port}, '127.0.0.1', () => socket.write('x'.repeat(${REQUEST.length})));
  socket.on('data', () => { console.log(process.pid, socket.localPort); socket.end(); });
`;
const udpClient = (port: number): string => `
  const socket = require('node:dgram').createSocket('udp4');
  socket.on('message', () => { console.log(process.pid, socket.address().port); socket.close(); });
  socket.send('x'.repeat(${REQUEST.length}), ${port}, '127.0.0.1');
`;
const refusedClient = (port: number): string =>
  `require('node:net').connect(${port}, '127.0.0.1').on('error', () => console.log(process.pid, 0));`;

type Client = { readonly pid: number; readonly port: number };

const runClient = async (code: string): Promise<Client> => {
  const { stdout, stderr } = await run(process.execPath, ['-e', code]);
  const [pid, port] = stdout.trim().split(' ').map(Number);
  expect(stderr).toBe('');
  return { pid: pid!, port: port! };
};

const exchangeByTcp = async (): Promise<{ readonly port: number; readonly client: Client }> => {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const running = runClient(tcpClient(port));
  const [socket] = (await once(server, 'connection')) as [Socket];
  let got = 0;
  socket.on('data', (data: Buffer) => {
    got += data.length;
    if (got === REQUEST.length) socket.write(ANSWER);
  });
  await once(socket, 'end');
  const closed = once(socket, 'close');
  socket.end();
  await closed;
  const client = await running;
  server.close();
  await once(server, 'close');
  return { port, client };
};

const exchangeByUdp = async (): Promise<{ readonly port: number; readonly client: Client }> => {
  const server: DatagramSocket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  const running = runClient(udpClient(port));
  const [, from] = (await once(server, 'message')) as [Buffer, RemoteInfo];
  server.send(ANSWER, from.port, from.address);
  const client = await running;
  server.close();
  return { port, client };
};

/** A port that nobody listens at. */
const closedPort = async (): Promise<number> => ((await freePorts(1)) as [number])[0];

const creationTime = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
const positive = expect.toSatisfy((value: unknown) => Number(value) > 0);
const isId = expect.stringMatching(/^\d{1,20}$/);

/** What this process and its clients have in common: they run here, in the same cgroup. */
const commonOf = async (): Promise<object> => {
  const executable = realpathSync('/proc/self/exe');
  return {
    'process.executable.name': executable.split('/').at(-1),
    'process.executable.path': executable,
    'process.creation.time': creationTime,
    'process.user.id': 0,
    'process.owner': 'root',
    ...(await cgroupOf(process.pid)),
    'ringtail.thread.comm': readFileSync('/proc/self/comm', 'utf8').trimEnd(),
    'ringtail.thread.id': positive,
    'ringtail.attribution': 'ebpf',
    'ringtail.session.id': isId,
    'ringtail.netns.cookie': positive,
    'network.type': 'ipv4',
  };
};

const endsOf = (role: 'client' | 'server', clientPort: number, serverPort: number): object => {
  const [local, peer] = role === 'client' ? [clientPort, serverPort] : [serverPort, clientPort];
  return {
    'ringtail.session.role': role,
    'client.address': '127.0.0.1',
    'client.port': clientPort,
    'server.address': '127.0.0.1',
    'server.port': serverPort,
    'network.local.address': '127.0.0.1',
    'network.local.port': local,
    'network.peer.address': '127.0.0.1',
    'network.peer.port': peer,
  };
};

const suffixOf = ({ name }: Record): string => name.slice('ringtail.session.'.length);
const attributesOf = (records: readonly Record[] = []) => records.map(({ attributes }) => attributes);
/** Records of one process and of these ports by event. */
const told = (records: readonly Record[], pid: number, ...ports: readonly number[]) => {
  const has = ({ attributes }: Record, port: number) => [attributes['network.local.port'], attributes['network.peer.port']].includes(port);
  const mine = records.filter((record) => record.attributes['process.pid'] === pid && ports.every((port) => has(record, port)));
  return Object.fromEntries(Map.groupBy(mine, suffixOf));
};

/** Runs the product beside `work`; what arrived at the Collector meanwhile. */
const recordsOf = async <T>(
  context: TestContext,
  work: () => Promise<T>,
): Promise<{ readonly done: T; readonly records: readonly Record[] }> => {
  const folder = temporaryFolder();
  const [grpcPort, httpPort, metricsPort] = (await freePorts(3)) as [number, number, number];
  const place = { folder, grpcPort, httpPort, file: join(folder, 'logs.bin') };
  const collector = await startCollector(collectorBinary(context), place);
  const ringtail = await startRingtail(writeConfig(folder, configOf(grpcPort, metricsPort)));
  expect(await ringtail.log('receiver started')).toMatchObject({ rung: 'ebpf', hooks: { tcp: 'tp_btf', accept: 'tp_btf' } });
  const done = await work();
  await untilAllSent(metricsPort, ringtail);
  expect((await askForLedger(metricsPort)).code).toBe(0);
  expect((await ringtail.stop()).code).toBe(0);
  await collector.stop();
  const records: Record[] = [];
  await readOtlpFile(place.file, ({ eventName: name, attributes, scope }) => {
    expect(scope).toBe('ringtail/sockets');
    records.push({ name, attributes: Object.fromEntries(attributes) });
  });
  return { done, records };
};

const result = (sent: number, received: number) => ({
  'ringtail.session.bytes_sent': sent,
  'ringtail.session.bytes_received': received,
  'ringtail.duration_ns': positive,
});
const tcpResult = (sent: number, received: number) => ({
  ...result(sent, received),
  'network.connection.state': 'closed',
  'ringtail.session.bytes_unacknowledged': 0,
  'ringtail.session.retransmits': 0,
});
const pathOf = (records: readonly Record[] = []): string =>
  attributesOf(records)
    .map((one) => one['network.connection.state'])
    .join(' ');
const isTcp = { 'network.transport': 'tcp' };
const isUdp = { 'network.transport': 'udp' };

test('a connection arrives with all that is known of it, from both ends', async (context) => {
  const { done, records } = await recordsOf(context, exchangeByTcp);
  const { client, port } = done;
  const common = await commonOf();
  const established = { ...isTcp, 'network.connection.state': 'established' };

  const connecting = {
    ...common,
    'process.pid': client.pid,
    'process.parent_pid': process.pid,
    ...endsOf('client', client.port, port),
    ...isTcp,
  };
  const ofClient = told(records, client.pid, port);
  expect(attributesOf(ofClient['start'])).toEqual([{ ...connecting, ...established }]);
  expect(attributesOf(ofClient['end'])).toEqual([
    {
      ...connecting,
      ...tcpResult(REQUEST.length, ANSWER.length),
      'ringtail.session.previous_state': expect.stringMatching(/^(fin_wait_2|time_wait)$/),
    },
  ]);
  expect(pathOf(ofClient['state'])).toMatch(/^syn_sent established fin_wait_1 fin_wait_2( time_wait)? closed$/);

  const mine = { ...common, 'process.pid': process.pid, 'process.parent_pid': process.ppid };
  const accepting = { ...mine, ...endsOf('server', client.port, port), ...isTcp };
  const ofServer = told(records, process.pid, port, client.port);
  expect(attributesOf(ofServer['start'])).toEqual([{ ...accepting, ...established }]);
  expect(attributesOf(ofServer['end'])).toEqual([
    { ...accepting, ...tcpResult(ANSWER.length, REQUEST.length), 'ringtail.session.previous_state': 'last_ack' },
  ]);
  expect(pathOf(ofServer['state'])).toMatch(/^(syn_received )?established close_wait last_ack closed$/);

  // the records of a session have one id, its two ends have two
  const idsOf = (some: Readonly<{ [event: string]: readonly Record[] | undefined }>) =>
    new Set(Object.values(some).flatMap((of) => attributesOf(of).map((one) => one['ringtail.session.id'])));
  const [ids, others] = [idsOf(ofClient), idsOf(ofServer)];
  expect([ids.size, others.size, new Set([...ids, ...others]).size]).toEqual([1, 1, 2]);

  expect(attributesOf(told(records, process.pid, port)['listen'])).toEqual([
    {
      ...mine,
      ...isTcp,
      'ringtail.session.role': 'server',
      'server.address': '127.0.0.1',
      'server.port': port,
      'network.local.address': '127.0.0.1',
      'network.local.port': port,
      'network.connection.state': 'listen',
    },
  ]);
});

test('a connect that is refused arrives once, with its reason', async (context) => {
  const port = await closedPort();
  const { done: client, records } = await recordsOf(context, () => runClient(refusedClient(port)));
  const failed = told(records, client.pid, port);
  expect(failed['start']).toBeUndefined();
  const [end] = attributesOf(failed['end']);
  expect(attributesOf(failed['end'])).toEqual([
    {
      ...(await commonOf()),
      'process.pid': client.pid,
      'process.parent_pid': process.pid,
      ...endsOf('client', end!['network.local.port'] as number, port),
      ...isTcp,
      'network.connection.state': 'closed',
      'ringtail.session.previous_state': 'syn_sent',
      'error.type': 'ECONNREFUSED',
      'ringtail.duration_ns': positive,
    },
  ]);
  expect(pathOf(failed['state'])).toBe('syn_sent closed');
});

test('datagrams arrive as a session from both ends', async (context) => {
  const { done, records } = await recordsOf(context, exchangeByUdp);
  const { client, port } = done;
  const common = await commonOf();
  // its socket is not connected, and has no address of its own
  const anywhere = { 'client.address': '0.0.0.0', 'network.local.address': '0.0.0.0' };
  const child = { 'process.pid': client.pid, 'process.parent_pid': process.pid };
  const asking = { ...common, ...child, ...endsOf('client', client.port, port), ...anywhere, ...isUdp };
  const ofClient = told(records, client.pid, port);
  expect(attributesOf(ofClient['start'])).toEqual([asking]);
  expect(attributesOf(ofClient['end'])).toEqual([{ ...asking, ...result(REQUEST.length, ANSWER.length) }]);
  const mine = { ...common, 'process.pid': process.pid, 'process.parent_pid': process.ppid };
  const answering = { ...mine, ...endsOf('server', client.port, port), ...isUdp };
  const ofServer = told(records, process.pid, port, client.port);
  expect(attributesOf(ofServer['start'])).toEqual([answering]);
  expect(attributesOf(ofServer['end'])).toEqual([{ ...answering, ...result(ANSWER.length, REQUEST.length) }]);
});
