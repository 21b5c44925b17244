/** The client of the control socket, with a real one and with what only looks like one. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { connectControl, findControl } from '../../src/commands/live/control-client.ts';
import { RuntimeError, UsageError } from '../../src/core/errors.ts';
import type { LiveMessage } from '../../src/live/events/types.ts';
import { startControl, stopControls, until } from '../extensions/control-support.ts';
import { batchOf } from '../live/events/batches.ts';

const folders: string[] = [];
const servers: Server[] = [];
const newPath = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'ringtail-client-'));
  folders.push(folder);
  return join(folder, 'x.sock');
};

afterEach(async () => {
  for (const server of servers.splice(0)) server.close();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
  await stopControls();
});

const info = { api: 1, version: '9.9.9', pid: 4711, started: '', state: 'ready', pipelines: [], receivers: [] };
const page = (body: string, status = '200 OK'): string => `HTTP/1.1 ${status}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

/** Answers a path with bytes, and then closes the connection; undefined: it never answers. */
const speaks = async (answers: (path: string) => string | undefined): Promise<string> => {
  const path = newPath();
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', (chunk) => {
      const answer = answers(chunk.toString().split(' ')[1] ?? '');
      if (answer !== undefined) socket.end(answer);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => {
    server.listen(path, resolve);
  });
  return path;
};

/** A Ringtail that answers all but `/v1/info` so. */
const ringtailThat = (answer: string | undefined): Promise<string> =>
  speaks((path) => (path === '/v1/info' ? page(JSON.stringify(info)) : answer));

const all = async <T>(items: AsyncIterable<T>): Promise<readonly T[]> => {
  const taken: T[] = [];
  for await (const item of items) taken.push(item);
  return taken;
};

