/** What both protocols share: proxies, several endpoints, headers from files, compression, keepalive. */
import fc from 'fast-check';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import http2 from 'node:http2';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import zlib from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createSecret } from '../../src/core/config-types.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { otlpGrpcExporter } from '../../src/exporters/otlp-grpc/index.ts';
import { otlpGrpcConfig } from '../../src/exporters/otlp-grpc/config.ts';
import { createGrpcTransport } from '../../src/exporters/otlp-grpc/transport.ts';
import { otlpHttpExporter } from '../../src/exporters/otlp-http/index.ts';
import { balance } from '../../src/exporters/shared/balance.ts';
import { connectAll } from '../../src/exporters/shared/connections.ts';
import { parseEndpoint, type Endpoint } from '../../src/exporters/shared/endpoint.ts';
import { proxyFor } from '../../src/exporters/shared/proxy.ts';
import type { Outcome, Transport } from '../../src/exporters/shared/transport.ts';
import { decodeRequest, encodeResponse } from '../support/otlp.ts';
import { badH2Server, badHttpServer } from './bad-server.ts';
import { deadPort, listening } from './loopback.ts';
import { imbalance, itemsOf, settingsFor, textBatch, until } from './support.ts';

type Protocol = 'grpc' | 'http';
type Received = { readonly headers: Readonly<Record<string, unknown>>; readonly records: number; readonly path: string };

const inflate = (encoding: unknown, bytes: Buffer): Buffer =>
  encoding === 'gzip' ? zlib.gunzipSync(bytes) : encoding === 'zstd' ? zlib.zstdDecompressSync(bytes) : bytes;

const bodyOf = async (stream: AsyncIterable<Buffer>): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
};

/** Takes everything; `refuse` may answer 401 or UNAUTHENTICATED. */
const serve = async (protocol: Protocol, refuse: (headers: Readonly<Record<string, unknown>>) => boolean = () => false) => {
  const received: Received[] = [];
  const note = (headers: Readonly<Record<string, unknown>>, path: string, body: Buffer): void =>
    void received.push({ headers, path, records: decodeRequest(body).records.length });
  if (protocol === 'http') {
    const server = createServer(async (request: IncomingMessage, response) => {
      const body = await bodyOf(request);
      note(request.headers, request.url ?? '', inflate(request.headers['content-encoding'], body));
      response.writeHead(refuse(request.headers) ? 401 : 200).end();
    });
    return { port: await listening(server), received };
  }
  const server = http2.createServer();
  server.on('stream', async (stream, headers) => {
    stream.on('error', () => {});
    const body = await bodyOf(stream);
    const message = body.subarray(5, 5 + body.readUInt32BE(1));
    note(headers, headers[':path'] ?? '', body[0] === 1 ? inflate(headers['grpc-encoding'], message) : message);
    const status = refuse(headers) ? '16' : '0';
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': status }));
    stream.end(Buffer.concat([Buffer.alloc(5), encodeResponse()]));
  });
  return { port: await listening(server), received };
};

const exporterTo = async (protocol: Protocol, config: object) => {
  const { settings, counters, warnings } = settingsFor(`otlp_${protocol}`);
  const factory = protocol === 'grpc' ? otlpGrpcExporter : otlpHttpExporter;
  const retry = { initial_interval: '5ms', max_interval: '20ms' };
  const exporter = factory.create(settings, factory.config.parse({ flush_interval: '1ms', retry_on_failure: retry, ...config }) as never);
  await exporter.start();
  onTestFinished(() => exporter.stop(0));
  return { exporter, counters, warnings, items: () => itemsOf(counters) };
};

/** A proxy that takes `user:pass` or nobody, and remembers what it was asked for. */
const startProxy = async () => {
  const asked: string[] = [];
  const credentials = `Basic ${Buffer.from('user:p@ss').toString('base64')}`;
  const server = createServer(async (request, response) => {
    asked.push(`${request.method} ${request.url}`);
    if (request.headers['proxy-authorization'] !== credentials) return void response.writeHead(407).end();
    const target = new URL(request.url!);
    const answer = await fetch(target, { method: 'POST', headers: { 'content-type': 'x' }, body: new Uint8Array(await bodyOf(request)) });
    response.writeHead(answer.status).end();
  });
  server.on('connect', (request, socket: Socket) => {
    asked.push(`CONNECT ${request.url}`);
    if (request.headers['proxy-authorization'] !== credentials) return void socket.end('HTTP/1.1 407 Who\r\n\r\n');
    const [host, port] = request.url!.split(':') as [string, string];
    const onward = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 Go\r\n\r\n');
      socket.pipe(onward).pipe(socket);
    });
    onward.on('error', () => socket.destroy());
    socket.on('error', () => onward.destroy());
    onTestFinished(() => void onward.destroy());
  });
  return { port: await listening(server), asked };
};

