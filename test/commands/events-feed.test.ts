/** Attached: what is asked of a running Ringtail, and what is made of its answer. */
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { CommandContext } from '../../src/commands/context.ts';
import { openEventsFeed } from '../../src/commands/events/feed.ts';
import { RuntimeError, UsageError } from '../../src/core/errors.ts';
import { everyEvent } from '../../src/live/events/filter.ts';
import type { EventFilter, LiveMessage } from '../../src/live/events/types.ts';
import { CONTROL_API } from '../../src/live/info.ts';
import { exec } from './events-support.ts';

const endings: (() => void)[] = [];
afterEach(() => {
  for (const end of endings.splice(0)) end();
});

const noContext = {
  registry: () => Promise.reject(new Error('nothing is to be loaded')),
} as unknown as CommandContext;

/** A Ringtail with these receivers; `answer` gets the query of the stream. */
const startRingtail = async (receivers: readonly string[], answer: (query: URLSearchParams, response: http.ServerResponse) => void) => {
  const folder = mkdtempSync(join(tmpdir(), 'ringtail-events-'));
  const socket = join(folder, 'control.sock');
  const server = http.createServer((request, response) => {
    const url = new URL(request.url!, 'http://localhost');
    if (url.pathname === '/v1/info')
      response.end(JSON.stringify({ api: CONTROL_API, version: '1', pid: 4711, started: '', state: 'ready', pipelines: [], receivers }));
    else answer(url.searchParams, response);
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  endings.push(() => {
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true });
  });
  return socket;
};

const open = (filter: Partial<EventFilter>, socket: string) => openEventsFeed({ ...everyEvent, ...filter }, { socket }, noContext);

describe('attached', () => {
  it('asks for what is wanted, without its own doings, and gives what comes', async () => {
    let asked: URLSearchParams | undefined;
    const messages: readonly LiveMessage[] = [exec(1), { type: 'missed', count: 1, reason: 'rate' }, { type: 'end', reason: 'ended' }];
    const socket = await startRingtail(['process'], (query, response) => {
      asked = query;
      response.end(messages.map((message) => `${JSON.stringify(message)}\n`).join(''));
    });
    const feed = await open({ events: ['exec', 'exit'], containers: ['web'], processes: ['a b&c'], pids: [7], users: ['root'] }, socket);
    const got: LiveMessage[] = [];
    for await (const message of feed) got.push(message);
    expect(got).toEqual(messages);
    expect(feed.source).toBe('the Ringtail of pid 4711 (process)');
    expect(feed.notes).toEqual([]);
    expect([...asked!].toSorted()).toEqual(
      [
        ['event', 'exec'],
        ['event', 'exit'],
        ['container', 'web'],
        ['process', 'a b&c'],
        ['pid', '7'],
        ['user', 'root'],
        ['exclude_pid', String(process.pid)],
      ].toSorted(),
    );
  });

  it('ends when it is closed', async () => {
    const socket = await startRingtail(['process'], (_query, response) => response.write(`${JSON.stringify(exec(1))}\n`));
    const feed = await open({}, socket);
    const got: LiveMessage[] = [];
    for await (const message of feed) {
      got.push(message);
      await feed.close();
    }
    expect(got).toHaveLength(1);
  });

  it('is an error when the connection breaks', async () => {
    const socket = await startRingtail(['process'], (_query, response) => {
      response.write(`${JSON.stringify(exec(1))}\n`, () => response.destroy());
    });
    const feed = await open({}, socket);
    const read = async () => {
      for await (const message of feed) expect(message.type).toBe('event');
    };
    await expect(read()).rejects.toThrow(RuntimeError);
  });

  it.each<[Partial<EventFilter>, readonly string[], readonly string[]]>([
    [{}, ['process'], []],
    [{ events: ['exec'] }, ['process/a'], []],
    [{ ports: [443] }, ['process'], ['it has no receiver sockets,']],
    [{ events: ['file.open', 'exec'] }, ['sockets'], ['it has no receiver process and no syscalls,']],
    [{ events: ['file.open'] }, ['replay'], []],
  ])('with %o of %o says what cannot be seen: %o', async (filter, receivers, notes) => {
    const socket = await startRingtail(receivers, (_query, response) => response.write('\n'));
    const feed = await open(filter, socket);
    expect(feed.notes).toHaveLength(notes.length);
    for (const [index, note] of notes.entries()) expect(feed.notes[index]).toContain(note);
    await feed.close();
  });

  it('tells what the other side does not allow', async () => {
    const socket = await startRingtail(['process'], (_query, response) => {
      response.writeHead(400).end('{"error":"event: there is no \\"x\\""}');
    });
    await expect(open({}, socket)).rejects.toThrow(UsageError);
  });
});

it('a socket where nobody listens is an error: it was named', async () => {
  await expect(open({}, '/nowhere/control.sock')).rejects.toThrow('no Ringtail listens at /nowhere/control.sock');
});
