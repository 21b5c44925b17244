/**
 * Log records a CPU second into a real Collector that throws them away, by each protocol and compression: Ringtail from its ring on (drain,
 * pipeline, encoding, compression, sending), beside a Collector that forwards the same records in requests of the same size (otlp receiver →
 * otlp exporter), in interleaved rounds of one run. CPU is that of the one process that is judged, all threads; who receives is not counted.
 * The receiving Collector's own count says that everything arrived.
 *
 * usage: node bench/delivery.ts [rounds [exec|small...]]
 */
import { execFileSync, fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLogWriter } from '../src/otlp/log-writer.ts';
import type { RoundResult, SenderOptions } from './delivery-sender.ts';
import { openDoor, openPipeline } from './door.ts';
import { quartiles, ratios, show } from './measure.ts';
import { execs, small } from './ring-workloads.ts';

const rounds = Number(process.argv[2] ?? 30);
const workloads = process.argv.length > 3 ? process.argv.slice(3) : ['small', 'exec'];
const WARM_UP_ROUNDS = 4;
const INJECTIONS = 8;
const GOAL_A_SECOND = 500_000;
const GOAL_TIMES = 3;
const DEADLINE_MS = 60_000;
const POLL_MS = 5;

const until = async (what: string, condition: () => boolean | Promise<boolean>): Promise<void> => {
  const end = performance.now() + DEADLINE_MS;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`waited in vain for ${what}`);
    await sleep(POLL_MS);
  }
};

const freePorts = async (count: number): Promise<readonly number[]> => {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
};

/** CPU of all threads that the process has now, ns. Threads of a Collector stay. */
const cpuNsOf = (pid: number): number =>
  readdirSync(`/proc/${pid}/task`).reduce((sum, tid) => {
    try {
      return sum + Number(readFileSync(`/proc/${pid}/task/${tid}/schedstat`, 'utf8').split(' ', 1)[0]);
    } catch {
      return sum;
    }
  }, 0);

const folder = mkdtempSync(join(tmpdir(), 'ringtail-delivery-'));
const binary = execFileSync(process.execPath, [join(import.meta.dirname, '../scripts/backends.mjs')], { encoding: 'utf8' }).trim();
const children = new Set<ChildProcess>();

type Collector = {
  readonly pid: number;
  readonly grpcPort: number;
  readonly httpPort: number;
  accepted(): Promise<number>;
  stop(): Promise<void>;
};

/** `exporter` is the text of its one exporter with its id. */
const startCollector = async (name: string, id: string, exporter: string): Promise<Collector> => {
  const [grpcPort, httpPort, metricsPort] = (await freePorts(3)) as [number, number, number];
  const file = join(folder, `${name}.yaml`);
  writeFileSync(
    file,
    `receivers:
  otlp:
    protocols:
      grpc: {endpoint: "127.0.0.1:${grpcPort}"}
      http: {endpoint: "127.0.0.1:${httpPort}"}
exporters:
  ${exporter}
service:
  telemetry:
    logs: {level: error}
    metrics:
      readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: ${metricsPort}}}}}]
  pipelines:
    logs: {receivers: [otlp], exporters: [${id}]}
`,
  );
  const child = spawn(binary, ['--config', file], { stdio: ['ignore', 'ignore', 'inherit'] });
  children.add(child);
  const accepted = async (): Promise<number> => {
    const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
    return [...text.matchAll(/^otelcol_receiver_accepted_log_records\S* (\S+)$/gm)].reduce((sum, [, value]) => sum + Number(value), 0);
  };
  const ends = new AbortController();
  child.once('exit', () => ends.abort(new Error(`the Collector ${name} ended`)));
  await until('the Collector to answer', async () => {
    ends.signal.throwIfAborted();
    return await accepted().then(
      () => true,
      () => false,
    );
  });
  return {
    pid: child.pid!,
    grpcPort,
    httpPort,
    accepted,
    async stop() {
      children.delete(child);
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    },
  };
};

/** The requests of one round, as the product would send them. */
const requestsOf = async (
  workload: SenderOptions['workload'],
): Promise<{ readonly requests: readonly Buffer[]; readonly records: number }> => {
  const ring = workload === 'exec' ? execs() : small();
  const requests: Buffer[] = [];
  let records = 0;
  const writer = createLogWriter({
    resource: [['service.name', 'ringtail']],
    version: '0.0.0',
    onRequest(request) {
      requests.push(request.bytes);
      records += request.records;
    },
  });
  const pipeline = openPipeline(ring);
  const door = openDoor(pipeline.hub);
  pipeline.onBatch = (batch) => writer.append(batch);
  for (let injection = 0; injection < INJECTIONS; injection++) {
    ring.renew(injection);
    door.fill(ring);
    await door.run();
  }
  writer.flush();
  door.session.close();
  return { requests, records };
};