describe.each(['grpc', 'http'] as const)('otlp_%s', (protocol) => {
  it.each([
    ['gzip', 1],
    ['gzip', 9],
    ['zstd', 1],
    ['zstd', 19],
  ])('compresses by %s at level %d', async (compression, level) => {
    const { port, received } = await serve(protocol);
    const { exporter, items } = await exporterTo(protocol, {
      endpoint: `http://127.0.0.1:${port}`,
      compression,
      compression_params: { level },
    });
    exporter.logs!(textBatch(50, 100));
    await until(() => items()['sent'] === 50);
    expect(received).toMatchObject([
      { records: 50, headers: { [protocol === 'grpc' ? 'grpc-encoding' : 'content-encoding']: compression } },
    ]);
  });

  it('goes through a proxy with its credentials', async () => {
    const { port, received } = await serve(protocol);
    const proxy = await startProxy();
    const proxy_url = `http://user:p%40ss@127.0.0.1:${proxy.port}`;
    const { exporter, items, warnings } = await exporterTo(protocol, { endpoint: `http://127.0.0.1:${port}`, proxy_url });
    exporter.logs!(textBatch(2));
    await until(() => items()['sent'] === 2 || warnings.length > 0);
    expect(warnings).toEqual([]);
    expect(received).toHaveLength(1);
    expect(proxy.asked).toEqual([protocol === 'grpc' ? `CONNECT 127.0.0.1:${port}` : `POST http://127.0.0.1:${port}/v1/logs`]);
  });

  it('says what a proxy has against it, without the password', async () => {
    const proxy = await startProxy();
    const { exporter, items, warnings } = await exporterTo(protocol, {
      endpoint: 'https://collector.example',
      proxy_url: `http://user:canary@127.0.0.1:${proxy.port}`,
      retry_on_failure: { enabled: false },
    });
    exporter.logs!(textBatch(1));
    await until(() => items()['failed/retry_disabled'] === 1);
    expect(String(warnings[0]!.fields['error'])).toMatch(/proxy 127\.0\.0\.1:\d+: it wants other credentials than those in proxy_url/);
    expect(JSON.stringify(warnings)).not.toContain('canary');
  });

  it('takes a token that changed, at once when the old one is refused', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ringtail-token-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'token');
    writeFileSync(file, 'Bearer first-token\n');
    let valid = 'Bearer first-token';
    const { port, received } = await serve(protocol, ({ authorization }) => authorization !== valid);
    const { exporter, items, warnings } = await exporterTo(protocol, {
      endpoint: `http://127.0.0.1:${port}`,
      headers: { 'X-Scope': 'edge' },
      headers_files: { Authorization: file },
    });
    exporter.logs!(textBatch(1));
    await until(() => items()['sent'] === 1);
    valid = 'Bearer second-token';
    writeFileSync(file, valid);
    exporter.logs!(textBatch(1));
    await until(() => items()['sent'] === 2);
    expect(received.map(({ headers }) => headers['authorization'])).toEqual([
      'Bearer first-token',
      'Bearer first-token',
      'Bearer second-token',
    ]);
    expect(received[0]!.headers).toMatchObject({ 'x-scope': 'edge' });
    expect(warnings).toEqual([]);
    // refused for good: the file holds nothing else
    valid = 'another';
    exporter.logs!(textBatch(1));
    await until(() => items()['failed/permanent'] === 1);
    writeFileSync(file, 'two\nlines');
    exporter.logs!(textBatch(1));
    await until(() => items()['failed/permanent'] === 2);
    expect(warnings.map(({ message }) => message)).toContain('changed headers cannot be used; the ones before stay');
    expect(JSON.stringify(warnings)).not.toContain('token"');
  });

  it.each([
    ['nothing', () => undefined, /headers_files\.authorization cannot be read: ENOENT/],
    ['an empty file', (file: string) => writeFileSync(file, ' \n'), /headers_files\.authorization: .* is empty/],
    ['too much', (file: string) => writeFileSync(file, 'x'.repeat(20_000)), /headers_files\.authorization cannot be read: larger than/],
  ])('does not start with %s instead of a token', async (_case, write, message) => {
    const folder = mkdtempSync(join(tmpdir(), 'ringtail-token-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    write(join(folder, 'token'));
    await expect(exporterTo(protocol, { headers_files: { authorization: join(folder, 'token') } })).rejects.toThrow(message);
  });

  it('does not show a header that the other side repeats', async () => {
    const http = await badHttpServer((socket) => socket.write('HTTP/1.1 400 No\r\ncontent-length: 24\r\n\r\nbad token canary-1234567'));
    const h2 = await badH2Server({
      onRequest: (peer, stream) =>
        peer.answer(stream, encodeResponse(), { 'grpc-status': '3', 'grpc-message': 'bad token canary-1234567' }),
    });
    const { port } = protocol === 'http' ? http : h2;
    const { exporter, items, warnings } = await exporterTo(protocol, {
      endpoint: `http://127.0.0.1:${port}`,
      headers: { authorization: 'Bearer canary-1234567' },
    });
    exporter.logs!(textBatch(1));
    await until(() => items()['failed/permanent'] === 1);
    expect(String(warnings[0]!.fields['error'])).toMatch(/bad token \[REDACTED\]/);
  });

  it('sends to the endpoints in turn, and a dead one costs nothing', async () => {
    const servers = [await serve(protocol), await serve(protocol)];
    const ports = [servers[0]!.port, await deadPort(), servers[1]!.port];
    const { exporter, items, warnings, counters } = await exporterTo(protocol, {
      endpoints: ports.map((port) => `http://127.0.0.1:${port}`),
      sending_queue: { num_consumers: 1 },
    });
    for (let i = 1; i <= 12; i++) {
      exporter.logs!(textBatch(1));
      await until(() => items()['sent'] === i);
    }
    expect(warnings).toEqual([]);
    expect(servers[0]!.received.length + servers[1]!.received.length).toBe(12);
    expect(Math.min(...servers.map(({ received }) => received.length))).toBeGreaterThanOrEqual(4);
    expect(imbalance(counters)).toBe(0);
  });
});

