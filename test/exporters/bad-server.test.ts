/** What becomes of records when the other side breaks every rule: the outcome that OTLP gives, the books, and what works afterwards. */
import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import { createServer as createTcpServer, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Exporter, ExporterFactory } from '../../src/core/component.ts';
import { otlpGrpcExporter } from '../../src/exporters/otlp-grpc/index.ts';
import { otlpHttpExporter } from '../../src/exporters/otlp-http/index.ts';
import { encodeResponse } from '../support/otlp.ts';
import { badH2Server, badHttpServer, fields, flood, frame, h2, type H2Script, type HttpScript, trickle, u32 } from './bad-server.ts';
import { listening } from './loopback.ts';
import { imbalance, itemsOf, settingsFor, textBatch, until } from './support.ts';

/** Of one request. The trickles below need more than a second to say anything. */
const TIMEOUT_MS = 400;
/** What a busy machine may add to a time-out. */
const SLACK_MS = 5000;

const factories: Readonly<Record<string, ExporterFactory>> = { grpc: otlpGrpcExporter, http: otlpHttpExporter };

const exporterTo = async (protocol: 'grpc' | 'http', port: number, config: object = {}) => {
  const { settings, counters, warnings } = settingsFor(`otlp_${protocol}`);
  const factory = factories[protocol]!;
  const parsed = factory.config.parse({
    endpoint: `http://127.0.0.1:${port}`,
    flush_interval: '1ms',
    timeout: `${TIMEOUT_MS}ms`,
    retry_on_failure: { initial_interval: '5ms', max_interval: '20ms', max_elapsed_time: '20s' },
    ...config,
  });
  const exporter: Exporter = factory.create(settings, parsed as never);
  await exporter.start();
  onTestFinished(() => exporter.stop(0));
  return { exporter, counters, warnings, items: () => itemsOf(counters) };
};

type Wanted = 'sent' | 'retried' | 'permanent';

/** Sends two records to who is bad once or twice, and one more: what became of them, and whether the books balance at the end: 0. */
const survive = async (protocol: 'grpc' | 'http', port: number, wanted: Wanted, message: RegExp | undefined, config: object = {}) => {
  const { exporter, counters, warnings, items } = await exporterTo(protocol, port, config);
  let late = false;
  const timer = setTimeout(() => (late = true), TIMEOUT_MS + SLACK_MS);
  onTestFinished(() => clearTimeout(timer));
  exporter.logs!(textBatch(2));
  const settled = wanted === 'sent' ? { accepted: 2, sent: 2 } : wanted === 'retried' ? undefined : { accepted: 2, 'failed/permanent': 2 };
  if (settled !== undefined) await until(() => items()['held'] === undefined && (items()['accepted'] ?? 0) > 0);
  else await until(() => warnings.length > 0 || (items()['sent'] ?? 0) > 0);
  expect(late, 'the time-out was kept').toBe(false);
  if (settled !== undefined) expect(items()).toEqual(settled);
  if (wanted === 'sent' && message === undefined) expect(warnings).toEqual([]);
  else expect(warnings.map(({ fields: { error, answer } }) => String(error ?? answer))[0]).toMatch(message!);
  expect(imbalance(counters)).toBe(0);
  // the next one gets through, and so does what was tried again
  exporter.logs!(textBatch(1));
  await until(() => items()['sent'] === (wanted === 'permanent' ? 1 : 3));
  return imbalance(counters);
};

const head = (status: string, headers: readonly string[] = [], body = ''): string =>
  `HTTP/1.1 ${status}\r\n${headers.map((line) => `${line}\r\n`).join('')}content-length: ${body.length}\r\n\r\n${body}`;
const okHead = 'HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n';
const partial = Buffer.from(encodeResponse({ rejectedLogRecords: 0, errorMessage: 'old client' }));
const past = 'retry-after: Sat, 21 Nov 2020 02:45:30 GMT';