const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
const post = (port: number, body: Buffer): Promise<void> =>
  new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/x-protobuf', 'content-length': body.length };
    const request = http.request({ agent, method: 'POST', host: '127.0.0.1', port, path: '/v1/logs', headers }, (response) => {
      response.resume();
      response.on('end', () => (response.statusCode === 200 ? resolve() : reject(new Error(`the Collector said ${response.statusCode}`))));
    });
    request.on('error', reject);
    request.end(body);
  });

const measure = async (sink: Collector, combination: Omit<SenderOptions, 'address' | 'injections'>): Promise<void> => {
  const { workload, protocol, compression } = combination;
  const port = protocol === 'grpc' ? sink.grpcPort : sink.httpPort;
  const options: SenderOptions = { ...combination, address: `127.0.0.1:${port}`, injections: INJECTIONS };
  const sender = fork(join(import.meta.dirname, 'delivery-sender.ts'), [JSON.stringify(options)], {
    execArgv: ['--max-semi-space-size=4', '--max-old-space-size=256'],
    env: { ...process.env, MALLOC_ARENA_MAX: '2' },
  });
  children.add(sender);
  await once(sender, 'message');
  const endpoint = protocol === 'grpc' ? `127.0.0.1:${port}` : `http://127.0.0.1:${port}`;
  const params =
    compression === 'zstd' ? ', compression_params: {level: 1}' : compression === 'gzip' ? ', compression_params: {level: 1}' : '';
  const forwarder = await startCollector(
    'forwarder',
    `otlp_${protocol}`,
    `otlp_${protocol}: {endpoint: "${endpoint}", compression: ${compression}${protocol === 'http' ? params : ''}, tls: {insecure: true}}`,
  );
  const { requests, records } = await requestsOf(workload);

  const own = async (): Promise<number> => {
    const before = await sink.accepted();
    sender.send('round');
    const [result] = (await once(sender, 'message')) as [RoundResult];
    const arrived = (await sink.accepted()) - before;
    if (arrived !== result.records) throw new Error(`${arrived} of ${result.records} records arrived`);
    return result.cpuNs / result.records;
  };
  const theirs = async (): Promise<number> => {
    const before = await sink.accepted();
    const cpuBefore = cpuNsOf(forwarder.pid);
    await Promise.all(requests.map((body) => post(forwarder.httpPort, body)));
    await until('the Collector to forward', async () => (await sink.accepted()) - before >= records);
    return (cpuNsOf(forwarder.pid) - cpuBefore) / records;
  };

  const ours: number[] = [];
  const peer: number[] = [];
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
    const first = await own();
    const second = await theirs();
    if (round < 0) continue;
    ours.push(first);
    peer.push(second);
  }
  const perSecond = (values: readonly number[]) => quartiles(values.map((ns) => 1e9 / ns / 1000));
  const times = ratios(peer, ours);
  console.log(
    `  ${protocol.padEnd(4)} ${compression.padEnd(4)}  Ringtail ${show(perSecond(ours)).padStart(18)}  Collector ${show(perSecond(peer)).padStart(16)}  ` +
      `(thousand records a CPU second)   ${show(times, 2)} times the Collector`,
  );
  if (protocol === 'http' && compression === 'zstd') {
    const { median } = perSecond(ours);
    console.log(`    goal ${GOAL_A_SECOND / 1000} thousand: ${median * 1000 >= GOAL_A_SECOND ? 'reached' : 'missed'}`);
    console.log(`    goal ${GOAL_TIMES} times the Collector: ${times.median >= GOAL_TIMES ? 'reached' : 'missed'}`);
  }
  sender.disconnect();
  await once(sender, 'exit');
  children.delete(sender);
  await forwarder.stop();
};

try {
  const sink = await startCollector('sink', 'nop', 'nop:');
  for (const workload of workloads as readonly SenderOptions['workload'][]) {
    const { requests, records } = await requestsOf(workload);
    const bytes = requests.reduce((sum, { length }) => sum + length, 0);
    console.log(`${workload} records, ${Math.round(bytes / records)} bytes each; ${rounds} rounds of ${records}, median [quartiles]`);
    for (const protocol of ['grpc', 'http'] as const)
      for (const compression of ['none', 'gzip', 'zstd'] as const) await measure(sink, { workload, protocol, compression });
  }
  await sink.stop();
} finally {
  for (const child of children) child.kill('SIGKILL');
  agent.destroy();
  rmSync(folder, { recursive: true, force: true });
}