describe('several endpoints', () => {
  /** Fails while its flag is set; counts what it was asked. */
  const member = () => {
    const state = { down: false, asked: 0 };
    const transport: Transport = {
      async send(): Promise<Outcome> {
        state.asked++;
        return state.down ? { kind: 'retryable', message: 'down' } : { kind: 'success' };
      },
      close() {},
    };
    return { state, transport };
  };

  it('fail only when all do, and a dead one is asked at most once a rest', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('round_robin' as const, 'failover' as const),
        fc.integer({ min: 2, max: 4 }),
        fc.array(fc.tuple(fc.nat({ max: 3 }), fc.boolean(), fc.nat({ max: 8000 })), { maxLength: 60 }),
        async (mode, count, steps) => {
          let now = 0;
          const members = Array.from({ length: count }, member);
          const balanced = balance(members.map(({ transport }) => transport), mode, () => now); // prettier-ignore
          const lastAskedMs = members.map(() => -Infinity);
          for (const [index, down, waitMs] of steps) {
            members[index % count]!.state.down = down;
            now += waitMs;
            const before = members.map(({ state }) => state.asked);
            const someWell = members.some(({ state }, i) => !state.down && now >= lastAskedMs[i]! + 30_000);
            const outcome = await balanced.send(Buffer.alloc(1), 1000, 'logs');
            expect(outcome.kind === 'success' || !someWell).toBe(true);
            for (const [i, { state }] of members.entries()) {
              expect(state.asked - before[i]!).toBeLessThanOrEqual(1);
              if (state.asked > before[i]!) lastAskedMs[i] = state.down ? now : -Infinity;
            }
          }
        },
      ),
    );
  });

  it('failover comes back to the first', async () => {
    let now = 0;
    const [first, second] = [member(), member()] as const;
    const balanced = balance([first.transport, second.transport], 'failover', () => now);
    const send = () => balanced.send(Buffer.alloc(1), 1000, 'logs');
    await send();
    expect([first.state.asked, second.state.asked]).toEqual([1, 0]);
    first.state.down = true;
    expect(await send()).toEqual({ kind: 'success' });
    for (let i = 0; i < 10; i++) await send();
    expect([first.state.asked, second.state.asked]).toEqual([2, 11]);
    first.state.down = false;
    now += 5000;
    for (let i = 0; i < 10; i++) await send();
    expect([first.state.asked, second.state.asked]).toEqual([12, 11]);
  });

  it('all of which are down say so together', async () => {
    const [first, second] = [member(), member()] as const;
    first.state.down = second.state.down = true;
    const balanced = balance([first.transport, second.transport], 'failover');
    expect(await balanced.send(Buffer.alloc(1), 1000, 'logs')).toEqual({ kind: 'retryable', message: 'down' });
    expect([first.state.asked, second.state.asked]).toEqual([1, 1]);
  });
});

