/**
 * One trace of very many processes, through the product to a sink that counts: every span once, none an orphan, the books balanced, and what it costs. First with `ringtail run`,
 * whose memory must not grow with the trace, then with `ringtail trace`, which keeps spans for its tree.
 *
 * usage: node bench/trace-storm.ts [run|trace] [processes...]       needs root
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { computeLedger } from '../src/service/ledger.ts';
import { parsePrometheusText } from '../src/service/prometheus-text.ts';
import { otlp } from '../test/support/otlp.ts';

const only = process.argv.find((word) => word === 'run' || word === 'trace');
const numbers = process.argv
  .slice(2)
  .filter((word) => word !== only)
  .map(Number);
const sizes = numbers.length > 0 ? numbers : [10_000, 50_000, 200_000];
const ringtail = fileURLToPath(new URL('../bin/ringtail', import.meta.url));
const storm = fileURLToPath(new URL('../build/workloads/spawn-storm', import.meta.url));
const WORKERS = 4;
const DEADLINE_MS = 120_000;
const folder = mkdtempSync(join(tmpdir(), 'ringtail-bench-'));

const bodies: Buffer[] = [];
const sink = createServer((request, response) => {
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => void parts.push(part));
  request.on('end', () => {
    const body = Buffer.concat(parts);
    bodies.push(request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body);
    response.setHeader('content-type', 'application/x-protobuf').end();
  });
});
sink.listen(0, '127.0.0.1');
await once(sink, 'listening');
const { port } = sink.address() as AddressInfo;

type Request = {
  readonly resourceSpans: readonly {
    readonly scopeSpans: readonly {
      readonly spans: readonly { readonly traceId: Uint8Array; readonly spanId: Uint8Array; readonly parentSpanId: Uint8Array | null }[];
    }[];
  }[];
};

/** What came, once. */
const readSink = () => {
  const [ids, traces, parents] = [new Set<string>(), new Set<string>(), new Set<string>()];
  let spans = 0;
  for (const body of bodies.splice(0)) {
    const request = otlp.collector.trace.v1.ExportTraceServiceRequest.decode(body) as Request;
    for (const span of request.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans))) {
      spans++;
      ids.add(Buffer.from(span.spanId).toString('hex'));
      traces.add(Buffer.from(span.traceId).toString('hex'));
      if (span.parentSpanId !== null && span.parentSpanId.length > 0) parents.add(Buffer.from(span.parentSpanId).toString('hex'));
    }
  }
  const orphans = [...parents].filter((id) => !ids.has(id)).length;
  return `${spans} spans, ${ids.size} distinct, ${traces.size} trace, ${orphans} parents missing`;
};

const rssMib = (pid: number): number => {
  try {
    return Number(/^RssAnon:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
};
const watchRss = (pid: number): { readonly largest: () => number; stop(): void } => {
  let largest = 0;
  const timer = setInterval(() => (largest = Math.max(largest, rssMib(pid))), 50);
  return { largest: () => largest, stop: () => clearInterval(timer) };
};
/** CPU time of all threads that a process has, s. */
const cpuS = (pid: number): number =>
  readdirSync(`/proc/${pid}/task`).reduce((sum, tid) => sum + Number(readFileSync(`/proc/${pid}/task/${tid}/schedstat`, 'utf8').split(' ', 1)[0]), 0) / 1e9; // prettier-ignore

const outputOf = (child: ChildProcess): (() => string) => {
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (part: string) => (text += part));
  return () => text;
};
const until = async (what: string, condition: () => boolean | Promise<boolean>): Promise<void> => {
  const end = performance.now() + DEADLINE_MS;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`waited in vain for ${what}`);
    await sleep(20);
  }
};

const stormArgs = (processes: number): readonly string[] => ['-n', String(processes), '-w', String(WORKERS), '-l', '0'];
const rateOf = (processes: number, elapsedMs: number): string => `${elapsedMs} ms, ${(processes / elapsedMs).toFixed(1)} spans a ms`;

