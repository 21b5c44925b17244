import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { CommandContext } from '../../src/commands/context.ts';
import { openSessionsFeed } from '../../src/commands/live/sessions-feed.ts';
import { CONTROL_API } from '../../src/live/info.ts';
import { parseSessionsQuery } from '../../src/live/sessions/query.ts';
import { createFakeKernel } from '../live/sessions/fake-kernel.ts';

let folder: string;
let server: Server | undefined;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'ringtail-feed-'))));
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
  rmSync(folder, { recursive: true });
});

const query = parseSessionsQuery(new URLSearchParams('view=process&pid=7&search=a%26b'));

const contextOf = (fake: ReturnType<typeof createFakeKernel>) => {
  const stop = vi.fn<() => Promise<void>>(async () => {});
  const createServices = vi.fn<CommandContext['createServices']>(async () => ({ ...fake.kernel, stop }) as never);
  return { context: { createServices } as unknown as CommandContext, stop, createServices };
};

const listen = async (answer: (url: URL) => object | undefined): Promise<string> => {
  const path = join(folder, 'socket');
  server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const isInfo = url.pathname === '/v1/info';
    const page = isInfo
      ? { api: CONTROL_API, version: '1', pid: 4711, started: '', state: 'ready', pipelines: [], receivers: [] }
      : answer(url);
    if (page === undefined) response.destroy();
    else response.end(JSON.stringify(page));
  }).listen(path);
  await once(server, 'listening');
  return path;
};

test('a Ringtail that runs is asked for what the query says', async () => {
  let asked: URL | undefined;
  const socket = await listen((url) => {
    asked = url;
    return { type: 'sessions', rows: [] };
  });
  const { context, createServices } = contextOf(createFakeKernel());
  const feed = await openSessionsFeed(context, { socket });
  expect(feed.source).toBe('the Ringtail of pid 4711');
  expect(await feed.page(query)).toEqual({ type: 'sessions', rows: [] });
  expect([asked!.pathname, parseSessionsQuery(asked!.searchParams)]).toEqual(['/v1/sessions', query]);
  await feed.close();
  expect(createServices).not.toHaveBeenCalled();
});

test('a Ringtail that went is told of', async () => {
  const socket = await listen(() => undefined);
  const feed = await openSessionsFeed(contextOf(createFakeKernel()).context, { socket });
  await expect(feed.page(query)).rejects.toMatchObject({ name: 'RuntimeError' });
  await feed.close();
});

test('nobody at the socket that was named', async () => {
  const { context } = contextOf(createFakeKernel());
  await expect(openSessionsFeed(context, { socket: join(folder, 'none') })).rejects.toMatchObject({ name: 'RuntimeError' });
  await expect(openSessionsFeed(context, { socket: 'x', alone: true })).rejects.toThrow('--alone asks no running Ringtail');
  await expect(openSessionsFeed(context, { alone: true, rootPath: 'here' })).rejects.toThrow('is not an absolute path');
});

test.runIf(process.getuid?.() === 0)('alone, all is given back at the end', async () => {
  const fake = createFakeKernel();
  fake.state.rows = [{ id: 1n, pid: 7 }];
  const { context, stop, createServices } = contextOf(fake);
  const feed = await openSessionsFeed(context, { alone: true, rootPath: '/host' });
  expect(feed.source).toMatch(/alone/);
  expect(await feed.page(parseSessionsQuery(new URLSearchParams()))).toMatchObject({ matched: 1 });
  expect(createServices.mock.calls[0]![0].config).toMatchObject({ root_path: '/host', rung: 'auto' });
  await feed.close();
  expect([fake.done, stop.mock.calls.length]).toEqual([['claim', 'reconfigure', 'end', 'reconfigure'], 1]);
});
