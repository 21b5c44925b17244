import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import zlib from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import type { Exporter } from '../../src/core/component.ts';
import { otlpHttpExporter } from '../../src/exporters/otlp-http/index.ts';
import { otlpHttpConfig } from '../../src/exporters/otlp-http/config.ts';
import { retryAfterMs } from '../../src/exporters/otlp-http/transport.ts';
import { decodeRequest, encodeResponse } from '../support/otlp.ts';
import { itemsOf, settingsFor, textBatch, until } from './support.ts';

type Received = { readonly headers: IncomingMessage['headers']; readonly url: string; readonly texts: readonly unknown[] };
type Answer = (response: ServerResponse, count: number) => void;

const closers: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

const bodyOf = async (request: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  const encoding = request.headers['content-encoding'];
  return encoding === 'gzip' ? zlib.gunzipSync(body) : encoding === 'zstd' ? zlib.zstdDecompressSync(body) : body;
};

const ok: Answer = (response) => response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end(encodeResponse());

const listen = async (server: Server, port = 0): Promise<number> => {
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  closers.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
};

const serve = async (answer: Answer = ok, port = 0) => {
  const received: Received[] = [];
  let connections = 0;
  const server = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      const texts = decodeRequest(body).records.map(({ attributes }) => attributes.at(-1)![1]);
      received.push({ headers: request.headers, url: request.url!, texts });
      answer(response, received.length);
    });
  });
  server.on('connection', () => connections++);
  return { server, port: await listen(server, port), received, connections: () => connections };
};

const exporterTo = async (port: number, config: object = {}) => {
  const { settings, counters, warnings } = settingsFor('otlp_http');
  const parsed = otlpHttpConfig.parse({
    endpoint: `http://127.0.0.1:${port}`,
    flush_interval: '1ms',
    retry_on_failure: { initial_interval: '5ms', max_interval: '20ms' },
    ...config,
  });
  const exporter: Exporter = otlpHttpExporter.create(settings, parsed as never);
  await exporter.start();
  closers.push(() => exporter.stop(0));
  return { exporter, counters, warnings, items: () => itemsOf(counters) };
};

/** A port on which nothing listens. */
const freePort = async (): Promise<number> => {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
};