describe('OTLP over HTTP to who', () => {
  it.each<[string, Wanted, RegExp | undefined, HttpScript]>([
    ['answers 429 and seconds', 'retried', /^HTTP status 429: slow$/, (socket) => socket.write(head('429 Slow', ['retry-after: 0'], 'slow'))],
    ['answers 503 and a date', 'retried', /^HTTP status 503$/, (socket) => socket.write(head('503 Later', [past]))],
    ['answers 400', 'permanent', /^HTTP status 400: no$/, (socket) => socket.write(head('400 No', [], 'no'))],
    ['answers 200 in part', 'sent', /^old client$/, (socket) =>
      socket.write(Buffer.concat([Buffer.from(okHead.replace('length: 0', `length: ${partial.length}`)), partial]))],
    ['redirects', 'permanent', /not followed; it leads to https:\/\/elsewhere\/x$/, (socket) =>
      socket.write(head('307 There', ['location: https://user:canary@elsewhere/x?token=canary']))],
    ['breaks off after the request', 'retried', /broke the connection.*may expect TLS/, (socket) => socket.resetAndDestroy()],
    ['closes after the request', 'retried', /broke the connection/, (socket) => socket.end()],
    ['breaks off within the answer', 'retried', /broke the connection|aborted/, (socket) => {
      socket.write(okHead.replace('length: 0', 'length: 9'));
      setImmediate(() => socket.resetAndDestroy());
    }],
    ['never answers', 'retried', /^no answer in time$/, () => {}],
    ['sends a byte a second', 'retried', /^no answer in time$/, (socket) => {
      let at = 0;
      trickle(socket, () => void (socket.destroyed || socket.write(okHead[at++]!)));
    }],
    ['sends a byte of the body a second', 'retried', /^no answer in time$/, (socket) => {
      socket.write(okHead.replace('length: 0', 'length: 99'));
      trickle(socket, () => void (socket.destroyed || socket.write('x')));
    }],
    ['speaks no HTTP', 'retried', /does not answer by HTTP\/1\.1/, (socket) => socket.write('SSH-2.0-OpenSSH\r\n\r\n')],
    ['sends broken headers', 'retried', /does not answer by HTTP\/1\.1/, (socket) => socket.write('HTTP/1.1 200 OK\r\nno colon\r\n\r\n')],
    ['sends two lengths', 'retried', /does not answer by HTTP\/1\.1/, (socket) => socket.write(head('200 OK', ['content-length: 5']))],
    ['sends headers without end', 'retried', /does not answer by HTTP\/1\.1/, (socket) => {
      socket.write('HTTP/1.1 200 OK\r\n');
      flood(socket, () => socket.write(`x-${Math.random()}: ${'y'.repeat(1000)}\r\n`));
    }],
    ['sends broken trailers', 'retried', /does not answer by HTTP\/1\.1/, (socket) =>
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nno colon\r\n\r\n')],
  ])('%s: %s', async (_case, wanted, message, script) => {
    const { port } = await badHttpServer((socket, count) => (count === 1 ? script(socket, count) : void socket.write(okHead)));
    expect(await survive('http', port, wanted, message)).toBe(0);
  }); // prettier-ignore

  it('breaks off before and within the request', async () => {
    const { port, connections } = await badHttpServer(
      (socket) => void socket.write(okHead),
      (socket, count) => {
        if (count === 1) socket.resetAndDestroy();
        else if (count === 2) socket.once('data', () => socket.resetAndDestroy());
        return count <= 2;
      },
    );
    expect(await survive('http', port, 'retried', /ECONNRESET/)).toBe(0);
    expect(connections()).toBeGreaterThanOrEqual(3);
  });
});

const ok = encodeResponse();
/** RetryInfo with no wait, as `google.rpc.Status` in base64. */
const retryInfo = (() => {
  const part = (tag: number, bytes: Uint8Array) => Buffer.concat([Buffer.from([tag, bytes.length]), bytes]);
  const any = Buffer.concat([
    part(0x0a, Buffer.from('type.googleapis.com/google.rpc.RetryInfo')),
    part(0x12, part(0x0a, Buffer.from([0x10, 1]))),
  ]);
  return part(0x1a, any).toString('base64').replace(/=+$/, '');
})();
const reset =
  (code: number): NonNullable<H2Script['onRequest']> =>
  (peer, stream) =>
    peer.send(frame(h2.RST_STREAM, 0, stream, u32(code)));
const status = (code: number, more: Readonly<Record<string, string>> = {}): NonNullable<H2Script['onRequest']> => (peer, stream) =>
  peer.send(
    frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, stream,
      Buffer.concat([Buffer.from([0x88]), fields({ 'content-type': 'application/grpc', 'grpc-status': String(code), ...more })])),
  ); // prettier-ignore