describe('the client of the control socket', () => {
  it('finds a Ringtail, asks for pages and streams', async () => {
    const { path, taps, show, extension } = await startControl();
    const client = await connectControl(path);
    expect(client).toMatchObject({
      path,
      source: `the Ringtail of pid ${process.pid}`,
      info: { version: '1.2.3', receivers: ['process'] },
    });
    expect(await client.page('/v1/ledger')).toEqual({ rows: [], balanced: true });
    const stream = await client.stream<LiveMessage>('/v1/events', { pid: [1, 3], user: undefined, path: [] });
    await until(() => taps.size === 1);
    show(batchOf([{ pid: 1 }, { pid: 2 }, { pid: 3 }]));
    await turn();
    const reading = all(stream);
    await extension.stop(1000);
    expect(await reading).toMatchObject([
      { type: 'event', attributes: { 'process.pid': 1 } },
      { type: 'event', attributes: { 'process.pid': 3 } },
      { type: 'end', reason: 'reloaded' },
    ]);
  });

  it('ends a stream with its signal, and by leaving it', async () => {
    const { path, taps, show } = await startControl();
    const client = await connectControl(path);
    const gone = new AbortController();
    const reading = all(await client.stream('/v1/events', {}, gone.signal));
    await until(() => taps.size === 1);
    gone.abort();
    expect(await reading).toEqual([]);
    const other = await client.stream<LiveMessage>('/v1/events');
    show(batchOf([{ pid: 1 }, { pid: 2 }]));
    for await (const { type } of other) {
      expect(type).toBe('event');
      break;
    }
    await until(() => taps.size === 0);
    await expect(client.stream('/v1/events', {}, gone.signal)).rejects.toThrow('abort');
    await expect(client.page('/v1/ledger', {}, gone.signal)).rejects.toThrow('abort');
  });

  it('tells what is wrong with a question as an error of usage', async () => {
    const { path } = await startControl();
    const client = await connectControl(path);
    const wrong = client.stream('/v1/events', { event: 'exce' });
    await expect(wrong).rejects.toThrow(UsageError);
    await expect(wrong).rejects.toThrow('did you mean "exec"?');
    await expect(client.page('/v1/ledger', { x: 1 })).rejects.toThrow(UsageError);
    await expect(client.page('/v1/none')).rejects.toThrow('there are /v1/info');
  });

  it('finds nobody where nobody listens', async () => {
    const path = newPath();
    expect(await findControl(path)).toBeUndefined();
    await expect(connectControl(path)).rejects.toThrow(`no Ringtail listens at ${path}`);
    writeFileSync(path, '');
    expect(await findControl(path)).toBeUndefined();
    expect(await findControl(`${path}/x`)).toBeUndefined();
    const stale = newPath();
    const server = createServer().listen(`${stale}-`);
    await new Promise((resolve) => server.once('listening', resolve));
    renameSync(`${stale}-`, stale);
    server.close();
    expect(await findControl(stale)).toBeUndefined();
    await expect(findControl(`/${'x'.repeat(200)}`)).rejects.toThrow(UsageError);
  });

  it.each([
    ['bytes', 'SSH-2.0-OpenSSH_9.2p1\r\n'],
    ['a page of something else', page('<html>')],
    ['an array', page('[]')],
    ['another object', page('{"status":"ok"}')],
    ['an error of something else', page('not found', '404 Not Found')],
    ['nothing', ''],
    ['half an answer', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"api":1'],
    ['an endless head', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(100_000)}`],
  ])('is not taken in by %s', async (_what, answer) => {
    const path = await speaks(() => answer);
    const found = findControl(path);
    await expect(found).rejects.toThrow(RuntimeError);
    await expect(found).rejects.toThrow(/does not speak as Ringtail does|the connection to the Ringtail at .* broke/);
  });

  it('says so when the other one is of another kind', async () => {
    const path = await speaks(() => page(JSON.stringify({ ...info, api: 2, version: '9\u001b[2J' })));
    await expect(findControl(path)).rejects.toThrow(
      String.raw`the Ringtail of pid 4711 is version 9\u001b[2J, and its socket speaks another language`,
    );
  });

  const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;
  const head = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
  it.each([
    ['in the middle of a line', `${head}${chunk('{"a":1}\n{"a"')}`, 'the connection to the Ringtail of pid 4711 broke'],
    ['between two lines', `${head}${chunk('{"a":1}\n')}`, 'the connection to the Ringtail of pid 4711 broke'],
    ['at an end without a line feed', `${head}${chunk('{"a":1}\n{"a":2}')}0\r\n\r\n`, 'the connection to the Ringtail of pid 4711 broke'],
    ['by a line that is none', `${head}${chunk('{"a":1}\nhello\n')}0\r\n\r\n`, 'does not speak as Ringtail does'],
    ['by a line that is a number', `${head}${chunk('{"a":1}\n1\n')}0\r\n\r\n`, 'does not speak as Ringtail does'],
  ])('tells that a stream was cut %s', async (_where, answer, message) => {
    const client = await connectControl(await ringtailThat(answer));
    const taken: unknown[] = [];
    const reading = (async () => {
      for await (const item of await client.stream('/v1/events')) taken.push(item);
    })();
    await expect(reading).rejects.toThrow(message);
    await expect(reading).rejects.toThrow(RuntimeError);
    expect(taken).toEqual([{ a: 1 }]);
  });

  it('puts characters together that come in parts', async () => {
    const bytes = Buffer.from('{"a":"é𐍈"}\n');
    const path = newPath();
    const server = createServer((socket) => {
      socket.once('data', (asked) => {
        if (asked.toString().includes('/v1/info')) return void socket.end(page(JSON.stringify(info)));
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes.length}\r\n\r\n`);
        void (async () => {
          for (const byte of bytes) {
            socket.write(Uint8Array.of(byte));
            await turn();
          }
          socket.end();
        })();
      });
    });
    servers.push(server);
    await new Promise<void>((resolve) => {
      server.listen(path, resolve);
    });
    const client = await connectControl(path);
    expect(await all(await client.stream('/v1/events'))).toEqual([{ a: 'é𐍈' }]);
  });
});