const run = async (processes: number): Promise<void> => {
  const metricsPort = 20_000 + (process.pid % 20_000);
  const config = join(folder, 'config.yaml');
  writeFileSync(
    config,
    JSON.stringify({
      receivers: { process: { traces: { roots: { executables: ['spawn-storm'] } } } },
      processors: { resolve_process: {}, resolve_user: {} },
      exporters: { otlp_http: { endpoint: `http://127.0.0.1:${port}` } },
      service: {
        telemetry: { metrics: { address: `127.0.0.1:${metricsPort}` } },
        pipelines: { traces: { receivers: ['process'], processors: ['resolve_process', 'resolve_user'], exporters: ['otlp_http'] } },
      },
    }),
  );
  const child = spawn(ringtail, ['run', '--config', config], { stdio: ['ignore', 'pipe', 'pipe'] });
  const log = outputOf(child);
  await until(`Ringtail to be ready\n${log()}`, () => log().includes('"ready"'));
  const books = async () => computeLedger(parsePrometheusText(await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text()));
  await books();
  const pid = child.pid!;
  const [beforeMib, beforeS, rss] = [rssMib(pid), cpuS(pid), watchRss(pid)];
  const load = spawn(storm, stormArgs(processes), { stdio: ['ignore', 'pipe', 'inherit'] });
  const told = outputOf(load);
  await once(load, 'close');
  const { elapsedMs } = JSON.parse(told()) as { readonly elapsedMs: number };
  const isThrough = async (): Promise<boolean> => {
    const { rows, balanced } = await books();
    const sent = rows.filter(({ book }) => book === 'exporter').reduce((sum, { parts }) => sum + (parts['sent'] ?? 0), 0);
    return balanced && sent >= processes + WORKERS + 1;
  };
  await until('all spans to be sent', isThrough).catch((error: unknown) => console.log(String(error)));
  const spentS = cpuS(pid) - beforeS;
  rss.stop();
  const { rows, balanced } = await books();
  const lost = rows.filter(({ book }) => book === 'kernel').reduce((sum, { parts }) => sum + (parts['lost'] ?? 0), 0);
  console.log(`run     ${processes} processes in ${rateOf(processes, elapsedMs)}; ${readSink()}`);
  console.log(
    `        RssAnon MiB: ${beforeMib.toFixed(0)} before, ${rss.largest().toFixed(0)} at most, ${rssMib(pid).toFixed(0)} after; ${((spentS * 1e6) / processes).toFixed(0)} µs of CPU a process; lost ${lost}; the books ${balanced ? 'balance' : 'do not balance'}`,
  );
  const ended = once(child, 'close');
  child.kill('SIGINT');
  await ended;
};

const trace = async (processes: number): Promise<void> => {
  const began = performance.now();
  const child = spawn(ringtail, ['trace', '--endpoint', `http://127.0.0.1:${port}`, '--', storm, ...stormArgs(processes)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [said, rss] = [outputOf(child), watchRss(child.pid!)];
  let toldMs = 0;
  child.stdout.on('data', () => (toldMs = performance.now()));
  const ended = once(child, 'close');
  await ended;
  rss.stop();
  const { elapsedMs } = JSON.parse(/^\{.*\}$/m.exec(said())![0]) as { readonly elapsedMs: number };
  console.log(`trace   ${processes} processes in ${rateOf(processes, elapsedMs)}; ${readSink()}`);
  console.log(
    `        RssAnon MiB: ${rss.largest().toFixed(0)} at most; printed and ended ${((performance.now() - toldMs) / 1000).toFixed(1)} s after the command, ${((performance.now() - began) / 1000).toFixed(1)} s in all`,
  );
  console.log(said().split('\n').filter((line) => !line.startsWith('{')).slice(0, 4).map((line) => `        ${line}`).join('\n')); // prettier-ignore
};

try {
  if (only !== 'trace') for (const size of sizes) await run(size);
  if (only !== 'run') for (const size of sizes) await trace(size);
} finally {
  rmSync(folder, { recursive: true, force: true });
  sink.close();
}