describe('otlp_http', () => {
  it.each(['none', 'gzip', 'zstd'] as const)('sends requests with compression %s over kept connections', async (compression) => {
    const { port, received, connections } = await serve();
    const { exporter, items } = await exporterTo(port, { compression, headers: { 'x-scope-orgid': 'edge' } });
    for (let i = 0; i < 3; i++) {
      exporter.logs!(textBatch(2, 3, i * 2));
      await until(() => items()['sent'] === (i + 1) * 2);
    }
    expect(received.flatMap(({ texts }) => texts)).toEqual(['0 x', '1 x', '2 x', '3 x', '4 x', '5 x']);
    expect(received[0]!.url).toBe('/v1/logs');
    expect(received[0]!.headers).toMatchObject({
      'content-type': 'application/x-protobuf',
      'user-agent': 'ringtail/1.2.3',
      'x-scope-orgid': 'edge',
    });
    expect(received[0]!.headers['content-encoding']).toBe(compression === 'none' ? undefined : compression);
    expect(connections()).toBe(1);
  });

  it.each([
    ['/base/', {}, '/base/v1/logs'],
    ['', { logs_endpoint: true }, '/custom'],
  ])('takes the path from %s %o', async (path, extra, wanted) => {
    const { port, received } = await serve();
    const config = 'logs_endpoint' in extra ? { logs_endpoint: `http://127.0.0.1:${port}/custom` } : {};
    const { exporter, items } = await exporterTo(port, { endpoint: `http://127.0.0.1:${port}${path}`, ...config });
    exporter.logs!(textBatch(1));
    await until(() => items()['sent'] === 1);
    expect(received[0]!.url).toBe(wanted);
  });

  it.each([429, 502, 503, 504])('tries again after status %d and heeds Retry-After', async (status) => {
    const { port, received } = await serve((response, count) =>
      count < 3 ? response.writeHead(status, { 'retry-after': '0' }).end('busy') : ok(response, count),
    );
    const { exporter, items, warnings } = await exporterTo(port);
    exporter.logs!(textBatch(2));
    await until(() => items()['sent'] === 2);
    expect(received).toHaveLength(3);
    expect(warnings[0]!.fields).toMatchObject({ error: `HTTP status ${status}: busy` });
  });

  it.each([400, 401, 500])('gives up after status %d', async (status) => {
    const { port, received } = await serve((response) => response.writeHead(status, { 'content-type': 'text/plain' }).end('\u001b[31mno'));
    const { exporter, items, warnings } = await exporterTo(port);
    exporter.logs!(textBatch(2));
    await until(() => items()['failed/permanent'] === 2);
    expect(received).toHaveLength(1);
    expect(warnings[0]!.fields).toMatchObject({ error: `HTTP status ${status}:  [31mno` });
  });

  it('halves what is too large, and gives up what is so alone', async () => {
    const { port, received } = await serve((response) => response.writeHead(413).end());
    const { exporter, items } = await exporterTo(port);
    exporter.logs!(textBatch(2));
    await until(() => items()['failed/too_large'] === 2);
    expect(received.map(({ texts }) => texts.length)).toEqual([2, 1, 1]);
  });

  it('says where a redirect leads, and does not go there', async () => {
    const { port, received } = await serve((response) => response.writeHead(308, { location: '/elsewhere?key=x' }).end());
    const { exporter, items, warnings } = await exporterTo(port);
    exporter.logs!(textBatch(1));
    await until(() => items()['failed/permanent'] === 1);
    expect(warnings[0]!.fields).toMatchObject({ error: 'HTTP status 308: redirects are not followed; it leads to /elsewhere' });
    expect(received).toHaveLength(1);
  });

  it('counts a partial success', async () => {
    const answer = encodeResponse({ rejectedLogRecords: 2, errorMessage: 'too old' });
    const { port } = await serve((response) => response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end(answer));
    const { exporter, items, warnings } = await exporterTo(port);
    exporter.logs!(textBatch(5));
    await until(() => items()['sent'] === 3);
    expect(items()).toEqual({ accepted: 5, sent: 3, 'rejected/partial_success': 2 });
    expect(warnings[0]!.fields).toEqual({ rejected: 2, answer: 'too old' });
  });

  it('keeps everything while nobody listens, and sends it then', async () => {
    const port = await freePort();
    const { exporter, items, warnings } = await exporterTo(port);
    exporter.logs!(textBatch(3));
    await until(() => warnings.length > 0);
    expect(String(warnings[0]!.fields['error'])).toContain('ECONNREFUSED');
    expect(items()).toEqual({ accepted: 3, held: 3 });
    await serve(ok, port);
    await until(() => items()['sent'] === 3);
    expect(items()).toEqual({ accepted: 3, sent: 3 });
  });

  it('uses another connection when a kept one was closed', async () => {
    // Ends every connection when its second request arrives, without an answer.
    const requestsOf = new WeakMap<object, number>();
    let answered = 0;
    const server = createServer((request, response) => {
      const count = (requestsOf.get(request.socket) ?? 0) + 1;
      requestsOf.set(request.socket, count);
      if (count > 1) return void request.socket.destroy();
      request.resume().on('end', () => {
        answered++;
        ok(response, answered);
      });
    });
    const { exporter, items, warnings } = await exporterTo(await listen(server), { retry_on_failure: { enabled: false } });
    for (let i = 1; i <= 3; i++) {
      exporter.logs!(textBatch(1));
      await until(() => items()['sent'] === i);
    }
    expect(answered).toBe(3);
    expect(warnings).toEqual([]);
  });

  it('takes no answer in time for a failure that may pass', async () => {
    const { port, received } = await serve((response, count) => (count === 1 ? undefined : ok(response, count)));
    const { exporter, items, warnings } = await exporterTo(port, { timeout: '50ms' });
    exporter.logs!(textBatch(1));
    await until(() => items()['sent'] === 1);
    expect(received).toHaveLength(2);
    expect(warnings[0]!.fields).toMatchObject({ error: 'no answer in time' });
  });

  it('reads no more of an answer than it needs', async () => {
    const { port } = await serve((response) => {
      response.writeHead(400, { 'content-type': 'text/plain' });
      const more = () => {
        while (!response.destroyed && response.write('x'.repeat(65_536)));
      };
      response.on('drain', more);
      more();
    });
    const { exporter, items, warnings } = await exporterTo(port);
    exporter.logs!(textBatch(1));
    await until(() => items()['failed/permanent'] === 1);
    expect(String(warnings[0]!.fields['error']).length).toBeLessThan(600);
  });

  it('makes no more connections than it may, and closes those that nobody uses', async () => {
    let open = 0;
    let most = 0;
    const held: ServerResponse[] = [];
    const server = createServer((request, response) => void request.resume().on('end', () => held.push(response)));
    server.on('connection', (socket) => {
      most = Math.max(most, ++open);
      socket.on('close', () => open--);
    });
    const { exporter, items } = await exporterTo(await listen(server), {
      max_connections: 2,
      idle_conn_timeout: '30ms',
      sending_queue: { num_consumers: 16 },
    });
    // each fills a request
    for (let i = 0; i < 6; i++) exporter.logs!(textBatch(130, 30_000));
    await until(() => held.length === 2);
    // time for a third that must not come
    for (let turns = 0; turns < 100; turns++) await new Promise((resolve) => setImmediate(resolve));
    expect(held).toHaveLength(2);
    await until(() => {
      for (const response of held.splice(0)) ok(response, 1);
      return items()['sent'] === 780;
    });
    expect(most).toBe(2);
    await until(() => open === 0);
  });

  it('stops in time although nobody answers', async () => {
    const { port, received } = await serve(() => undefined);
    const { exporter, items } = await exporterTo(port);
    exporter.logs!(textBatch(2));
    await until(() => received.length === 1);
    exporter.logs!(textBatch(1));
    await exporter.stop(50);
    expect(items()).toEqual({ accepted: 3, 'dropped/shutdown': 3 });
  });

  it('sends what is open when it stops', async () => {
    const { port, received } = await serve();
    const { exporter, items } = await exporterTo(port, { flush_interval: '1m' });
    exporter.logs!(textBatch(2));
    await exporter.stop(5000);
    expect(received).toHaveLength(1);
    expect(items()).toEqual({ accepted: 2, sent: 2 });
  });

  it('fails to start without the file of a certificate', async () => {
    const { settings } = settingsFor('otlp_http');
    const config = otlpHttpConfig.parse({ endpoint: 'https://collector.example', tls: { ca_file: '/nonexistent/ca.pem' } });
    await expect(otlpHttpExporter.create(settings, config as never).start()).rejects.toThrow('ENOENT');
  });
});

describe('Retry-After', () => {
  const nowMs = Date.UTC(2026, 10, 21, 2, 45, 0);
  it.each([
    [undefined, undefined],
    ['7', 7000],
    ['99999999999999', 3_600_000],
    ['Fri, 31 Dec 9999 23:59:59 GMT', 3_600_000],
    ['Sat, 21 Nov 2026 02:45:30 GMT', 30_000],
    ['Sat, 21 Nov 2026 02:44:00 GMT', 0],
    ['soon', undefined],
  ])('%s', (header, wanted) => expect(retryAfterMs(header, nowMs)).toBe(wanted));
});