describe('the proxy', () => {
  const env = {
    HTTPS_PROXY: 'http://secure.proxy:3128',
    http_proxy: 'plain.proxy:8080',
    NO_PROXY: 'direct.example, .inner.example,10.0.0.0/8,192.168.7.7,ported.example:99',
  };
  it.each<[string, string | undefined, string | undefined]>([
    ['https://gateway.example', undefined, 'secure.proxy:3128'],
    ['http://gateway.example', undefined, 'plain.proxy:8080'],
    ['https://direct.example', undefined, undefined],
    ['https://a.direct.example', undefined, undefined],
    ['https://indirect.example', undefined, 'secure.proxy:3128'],
    ['https://a.inner.example', undefined, undefined],
    ['https://10.1.2.3', undefined, undefined],
    ['https://11.1.2.3', undefined, 'secure.proxy:3128'],
    ['https://192.168.7.7', undefined, undefined],
    ['https://ported.example:99', undefined, undefined],
    ['https://ported.example:98', undefined, 'secure.proxy:3128'],
    ['https://127.0.0.1', undefined, undefined],
    ['https://localhost', undefined, undefined],
    ['https://localhost', 'https://other.proxy', 'other.proxy:443'],
    ['https://gateway.example', 'none', undefined],
  ])('for %s with proxy_url %s is %s', (endpoint, configured, wanted) => {
    const parsed = parseEndpoint(endpoint, true, 1) as Endpoint;
    const proxy = proxyFor(parsed, configured === undefined ? undefined : createSecret(configured), { plainUsesHttp: true, env });
    expect(proxy && `${proxy.host}:${proxy.port}`).toBe(wanted);
  });

  it('of the environment that is none is told by its name and not by its text', () => {
    const endpoint = parseEndpoint('https://gateway.example', false, 1) as Endpoint;
    const options = { plainUsesHttp: true, env: { https_proxy: 'socks5://user:canary@x' } };
    expect(() => proxyFor(endpoint, undefined, options)).toThrow(/^the environment variable https_proxy is not the URL of an HTTP proxy$/);
  });
});

describe('keepalive', () => {
  const connectTo = (
    port: number,
    keepalive: { readonly timeMs: number; readonly timeoutMs: number; readonly permitWithoutStream: boolean },
  ) =>
    connectAll(
      {
        config: otlpGrpcConfig.parse({}),
        endpoints: [{ secure: false, host: '127.0.0.1', port, path: '' }],
        logger: silentLogger,
        alwaysTunnel: true,
      },
      (connection) => createGrpcTransport({ connection, compression: 'none', keepalive, userAgent: 'x' }),
    );
  const request = Buffer.alloc(0);

  it('gives up a connection that does not answer, long before the request would', async () => {
    const { port, connections } = await badH2Server({ onRequest: () => {}, onPing: () => {} });
    const transport = await connectTo(port, { timeMs: 20, timeoutMs: 20, permitWithoutStream: false });
    onTestFinished(() => transport.close());
    expect(await transport.send(request, 60_000, 'logs')).toMatchObject({
      kind: 'retryable',
      message: expect.stringMatching(/did not answer a ping within 20 ms/),
    });
    expect(connections()).toBe(1);
  });

  it('keeps one that answers, and asks no idle one unless it may', async () => {
    let pings = 0;
    let idlePings = 0;
    const script = {
      onRequest: (peer: { answer(stream: number, bytes: Uint8Array): void }, stream: number) => peer.answer(stream, encodeResponse()),
    };
    const asked = await badH2Server({
      ...script,
      onPing(peer, payload) {
        pings++;
        peer.send(Buffer.concat([Buffer.from([0, 0, 8, 6, 1, 0, 0, 0, 0]), payload]));
      },
    });
    const idle = await badH2Server({ ...script, onPing: () => void idlePings++ });
    const one = await connectTo(asked.port, { timeMs: 5, timeoutMs: 5000, permitWithoutStream: true });
    const other = await connectTo(idle.port, { timeMs: 5, timeoutMs: 60_000, permitWithoutStream: false });
    onTestFinished(() => (one.close(), other.close()));
    for (const transport of [one, other]) expect(await transport.send(request, 5000, 'logs')).toEqual({ kind: 'success' });
    await until(() => pings > 30);
    // while the request was under way there may have been some
    expect(idlePings).toBeLessThan(5);
    for (const transport of [one, other]) expect(await transport.send(request, 5000, 'logs')).toEqual({ kind: 'success' });
    expect([asked.connections(), idle.connections()]).toEqual([1, 1]);
  });
});
