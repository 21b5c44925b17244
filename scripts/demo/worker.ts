/**
 * One process of the generator: a server or a client. Orders come as lines of JSON on standard input, answers go out on standard output. It ends when
 * standard input does, so that nothing of it outlives who began it.
 */
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { createDnsClient, serveDns } from './dns-traffic.ts';
import { createExecClient } from './exec-traffic.ts';
import { createFileClient } from './file-traffic.ts';
import { createHttpClient, serveHttp, type Target } from './http-traffic.ts';
import { type Choice, typeOfRequest } from './options.ts';
import { type ByType, noTypes, type TrafficType } from './truth.ts';

export type Order =
  | { readonly do: 'serve'; readonly addresses: readonly string[]; readonly httpPort: number; readonly dnsPort: number }
  | {
      readonly do: 'run';
      readonly type: Choice;
      readonly requests: number;
      /** Requests a second; 0: as fast as they go. */
      readonly rate: number;
      readonly durationMs: number;
      /** The first one comes so late: clients take turns. */
      readonly offsetMs: number;
      readonly folder: string;
      readonly http: readonly Target[];
      readonly dns: readonly Target[];
    }
  /** What runs ends after its request, what serves when its last connection is over. */
  | { readonly do: 'end' };

export type Answer =
  | { readonly type: 'hello' }
  | { readonly type: 'serving'; readonly http: readonly Target[]; readonly dns: readonly Target[] }
  | { readonly type: 'progress'; readonly requests: number }
  /** The client is through; `late`: because its time was over. */
  | { readonly type: 'through'; readonly late: boolean }
  | { readonly type: 'truth'; readonly types: ByType; readonly programs: Readonly<Record<string, number>> };

const PROGRESS_MS = 500;

const say = (answer: Answer): void => void process.stdout.write(`${JSON.stringify(answer)}\n`);

const types = noTypes();
const programs: Record<string, number> = {};
const endings: (() => Promise<void>)[] = [];
const ending = new AbortController();
let running: Promise<void> | undefined;

const serve = async ({ addresses, httpPort, dnsPort }: Extract<Order, { do: 'serve' }>): Promise<void> => {
  const http = await serveHttp(types.http, addresses, httpPort);
  const dns = await serveDns(types.udp, addresses, dnsPort);
  endings.push(http.stop, dns.stop);
  say({ type: 'serving', http: http.listening, dns: dns.listening });
};

const makeTraffic = async (order: Extract<Order, { do: 'run' }>): Promise<void> => {
  const { type, requests, rate, durationMs, offsetMs, folder, http, dns } = order;
  const clients: Record<TrafficType, { request(index: number): Promise<void>; stop(): Promise<void> }> = {
    http: createHttpClient(types.http, http),
    udp: createDnsClient(types.udp, dns),
    files: createFileClient(types.files, folder),
    exec: createExecClient(types.exec, programs),
  };
  const made: Record<TrafficType, number> = { http: 0, udp: 0, files: 0, exec: 0 };
  const beginMs = performance.now();
  let done = 0;
  const timer = setInterval(() => say({ type: 'progress', requests: done }), PROGRESS_MS);
  while (done < requests && !ending.signal.aborted) {
    const nowMs = performance.now() - beginMs;
    if (nowMs >= durationMs) break;
    const dueMs = rate === 0 ? 0 : offsetMs + (done * 1000) / rate;
    // in short steps, so that the end does not wait for a slow rate
    if (dueMs > nowMs) {
      await wait(Math.min(dueMs - nowMs, durationMs - nowMs, 100));
      continue;
    }
    const of = typeOfRequest(type, done++);
    await clients[of].request(made[of]++);
  }
  clearInterval(timer);
  for (const client of Object.values(clients)) await client.stop();
  say({ type: 'through', late: done < requests && !ending.signal.aborted });
};

const obey = async (order: Order): Promise<void> => {
  switch (order.do) {
    case 'serve':
      return serve(order);
    case 'run':
      running = makeTraffic(order);
      return running;
    case 'end':
      ending.abort();
      await running;
      for (const end of endings.splice(0)) await end();
      return say({ type: 'truth', types, programs });
  }
};

const die = (error: unknown): never => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exit(1);
};
process.on('uncaughtException', die);
process.on('unhandledRejection', die);
// of the terminal: who began it decides
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
// nobody is there to be told
process.stdout.on('error', () => process.exit(1));

createInterface({ input: process.stdin })
  .on('line', (line) => void obey(JSON.parse(line) as Order).catch(die))
  .on('close', () => process.exit(0));
say({ type: 'hello' });