const bomb = zlib.gzipSync(Buffer.alloc(32 << 20));

describe('OTLP over gRPC to who', () => {
  it.each<[string, Wanted, RegExp | undefined, NonNullable<H2Script['onRequest']>]>([
    ['is unavailable', 'retried', /^gRPC UNAVAILABLE: née later$/, status(14, { 'grpc-message': 'n%C3%A9e later' })],
    ['is exhausted, with RetryInfo', 'retried', /^gRPC RESOURCE_EXHAUSTED: full$/,
      status(8, { 'grpc-message': 'full', 'grpc-status-details-bin': retryInfo })],
    ['is exhausted, without RetryInfo', 'permanent', /^gRPC RESOURCE_EXHAUSTED: full$/, status(8, { 'grpc-message': 'full' })],
    ['takes it in part', 'sent', /^old client$/, (peer, stream) => peer.answer(stream, partial)],
    ['says why in trailers', 'permanent', /^gRPC INVALID_ARGUMENT: no$/, (peer, stream) =>
      peer.answer(stream, ok, { 'grpc-status': '3', 'grpc-message': 'no' })],
    ['refuses the stream', 'sent', undefined, reset(7)],
    ['resets the stream by CANCEL', 'retried', /^gRPC CANCELLED: the stream was reset: CANCEL$/, reset(8)],
    ['resets the stream by INTERNAL_ERROR', 'permanent', /^gRPC INTERNAL: the stream was reset: INTERNAL_ERROR$/, reset(2)],
    ['resets the stream by ENHANCE_YOUR_CALM', 'permanent', /^gRPC RESOURCE_EXHAUSTED:/, reset(11)],
    ['breaks off after the request', 'retried', /^gRPC UNAVAILABLE: .*(?:ECONNRESET|closed the connection)/, (peer) => peer.socket.resetAndDestroy()],
    ['closes after the request', 'retried', /^gRPC UNAVAILABLE: .*closed the connection/, (peer) => peer.socket.end()],
    ['breaks off within the answer', 'retried', /^gRPC UNAVAILABLE: /, (peer, stream) => {
      peer.headers(stream);
      setImmediate(() => peer.socket.resetAndDestroy());
    }],
    ['never answers', 'retried', /^gRPC DEADLINE_EXCEEDED: no answer in time$/, () => {}],
    ['sends a byte a second', 'retried', /^gRPC DEADLINE_EXCEEDED/, (peer, stream) => {
      peer.headers(stream);
      trickle(peer.socket, () => peer.send(frame(h2.DATA, 0, stream, Buffer.from([0]))));
    }],
    ['ends without trailers', 'permanent', /^gRPC UNKNOWN: the answer has no grpc-status$/, (peer, stream) => {
      peer.headers(stream);
      peer.send(frame(h2.DATA, h2.END_STREAM, stream));
    }],
    ['sends trailers without a status', 'permanent', /^gRPC UNKNOWN: the answer has no grpc-status$/, (peer, stream) => peer.answer(stream, ok, { x: 'y' })],
    ['sends a status that is no number', 'permanent', /^gRPC UNKNOWN: .*no number$/, (peer, stream) => peer.answer(stream, ok, { 'grpc-status': 'fine' })],
    ['sends trailers with a forbidden name', 'permanent', /^gRPC INTERNAL: the stream was reset: PROTOCOL_ERROR$/, (peer, stream) =>
      peer.answer(stream, ok, { 'GRPC-STATUS': '0' })],
    ['sends trailers that are no HPACK', 'retried', /^gRPC UNAVAILABLE: /, (peer, stream) => {
      peer.headers(stream);
      peer.send(frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, stream, Buffer.alloc(40, 0xff)));
    }],
    ['sends many headers', 'permanent', /^gRPC INTERNAL: |^gRPC RESOURCE_EXHAUSTED: /, (peer, stream) => {
      const part = fields(Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`x-${i}`, 'y'.repeat(100)])));
      peer.send(frame(h2.HEADERS, 0, stream, Buffer.concat([Buffer.from([0x88]), part])));
      for (const flags of [0, 0, 0, h2.END_HEADERS]) peer.send(frame(h2.CONTINUATION, flags, stream, part));
    }],
    ['sends a message with a wrong length', 'permanent', /^gRPC INTERNAL: the answer cannot be read$/, (peer, stream) => {
      peer.headers(stream);
      peer.send(frame(h2.DATA, 0, stream, Buffer.from([0, 0, 0, 0, 9, 1])));
      peer.trailers(stream, { 'grpc-status': '0' });
    }],
    ['sends a bomb of gzip', 'permanent', /^gRPC INTERNAL: the answer cannot be read$/, (peer, stream) => {
      peer.headers(stream, { 'grpc-encoding': 'gzip' });
      peer.send(frame(h2.DATA, 0, stream, Buffer.concat([Buffer.from([1]), u32(bomb.length), bomb.subarray(0, 16_000)])));
      for (let at = 16_000; at < bomb.length; at += 16_000) peer.send(frame(h2.DATA, 0, stream, bomb.subarray(at, at + 16_000)));
      peer.trailers(stream, { 'grpc-status': '0' });
    }],
    ['answers by HTTP', 'permanent', /^gRPC UNKNOWN: the other side does not answer by gRPC$/, (peer, stream) =>
      peer.headers(stream, { 'content-type': 'text/html' })],
    ['is a proxy that answers 503', 'retried', /^gRPC UNAVAILABLE: HTTP status 503 and no gRPC status$/, (peer, stream) =>
      peer.send(frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, stream, fields({ ':status': '503' })))],
    ['is a proxy that answers 404', 'permanent', /^gRPC UNIMPLEMENTED: HTTP status 404 and no gRPC status$/, (peer, stream) =>
      peer.send(frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, stream, fields({ ':status': '404' })))],
    ['says GOAWAY and answers', 'sent', undefined, (peer, stream) => {
      peer.send(frame(h2.GOAWAY, 0, 0, u32(stream, 0)));
      peer.answer(stream, ok);
    }],
    ['says GOAWAY and has not looked', 'sent', undefined, (peer) => peer.send(frame(h2.GOAWAY, 0, 0, u32(0, 0)))],
    ['says GOAWAY with an error', 'retried', /ends the connection: INTERNAL_ERROR \(oops\)/, (peer, stream) =>
      peer.send(frame(h2.GOAWAY, 0, 0, Buffer.concat([u32(stream, 2), Buffer.from('oops')])))],
  ])('%s: %s', async (_case, wanted, message, script) => {
    const { port } = await badH2Server({
      onRequest: (peer, stream, count) => (count === 1 ? script(peer, stream, count) : peer.answer(stream, ok)),
    });
    expect(await survive('grpc', port, wanted, message)).toBe(0);
  }); // prettier-ignore

  it.each<[string, RegExp, NonNullable<H2Script['onConnect']>]>([
    ['breaks off before the request', /^gRPC UNAVAILABLE: /, (socket) => socket.resetAndDestroy() !== undefined],
    ['accepts and says nothing', /^gRPC UNAVAILABLE: .*(?:said nothing|no connection) within/, () => true],
    ['speaks HTTP/1.1', /^gRPC UNAVAILABLE: .*otlp_http/, (socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')],
  ])('%s: tried again', async (_case, message, spoil) => {
    const { port, connections } = await badH2Server({
      onConnect: (socket, count) => count === 1 && (spoil(socket, count), true),
      onRequest: (peer, stream) => peer.answer(stream, ok),
    });
    expect(await survive('grpc', port, 'retried', message)).toBe(0);
    expect(connections()).toBe(2);
  });

  it('breaks off within the request: tried again', async () => {
    const { port, connections } = await badH2Server({
      onHeaders: (peer) => void (connections() === 1 && peer.socket.resetAndDestroy()),
      onRequest: (peer, stream) => peer.answer(stream, ok),
    });
    expect(await survive('grpc', port, 'retried', /^gRPC UNAVAILABLE: /)).toBe(0);
    expect(connections()).toBe(2);
  });

  it('keeps its window closed: another connection is tried', async () => {
    const { port, connections } = await badH2Server({
      closedWindow: (count) => count === 1,
      onRequest: (peer, stream) => peer.answer(stream, ok),
    });
    expect(await survive('grpc', port, 'retried', /^gRPC DEADLINE_EXCEEDED/)).toBe(0);
    expect(connections()).toBe(2);
  });

  it('goes silent after a first answer: another connection is tried', async () => {
    const { port, connections } = await badH2Server({
      onRequest(peer, stream) {
        peer.answer(stream, ok);
        if (connections() === 1) peer.socket.pause();
      },
    });
    const { exporter, items, warnings } = await exporterTo('grpc', port);
    exporter.logs!(textBatch(1));
    await until(() => items()['sent'] === 1);
    exporter.logs!(textBatch(1));
    await until(() => items()['sent'] === 2);
    expect(String(warnings[0]!.fields['error'])).toMatch(/^gRPC DEADLINE_EXCEEDED/);
    expect(connections()).toBe(2);
  });

  it('dies in the midst of its headers while the request waits for its window: no abort, whenever garbage is collected', async () => {
    const half = frame(
      h2.HEADERS,
      0,
      1,
      Buffer.concat([Buffer.from([0x88]), fields({ 'content-type': 'application/grpc', x: 'y'.repeat(99) })]),
    );
    const { port } = await badH2Server({
      closedWindow: () => true,
      onHeaders: (peer) => void setTimeout(() => peer.socket.end(half), 20),
    });
    const client = fileURLToPath(new URL('cut-headers-client.ts', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', client, String(port)]);
    const { items, error } = JSON.parse(stdout) as { items: object; error: string };
    expect(items).toEqual({ accepted: 30, 'failed/retry_disabled': 30 });
    expect(error).toMatch(/^gRPC UNAVAILABLE: .*closed the connection/);
  });

  it('takes one stream at a time: all get through', async () => {
    const { port, connections, requests } = await badH2Server({
      settings: [[3, 1]],
      onRequest: (peer, stream) => void setImmediate(() => peer.answer(stream, ok)),
    });
    const { exporter, items, warnings } = await exporterTo('grpc', port, { flush_interval: '1m', timeout: '5s' });
    for (let i = 0; i < 4; i++) {
      exporter.logs!(textBatch(40, 30_000));
      exporter.logs!(textBatch(100, 30_000));
    }
    await exporter.stop(10_000);
    expect(items()).toEqual({ accepted: 560, sent: 560 });
    expect(warnings).toEqual([]);
    expect(connections()).toBe(1);
    expect(requests()).toBeGreaterThan(3);
  });
});

/** Random answers: frames of HTTP/2 that make sense or not, or bytes that are none. */
const anyFrame = fc.oneof(
  fc
    .tuple(fc.nat({ max: 10 }), fc.nat({ max: 255 }), fc.constantFrom(0, 1, 3, 5), fc.uint8Array({ maxLength: 40 }))
    .map((parts) => frame(...parts)),
  fc.constantFrom('0', '14', 'x').map((code) => frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, 1, fields({ 'grpc-status': code }))),
  fc.constant(frame(h2.HEADERS, h2.END_HEADERS, 1, Buffer.concat([Buffer.from([0x88]), fields({ 'content-type': 'application/grpc' })]))),
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
);
const anyHttp = fc.oneof(
  fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
  fc.constantFrom('HTTP/1.1 ', '200 OK', '503 No', '\r\n', '\r\n\r\n', 'content-length: 3\r\n', 'transfer-encoding: chunked\r\n', '2\r\nab\r\n', 'retry-after: 9e9\r\n').map((text) => Buffer.from(text)),
); // prettier-ignore

describe.each(['grpc', 'http'] as const)('by %s', (protocol) => {
  it('TLS to who speaks plain text says so', async () => {
    const port = protocol === 'http' ? await listening(createServer()) : (await badH2Server({})).port;
    const { exporter, items, warnings, counters } = await exporterTo(protocol, 0, {
      endpoint: `https://127.0.0.1:${port}`,
      retry_on_failure: { enabled: false },
    });
    exporter.logs!(textBatch(2));
    await until(() => items()['failed/retry_disabled'] === 2);
    expect(String(warnings[0]!.fields['error'])).toMatch(/does not speak TLS/);
    expect(imbalance(counters)).toBe(0);
  });

  it('plain text to who speaks TLS says so', async () => {
    const server = createTlsServer({}, () => {});
    server.on('tlsClientError', () => {});
    const { exporter, items, warnings, counters } = await exporterTo(protocol, await listening(server), {
      retry_on_failure: { enabled: false },
    });
    exporter.logs!(textBatch(2));
    await until(() => items()['failed/retry_disabled'] === 2);
    expect(String(warnings[0]!.fields['error'])).toMatch(/may expect TLS|does not answer by HTTP/);
    expect(imbalance(counters)).toBe(0);
  });

  it('whatever comes back, every request has an outcome and every connection ends', async () => {
    let answer: readonly Buffer[] = [];
    let open = 0;
    const onConnect = (socket: Socket): boolean => {
      open++;
      socket.on('close', () => open--);
      return false;
    };
    const reply = (socket: Socket): void => void (answer.length === 0 ? socket.destroy() : socket.end(Buffer.concat(answer)));
    const { port } = await (protocol === 'http'
      ? badHttpServer(reply, onConnect)
      : badH2Server({ onConnect, onRequest: (peer) => reply(peer.socket) }));
    const { exporter, counters, items } = await exporterTo(protocol, port, { retry_on_failure: { enabled: false }, timeout: '5s' });
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(protocol === 'http' ? anyHttp : anyFrame, { maxLength: 8 }), async (parts) => {
        answer = parts;
        exporter.logs!(textBatch(1));
        accepted++;
        await until(() => items()['held'] === undefined && items()['accepted'] === accepted);
        expect(imbalance(counters)).toBe(0);
      }),
      { numRuns: 300 },
    );
    await exporter.stop(1000);
    await until(() => open === 0);
  }, 60_000);

  it.each(['TLS', 'a proxy'])(
    'whatever comes back instead of %s, every request has an outcome',
    async (what) => {
      let answer: Buffer | undefined;
      const server = createTcpServer((socket) => {
        socket.on('error', () => {});
        socket.once('data', () => (answer === undefined ? socket.resetAndDestroy() : socket.end(answer)));
      });
      const address = `127.0.0.1:${await listening(server)}`;
      const place =
        what === 'TLS' ? { endpoint: `https://${address}` } : { endpoint: 'https://gateway.example', proxy_url: `http://${address}` };
      const texts = ['HTTP/1.1 200 Go\r\n\r\n', 'HTTP/1.1 ', '\u0015\u0003\u0003\0\u0002\u0002(', '\u0016\u0003\u0003\0\u0004'];
      const part = fc.oneof(
        fc.uint8Array({ maxLength: 60 }),
        fc.constantFrom(...texts).map((text) => Buffer.from(text, 'latin1')),
      );
      const said = new Set<string>();
      await fc.assert(
        fc.asyncProperty(fc.option(fc.array(part, { maxLength: 4 }), { nil: undefined }), async (parts) => {
          answer = parts && Buffer.concat(parts);
          // each time another one, which has not to wait before it connects again
          const config = { ...place, retry_on_failure: { enabled: false }, timeout: '5s' };
          const { exporter, counters, items, warnings } = await exporterTo(protocol, 0, config);
          exporter.logs!(textBatch(1));
          await until(() => items()['failed/retry_disabled'] === 1);
          expect(imbalance(counters)).toBe(0);
          said.add(String(warnings[0]!.fields['error']));
          await exporter.stop(0);
        }),
        { numRuns: 50 },
      );
      expect(said.size).toBeGreaterThan(1);
    },
    60_000,
  );

  it('who reads nothing of a large request costs a time-out and no connection', async () => {
    const open = new Set<Socket>();
    const onConnect = (socket: Socket, count: number): boolean => {
      open.add(socket);
      socket.on('close', () => open.delete(socket));
      // the settings go out all the same
      if (count === 1) setImmediate(() => socket.pause());
      return count === 1 && protocol === 'http';
    };
    const { port } = await (protocol === 'http'
      ? badHttpServer((socket) => void socket.write(okHead), onConnect)
      : badH2Server({ onConnect, settings: [[4, 2 ** 31 - 1]], onRequest: (peer, stream) => peer.answer(stream, ok) }));
    const { exporter, items, warnings, counters } = await exporterTo(protocol, port);
    exporter.logs!(textBatch(100, 30_000));
    await until(() => items()['sent'] === 100);
    expect(String(warnings[0]!.fields['error'])).toMatch(/no answer in time/);
    expect(imbalance(counters)).toBe(0);
    const paused = [...open][0]!;
    // it notices only when it reads again
    paused.resume();
    await until(() => paused.destroyed || paused.readableEnded);
  });

  it('an answer of a GiB is cut off, in bounded memory', async () => {
    let written = 0;
    const block = Buffer.alloc(16_000, 'x');
    const serve = async () => {
      if (protocol === 'http') {
        return await badHttpServer((socket) => {
          socket.write(`HTTP/1.1 400 No\r\ncontent-length: ${2 ** 30}\r\n\r\n`);
          flood(socket, () => ((written += block.length), socket.write(block)));
        });
      }
      return await badH2Server({
        onRequest(peer, stream) {
          peer.headers(stream);
          flood(peer.socket, () => ((written += block.length), written < 2 ** 30 && peer.socket.write(frame(h2.DATA, 0, stream, block))));
        },
      });
    };
    const { port } = await serve();
    const client = fileURLToPath(new URL('bad-server-client.ts', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [
      '--expose-gc',
      '--max-semi-space-size=1',
      client,
      protocol,
      String(port),
    ]);
    const { items, error, grownBytes } = JSON.parse(stdout) as { items: object; error: string; grownBytes: number };
    expect(items).toEqual({ accepted: 30, 'failed/permanent': 30 });
    expect(error).toMatch(protocol === 'http' ? /^HTTP status 400: x+$/ : /^gRPC RESOURCE_EXHAUSTED: an answer of more than/);
    expect(written).toBeLessThan(2 ** 30);
    expect(grownBytes).toBeLessThan(8 * 2 ** 20);
    console.log(`${protocol}: ${Math.round(grownBytes / 1024)} KiB more`);
  }, 30_000);
});
