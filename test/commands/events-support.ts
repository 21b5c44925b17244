/** `ringtail events` in this process: what it reads from and prints to. */
import { eventsCommand, type EventsOptions } from '../../src/commands/events/events.ts';
import type { SourceOptions } from '../../src/commands/live/source.ts';
import type { CommandContext } from '../../src/commands/context.ts';
import type { EventFilter, EventsFeed, LiveEvent, LiveMessage } from '../../src/live/events/types.ts';

export const exec = (pid: number, more: Partial<LiveEvent> = {}): LiveEvent => ({
  type: 'event',
  time: '2026-11-21T02:45:02.123456789Z',
  event: 'ringtail.process.exec',
  receiver: 'process',
  pipeline: 'logs',
  attributes: { 'process.pid': pid, 'process.owner': 'root', 'process.executable.path': '/usr/bin/ls', 'process.command_args': ['ls', '-l'] },
  ...more,
}); // prettier-ignore

/** A feed that gives what it is told to. */
export const fakeFeed = (notes: readonly string[] = []) => {
  const waiting: LiveMessage[] = [];
  let failure: Error | undefined;
  let wake = (): void => {};
  let closed = 0;
  async function* messages(): AsyncGenerator<LiveMessage> {
    for (;;) {
      const next = waiting.shift();
      if (next !== undefined) yield next;
      else if (failure !== undefined) throw failure;
      else if (closed > 0) return;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  }
  const feed: EventsFeed = {
    source: 'a test',
    notes,
    async close() {
      closed++;
      wake();
    },
    [Symbol.asyncIterator]: messages,
  };
  return {
    feed,
    send(...more: readonly LiveMessage[]) {
      waiting.push(...more);
      wake();
    },
    end: () => void feed.close(),
    fail(error: Error) {
      failure = error;
      wake();
    },
    closed: () => closed,
    left: () => waiting.length,
  };
};

export type Shape = { readonly isTTY?: boolean; columns?: number };

/** Runs the command; `asked` has what the feed was opened with. */
export const runEvents = (
  options: EventsOptions,
  { feed }: ReturnType<typeof fakeFeed>,
  shape: Shape = {},
  env: Record<string, string> = {},
) => {
  const out: string[] = [];
  const err: string[] = [];
  const handlers = { signal: new Set<(name: string) => void>(), closed: new Set<() => void>() };
  const drains: (() => void)[] = [];
  const stream = {
    ...shape,
    writableNeedDrain: false,
    write: (text: string) => out.push(text),
    once: (_event: 'drain', listener: () => void) => void drains.push(listener),
  };
  const asked: { filter: EventFilter; options: SourceOptions }[] = [];
  const opened = Promise.withResolvers<void>();
  const context = {
    stdout: stream,
    stderr: { write: (text: string) => err.push(text) },
    environment: env,
    now: () => performance.now(),
    onSignal: (handler: (name: string) => void) => (handlers.signal.add(handler), () => handlers.signal.delete(handler)),
    onReload: (handler: (name: string) => void) => (handlers.signal.add(handler), () => handlers.signal.delete(handler)),
    onOutputClosed: (handler: () => void) => (handlers.closed.add(handler), () => handlers.closed.delete(handler)),
  } as unknown as CommandContext;
  const ended = eventsCommand(options, context, async (filter, given) => {
    asked.push({ filter, options: given });
    opened.resolve();
    return feed;
  });
  return {
    ended,
    opened: opened.promise,
    asked: () => asked[0]!,
    stream,
    stdout: () => out.join(''),
    lines: () => out.join('').split('\n').slice(0, -1),
    stderr: () => err.join(''),
    signal: () => handlers.signal.forEach((handler) => handler('SIGINT')),
    closeOutput: () => handlers.closed.forEach((handler) => handler()),
    handlers: () => handlers.signal.size + handlers.closed.size,
    drain() {
      stream.writableNeedDrain = false;
      for (const drained of drains.splice(0)) drained();
    },
  };
};

/** Waits for a condition, not for a time. The test's own timeout ends it. */
export const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
};
