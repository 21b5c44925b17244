/** HTTP between own servers and clients, over short and long connections. */
import http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { isIPv6 } from 'node:net';
import type { Counts } from './truth.ts';

const ANSWER_MS = 5000;
const paths = ['/orders', '/search?q=ring', '/cart', '/images/7', '/login'];
/** Bytes of a response's body, by the number of the request. */
const sizes = [300, 2_000, 700, 12_000, 1_500, 400, 64_000, 900, 5_000, 250_000];
const POST_BYTES = 900;

export type Target = { readonly address: string; readonly port: number };
export type HttpServer = { readonly listening: readonly Target[]; stop(): Promise<void> };

const follow = (counts: Counts, socket: Socket): void => {
  counts.sessions += 1;
  if (isIPv6(socket.localAddress ?? socket.remoteAddress ?? '')) counts.sessionsIpv6 += 1;
  socket.once('close', () => {
    counts.sentBytes += socket.bytesWritten;
    counts.receivedBytes += socket.bytesRead;
  });
};

const listen = async (server: http.Server, address: string, preferred: number): Promise<Target> => {
  const attempt = (port: number) =>
    new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, address, () => {
        server.off('error', reject);
        resolve();
      });
    });
  await attempt(preferred).catch(() => attempt(0));
  return { address, port: (server.address() as AddressInfo).port };
};

/** Listens at each of these addresses, at the preferred port where it is free. */
export const serveHttp = async (counts: Counts, addresses: readonly string[], preferred: number): Promise<HttpServer> => {
  const open = new Set<Socket>();
  const idle: (() => void)[] = [];
  const servers: http.Server[] = [];
  const listening: Target[] = [];
  for (const address of addresses) {
    // what is idle stays: the clients end it
    const server = http.createServer({ keepAliveTimeout: 0, requestTimeout: 0 }, (request, response) => {
      request.resume().once('end', () => {
        counts.requests += 1;
        response.end(Buffer.alloc(sizes[Number(request.headers['x-demo-request'] ?? 0) % sizes.length]!, 'ringtail '));
      });
    });
    server.on('connection', (socket) => {
      open.add(socket);
      follow(counts, socket);
      socket.once('close', () => {
        open.delete(socket);
        if (open.size === 0) for (const resolve of idle.splice(0)) resolve();
      });
    });
    listening.push(await listen(server, address, preferred));
    servers.push(server);
  }
  return {
    listening,
    async stop() {
      for (const server of servers) server.close();
      if (open.size > 0) await new Promise<void>((resolve) => idle.push(resolve));
    },
  };
};

/** One after another: each request ends before the next begins. */
export const createHttpClient = (counts: Counts, targets: readonly Target[]) => {
  const seen = new WeakSet<Socket>();
  const ends: Promise<void>[] = [];
  const longLived = targets.map(() => new http.Agent({ keepAlive: true, maxSockets: 1 }));

  const ask = (target: Target, agent: http.Agent | false, index: number): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const posts = index % 3 === 0;
    const request = http.request({
      host: target.address,
      port: target.port,
      agent,
      method: posts ? 'POST' : 'GET',
      path: paths[index % paths.length]!,
      headers: { 'x-demo-request': String(index) },
      timeout: ANSWER_MS,
    });
    let answered = false;
    request.on('socket', (socket) => {
      if (seen.has(socket)) return;
      seen.add(socket);
      ends.push(new Promise((closed) => void socket.once('close', () => closed())));
      socket.once('connect', () => follow(counts, socket));
    });
    request.on('response', (response) => {
      response.on('error', () => {});
      response.resume().once('end', () => (answered = true));
    });
    request.on('timeout', () => request.destroy(new Error('no answer')));
    request.on('error', () => {});
    request.on('close', () => {
      counts[answered ? 'requests' : 'failed'] += 1;
      resolve();
    });
    request.end(posts ? Buffer.alloc(POST_BYTES, 'x') : undefined);
    return promise;
  };

  return {
    /** Half of them over long connections, one for each target; half over connections of their own. */
    async request(index: number): Promise<void> {
      const at = index % targets.length;
      const long = Math.floor(index / targets.length) % 2 === 0;
      await ask(targets[at]!, long ? longLived[at]! : false, index);
    },
    async stop(): Promise<void> {
      for (const agent of longLived) agent.destroy();
      await Promise.all(ends);
    },
  };
};
