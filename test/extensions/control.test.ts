/** What the control socket answers, and what no client can do to it. */
import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type { LiveMessage } from '../../src/live/events/types.ts';
import { batchOf } from '../live/events/batches.ts';
import { askAt, connected, startControl, stopControls, talkTo, until } from './control-support.ts';
import { startedAt } from './support.ts';

afterEach(stopControls);

const events = (count: number) => batchOf(Array.from({ length: count }, (_, index) => ({ pid: 1 + index })));
const errorOf = (body: string): string => (JSON.parse(body) as { readonly error: string }).error;
const linesOf = (text: string): readonly LiveMessage[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as LiveMessage);

describe('the control socket', () => {
  it('says who it is', async () => {
    const { path, extension } = await startControl();
    const { status, headers, body } = await askAt(path, '/v1/info');
    expect([status, headers['content-type'], headers['access-control-allow-origin']]).toEqual([200, 'application/json', undefined]);
    expect(JSON.parse(body)).toEqual({
      api: 1,
      version: '1.2.3',
      pid: process.pid,
      started: startedAt.toISOString(),
      state: 'ready',
      pipelines: [{ id: 'logs', receivers: ['process'], processors: ['redact'], exporters: ['nop'] }],
      receivers: ['process'],
    });
    expect(extension.health!()).toEqual({ status: 'ok', message: '', details: { socket: path } });
  });

  it('tells the books and the statistics', async () => {
    const { path, world } = await startControl();
    world.counters.counter('ringtail_pipeline_items', { pipeline: 'logs', outcome: 'read' }).value = 3;
    world.counters.counter('ringtail_pipeline_items', { pipeline: 'logs', outcome: 'accepted' }).value = 3;
    world.counters.gauge('ringtail_receiver_rung', { receiver: 'process', rung: 'tp_btf' }, () => 1);
    expect(JSON.parse((await askAt(path, '/v1/ledger')).body)).toMatchObject({
      balanced: true,
      rows: [{ book: 'pipeline', name: 'logs', total: 3, difference: 0 }],
    });
    expect(JSON.parse((await askAt(path, '/v1/statistics')).body)).toMatchObject({
      hooks: [{ receiver: 'process', rung: 'tp_btf' }],
      sessions: [],
    });
  });

  it('says what is wrong with a question, and what is allowed', async () => {
    const { path } = await startControl();
    const answers = await Promise.all(
      ['/v1/info?x=1', '/v1/events?event=exce', '/v1/events?pipeline=log', '/v1/events?pid=1&pid=x', '/v1/none', '/', '/v1/events/'].map(
        async (asked) => await askAt(path, asked),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual([400, 400, 400, 400, 404, 404, 404]);
    expect(answers.map(({ body }) => errorOf(body))).toEqual([
      'there is no parameter "x"; allowed are none here',
      expect.stringContaining('did you mean "exec"?'),
      'pipeline: no pipeline of logs is called "log"; did you mean "logs"?; there is logs',
      'pid: "x" is not a whole number from 1 to 4194304',
      ...Array.from({ length: 3 }, () => expect.stringMatching(/^there are \/v1\/info, \/v1\/statistics, \/v1\/ledger, \/v1\/events, /)),
    ]);
    expect((await askAt(path, '/v1/events', { method: 'HEAD' })).status).toBe(200);
  });

  it('refuses what needs the kernel while Ringtail starts or stops', async () => {
    const { path, world } = await startControl();
    world.state = 'starting';
    expect(await askAt(path, '/v1/sessions')).toMatchObject({ status: 503, body: '{"error":"Ringtail is starting"}\n' });
    expect((await askAt(path, '/v1/info')).status).toBe(200);
  });

  it('streams events until one side ends it', async () => {
    const { path, taps, world, show, extension } = await startControl();
    const [whole, other] = [askAt(path, '/v1/events?exclude_pid=2'), talkTo(path, 'GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n')];
    await until(() => taps.size === 1);
    const leaver = await connected(path);
    leaver.write('GET /v1/events?event=exec HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(leaver, 'data');
    leaver.destroy();
    show(events(3));
    await turn();
    world.state = 'stopping';
    await extension.stop(1000);
    expect(linesOf((await whole).body)).toMatchObject([
      { type: 'event', attributes: { 'process.pid': 1 } },
      { type: 'event', attributes: { 'process.pid': 3 } },
      { type: 'end', reason: 'ended' },
    ]);
    expect(await other).toMatch(/"process.pid":2,[^]*\{"type":"end","reason":"ended"\}\n\r\n0\r\n\r\n$/);
    expect(taps.size).toBe(0);
  });

  it('tells a reader that it is opened anew', async () => {
    const { path, taps, extension } = await startControl();
    const whole = askAt(path, '/v1/events');
    await until(() => taps.size === 1);
    await extension.stop(1000);
    expect((await whole).body).toBe('{"type":"end","reason":"reloaded"}\n');
  });

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'CONNECT', 'PATCH'])('refuses %s', async (method) => {
    const { path } = await startControl();
    expect(await talkTo(path, `${method} /v1/info HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)).toMatch(/^HTTP\/1.1 405 |^$/);
  });

  it('refuses bodies, large heads, and browsers', async () => {
    const { path } = await startControl();
    expect((await askAt(path, '/v1/info', { headers: { 'content-length': '5' } })).status).toBe(413);
    expect((await askAt(path, `/v1/info?${'x'.repeat(4000)}`)).status).toBe(414);
    expect((await askAt(path, '/v1/info', { headers: { 'x-long': 'x'.repeat(10_000) } })).status).toBe(431);
    expect((await askAt(path, '/v1/info', { headers: { origin: 'http://localhost' } })).status).toBe(403);
    expect((await askAt(path, '/v1/info', { headers: { 'sec-fetch-site': 'none' } })).status).toBe(403);
    expect((await askAt(path, '/v1/info', { headers: { host: 'anything.example' } })).status).toBe(200);
  });

  it('answers after garbage of any kind', async () => {
    const { path } = await startControl();
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.uint8Array({ minLength: 1, maxLength: 64 }), fc.constantFrom('GET ', '\r\n\r\n', 'GET / HTTP/9.9\r\n\r\n')),
        async (bytes) => {
          const socket = await connected(path);
          socket.end(typeof bytes === 'string' ? bytes : Buffer.from(bytes));
          socket.resume();
          await once(socket, 'close');
        },
      ),
      { numRuns: 100 },
    );
    expect(await talkTo(path, randomBytes(200_000))).toMatch(/^(?:HTTP\/1.1 400 |$)/);
    expect((await askAt(path, '/v1/info')).status).toBe(200);
  });

  it('cuts off who asks again before the answer', async () => {
    const { path } = await startControl();
    const question = 'GET /v1/statistics HTTP/1.1\r\nHost: x\r\n\r\n';
    expect(await talkTo(path, question.repeat(500))).toBe('');
    expect((await askAt(path, '/v1/info')).status).toBe(200);
  });

  it('tells those beyond max_clients that there are too many, and closes further ones', async () => {
    const { path, taps, world } = await startControl({ max_clients: 2 });
    const readers = [await connected(path), await connected(path)];
    for (const reader of readers) reader.write('GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n');
    await Promise.all(readers.map((reader) => once(reader, 'data')));
    expect(taps.size).toBe(1);
    const { status, body } = await askAt(path, '/v1/info');
    expect([status, errorOf(body)]).toEqual([503, '2 clients are connected; extensions.control.max_clients allows no more']);
    const silent = await Promise.all(Array.from({ length: 20 }, () => connected(path)));
    await until(() => silent.filter(({ closed }) => closed).length >= 12);
    for (const socket of [...silent, ...readers]) socket.destroy();
    await until(async () => await askAt(path, '/v1/info').then(({ status: now }) => now === 200, () => false)); // prettier-ignore
    expect(taps.size).toBe(0);
    expect(world.counters.samples().find(({ name }) => name === 'ringtail_control_refused')!.value).toBeGreaterThan(0);
  });

  it('keeps nothing of a thousand connections that come and go', async () => {
    const { path, taps, world } = await startControl({ max_clients: 8 });
    const openFiles = () => readdirSync('/proc/self/fd').length;
    await askAt(path, '/v1/info');
    const before = openFiles();
    for (let round = 0; round < 100; round++) {
      const sockets = await Promise.all(Array.from({ length: 10 }, async () => await connected(path).catch(() => undefined)));
      sockets.forEach((socket, index) => {
        if (index % 3 !== 0)
          socket?.write(`GET ${index % 2 === 0 ? '/v1/events' : '/v1/statistics'} HTTP/1.1\r\nHost: x\r\n${index % 3 === 1 ? '\r\n' : ''}`);
        if (index % 4 !== 3) return;
        socket?.resume();
      });
      if (round % 10 === 0) await turn();
      for (const socket of sockets) socket?.destroy();
    }
    const clients = () => world.counters.samples().find(({ name }) => name === 'ringtail_control_clients')!.value;
    await until(() => taps.size === 0 && clients() === 0 && openFiles() <= before);
    expect((await askAt(path, '/v1/info')).status).toBe(200);
  });

  it('gives a reader that stops all it missed as a number', async () => {
    const { path, taps, show } = await startControl({ buffer_bytes: '64KiB', events_per_second: 1_000_000 });
    const socket = await connected(path);
    socket.write('GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(socket, 'data');
    socket.pause();
    expect(taps.size).toBe(1);
    for (let i = 0; i < 200; i++) {
      show(events(100));
      await turn();
    }
    let text = '';
    socket.on('data', (chunk: Buffer) => void (text += chunk.toString()));
    const told = () => {
      const messages = text.match(/^\{.*\}$/gm)?.map((line) => JSON.parse(line) as LiveMessage) ?? [];
      const sent = messages.filter(({ type }) => type === 'event').length;
      return { sent, missed: messages.reduce((sum, message) => sum + (message.type === 'missed' ? message.count : 0), 0) };
    };
    socket.resume();
    await until(() => told().sent + told().missed >= 20_000);
    expect(told().sent + told().missed).toBe(20_000);
    expect(told().missed).toBeGreaterThan(10_000);
    socket.destroy();
  });

  it('makes pages one after the other, with a rest between them', async () => {
    const { path, world } = await startControl({ max_clients: 50 });
    const beforeMs = performance.now();
    const answers = await Promise.all(Array.from({ length: 40 }, () => askAt(path, '/v1/info')));
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    // what is asserted is a bound that the rest itself keeps: no machine is too slow for it
    expect(performance.now() - beforeMs).toBeGreaterThan(39 * 9);
    expect(world.lines.filter(({ message }) => message.includes('failed'))).toEqual([]);
  });
});
