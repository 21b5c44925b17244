import { Writable } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { NO_ACTOR, type Attribute, type AttributeSource, type Batch, type EventSchema } from '../../src/core/batch.ts';
import type { MetricBatch } from '../../src/core/metric-batch.ts';
import { debugConfig } from '../../src/exporters/debug/config.ts';
import { decodeKeepingBytes, escapeText, quoteArgument } from '../../src/text/escape.ts';
import { createDebugExporter, type DebugStream } from '../../src/exporters/debug/exporter.ts';
import { debugExporter } from '../../src/exporters/debug/index.ts';
import { durationText } from '../../src/core/duration-text.ts';
import { attributeLines, eventLine, type Event } from '../../src/text/line.ts';
import { MAX_BUFFERED_BYTES } from '../../src/exporters/debug/output.ts';
import { cutText, padText, textWidth } from '../../src/text/width.ts';
import { encodeAttributes } from '../../src/otlp/wire.ts';
import { batchOf, imbalance, itemsOf, settingsFor, textBatch, until } from './support.ts';

const zone = process.env['TZ'];
beforeEach(() => void (process.env['TZ'] = 'UTC'));
afterEach(() => {
  if (zone === undefined) delete process.env['TZ'];
  else process.env['TZ'] = zone;
  vi.useRealTimers();
});

const endOfTurn = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

/** A stream that takes chunks only while it is open. */
const sink = ({ open = true, ...shape }: { open?: boolean; isTTY?: boolean; columns?: number } = {}) => {
  const chunks: string[] = [];
  let take: (() => void) | undefined;
  let isOpen = open;
  const stream = Object.assign(
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        const accept = () => {
          chunks.push(String(chunk));
          done();
        };
        if (isOpen) accept();
        else take = accept;
      },
    }),
    shape,
  ) as DebugStream;
  return {
    stream,
    /** What is there at the end of this turn of the event loop. */
    lines: async () => (await endOfTurn(), chunks.join('').split('\n').slice(0, -1)),
    text: async () => (await endOfTurn(), chunks.join('')),
    resume() {
      isOpen = true;
      take?.();
    },
  };
};

const setUp = async (config: object, target: ReturnType<typeof sink>, env: Record<string, string> = {}) => {
  const { settings, counters, warnings } = settingsFor('debug');
  const exporter = createDebugExporter({ settings, config: debugConfig.parse(config), stream: target.stream, env });
  await exporter.start();
  return { exporter, counters, warnings, items: () => itemsOf(counters) };
};

const sourceOf = (attributes: Parameters<typeof encodeAttributes>[0]): AttributeSource => {
  const bytes = encodeAttributes(attributes);
  return { size: () => bytes.length, write: (_id, out, at) => (out.set(bytes, at), at + bytes.length), entries: () => attributes };
};
const named = (batch: Batch, owner: string, path: string): Batch => ({
  ...batch,
  actorAttributes: [
    {
      source: sourceOf([
        ['process.owner', owner],
        ['process.executable.path', path],
      ]),
      ids: new Uint32Array(batch.frame.actors.count).fill(1),
    },
  ],
});

const execSchema: EventSchema = {
  eventName: 'ringtail.process.exec',
  fields: [
    { name: 'process.command_args', type: 'strings', column: 'args', count: 'argsKept' },
    { name: 'process.args_count', type: 'u32', column: 'argc' },
    { name: 'ringtail.args.truncated', type: 'bool', column: 'flags', mask: 1 },
  ],
};
const exec = (args: readonly (string | Uint8Array)[], argc = args.length, flags = 0): Batch =>
  named(batchOf(execSchema, [{ columns: { args, argc, flags } }]), 'root', '/usr/bin/ls');

const event = (name: string, attributes: Event['attributes']): Event => ({ name, unixNs: 1_795_229_102_123_456_789n, attributes });
const plain = { colour: false, width: undefined };
const resultOf = (name: string, attributes: Event['attributes']): string =>
  eventLine(event(name, [['process.pid', 1], ...attributes]), plain).slice(59);

describe('a line', () => {
  it('tells time, user, pid, executable and arguments', async () => {
    const target = sink();
    const { exporter } = await setUp({}, target);
    exporter.logs!(exec(['ls', '-la', '/tmp']));
    expect(await target.lines()).toEqual(['02:45:02.123  root         4711  /usr/bin/ls               ls -la /tmp']);
  });

  it.each<[string, string, Event['attributes'], string]>([
    [
      'a failed exec',
      'ringtail.process.exec',
      [
        ['error.type', 'ENOENT'],
        ['ringtail.file.requested', '/no/\u001bsuch'],
      ],
      'could not run /no/\\x1bsuch: ENOENT',
    ],
    ['arguments that were not wanted', 'ringtail.process.exec', [['process.args_count', 3]], '3 arguments'],
    ['one argument', 'ringtail.process.exec', [['process.args_count', 1]], '1 argument'],
    ['nothing known of arguments', 'ringtail.process.exec', [], ''],
    [
      'a cut list',
      'ringtail.process.exec',
      [
        ['process.command_args', ['a', '']],
        ['process.args_count', 9],
        ['ringtail.args.truncated', true],
      ],
      "a '' … (2 of 9 arguments)",
    ],
    [
      'a fork',
      'ringtail.process.fork',
      [
        ['ringtail.child.pid', 4712],
        ['ringtail.clone.flags', ['CLONE_VM', 'CLONE_VFORK']],
      ],
      'forked 4712 CLONE_VM CLONE_VFORK',
    ],
    [
      'a thread',
      'ringtail.process.fork',
      [
        ['ringtail.child.pid', 4712],
        ['ringtail.child.thread', true],
      ],
      'forked 4712 new thread',
    ],
    [
      'an exit',
      'ringtail.process.exit',
      [
        ['process.exit.code', 0],
        ['ringtail.duration_ns', 12_300_000],
      ],
      'exit 0 in 12 ms',
    ],
    ['an exit without a duration', 'ringtail.process.exit', [['process.exit.code', 3]], 'exit 3'],
    [
      'a kill',
      'ringtail.process.exit',
      [
        ['ringtail.exit.signal', 9],
        ['ringtail.duration_ns', 3_200_000_000],
      ],
      'killed by SIGKILL after 3.2 s',
    ],
    ['a real-time signal', 'ringtail.process.exit', [['ringtail.exit.signal', 40]], 'killed by signal 40'],
    [
      'a loss',
      'ringtail.loss',
      [
        ['ringtail.receiver', 'process'],
        ['ringtail.reason', 'ring_full'],
        ['ringtail.lost', 12],
        ['ringtail.window.start', 'A'],
        ['ringtail.window.end', 'B'],
      ],
      'LOST 12 events of process: ring_full, A to B',
    ],
    [
      'a loss of one',
      'ringtail.loss',
      [
        ['ringtail.receiver', 'process'],
        ['ringtail.reason', 'ring_full'],
        ['ringtail.lost', 1],
      ],
      'LOST 1 event of process: ring_full',
    ],
    [
      'a loss of unknown size',
      'ringtail.loss',
      [
        ['ringtail.receiver', 'process'],
        ['ringtail.reason', 'unclean_start'],
      ],
      'LOST events of process: unclean_start',
    ],
    [
      'any other event',
      'ringtail.io_uring.submit',
      [
        ['file.path', '/a b'],
        ['ringtail.fd', 3],
        ['process.owner', 'x'],
      ],
      'io_uring.submit file.path=/a b ringtail.fd=3',
    ],
  ])('of %s', (_case, name, attributes, wanted) => expect(resultOf(name, attributes)).toBe(wanted));

  it.each<[string, string, Event['attributes'], string]>([
    [
      'an open',
      'file.open',
      [
        ['file.path', '/a\nb'],
        ['ringtail.file.flags', ['O_RDWR', 'O_CREAT']],
        ['ringtail.file.deleted', true],
        ['ringtail.unverified', true],
      ],
      'opened /a\\nb O_RDWR O_CREAT (deleted) (unverified)',
    ],
    [
      'an open that failed',
      'file.open',
      [
        ['error.type', 'ENOENT'],
        ['file.path', '/no'],
        ['ringtail.path.truncated', true],
        ['ringtail.unverified', true],
        ['ringtail.file.flags', ['O_RDONLY']],
      ],
      'could not open …/no: ENOENT O_RDONLY',
    ],
    ['an unlink', 'file.unlink', [['ringtail.file.requested', 'x']], 'unlinked x'],
    [
      'a read',
      'file.read',
      [
        ['ringtail.io.requested', 4096],
        ['ringtail.io.transferred', 12],
        ['file.path', 'pipe:[7]'],
      ],
      'read 12 of 4096 bytes from pipe:[7]',
    ],
    [
      'a read that failed',
      'file.read',
      [
        ['error.type', 'EBADF'],
        ['ringtail.fd', 9],
        ['ringtail.io.requested', 1],
      ],
      'could not read from fd 9: EBADF',
    ],
    [
      'a sum of writes',
      'file.write',
      [
        ['ringtail.io.requested', 10],
        ['ringtail.io.transferred', 10],
        ['ringtail.io.calls', 5],
        ['file.path', '/log'],
      ],
      'wrote 10 bytes to /log in 5 calls',
    ],
    [
      'a connect',
      'network.connect',
      [
        ['network.transport', 'tcp'],
        ['network.peer.address', '2001:db8::1'],
        ['network.peer.port', 443],
        ['network.local.address', '2001:db8::2'],
        ['network.local.port', 40000],
      ],
      'connected tcp to [2001:db8::1]:443 at [2001:db8::2]:40000',
    ],
    [
      'a connect that failed',
      'network.connect',
      [
        ['error.type', 'ECONNREFUSED'],
        ['network.transport', 'unix'],
        ['network.peer.address', '@gone'],
        ['ringtail.unverified', true],
      ],
      'could not connect unix to @gone: ECONNREFUSED',
    ],
    [
      'a connect that goes on',
      'network.connect',
      [
        ['error.type', 'EINPROGRESS'],
        ['network.transport', 'tcp'],
      ],
      'connecting tcp',
    ],
    [
      'an accept',
      'network.accept',
      [
        ['network.transport', 'tcp'],
        ['network.peer.address', '192.0.2.1'],
        ['network.peer.port', 5],
      ],
      'accepted tcp from 192.0.2.1:5',
    ],
    [
      'a send',
      'network.send',
      [
        ['network.transport', 'udp'],
        ['network.peer.address', '192.0.2.1'],
        ['network.peer.port', 53],
        ['ringtail.io.transferred', 30],
        ['ringtail.io.requested', 30],
      ],
      'sent 30 bytes udp to 192.0.2.1:53',
    ],
    ['a receive of messages', 'network.receive', [['ringtail.network.protocol', 'icmp']], 'received icmp'],
    ['a close of what has no name', 'network.close', [], 'closed socket'],
    [
      'a call without an event of its own',
      'syscall.failed',
      [
        ['ringtail.syscall.name', 'clone3'],
        ['error.type', 'EAGAIN'],
        ['ringtail.clone.flags', ['CLONE_VM']],
      ],
      'clone3 failed: EAGAIN CLONE_VM',
    ],
  ])('of %s tells what became of it', (_case, name, attributes, wanted) => expect(resultOf(`ringtail.${name}`, attributes)).toBe(wanted));

  it.each<[Event['attributes'], string]>([
    [
      [
        ['ringtail.thread.comm', 'kworker/0:1'],
        ['ringtail.kernel_thread', true],
      ],
      '[kworker/0:1]',
    ],
    [[['ringtail.thread.comm', 'bash']], 'bash'],
    [[['process.executable.name', 'memfd:x']], 'memfd:x'],
    [[], ''],
  ])('names the program by %o', (attributes, wanted) => {
    expect(
      eventLine(event('ringtail.process.exec', [['process.pid', 1], ...attributes]), plain)
        .slice(33)
        .trim(),
    ).toBe(wanted);
  });

  it('of an event that nobody did', async () => {
    const target = sink();
    const { exporter } = await setUp({}, target);
    const schema: EventSchema = { eventName: 'ringtail.loss', fields: [{ name: 'ringtail.receiver', type: 'string', column: 'receiver' }] };
    const batch = batchOf(schema, [{ columns: { receiver: 'process' } }]);
    exporter.logs!({ ...batch, actor: Uint32Array.of(NO_ACTOR) });
    expect((await target.lines())[0]).toBe('02:45:02.123  LOST events of process:');
  });

  it('on a terminal has colours and the width of the terminal', async () => {
    const target = sink({ isTTY: true, columns: 64 });
    const { exporter } = await setUp({}, target);
    exporter.logs!(exec(['ls', 'x'.repeat(200)]));
    const [line] = await target.lines();
    expect(line).toContain('\u001b[35m');
    expect(stripVTControlCharacters(line!)).toBe(`02:45:02 root        4711 /usr/bin/ls     ls ${'x'.repeat(18)}…`);
    expect(textWidth(stripVTControlCharacters(line!))).toBe(64);
  });

  it.each([[{ NO_COLOR: '1' }], [{ TERM: 'dumb' }]])('has no colours with %o', async (env) => {
    const target = sink({ isTTY: true, columns: 200 });
    const { exporter } = await setUp({}, target, env as unknown as Record<string, string>);
    exporter.logs!(exec(['ls']));
    expect(await target.text()).not.toContain('\u001b');
  });

  it('is not cut and not coloured elsewhere', async () => {
    const target = sink();
    const { exporter } = await setUp({}, target);
    exporter.logs!(exec(['x'.repeat(10_000)]));
    expect((await target.lines())[0]).toContain('x'.repeat(10_000));
    expect(await target.text()).not.toContain('\u001b');
  });

  it('shows hostile arguments without obeying them', async () => {
    const target = sink();
    const { exporter } = await setUp({}, target);
    exporter.logs!(exec([Uint8Array.of(0x61, 0xff, 0x0a), '\u001b[2J', '\u202egnp', "it's", '', 'ü 漢', '\\', '\u009b']));
    expect(await target.lines()).toHaveLength(1);
    expect((await target.lines())[0]!.slice(59)).toBe("a\\xff\\n '\\x1b[2J' \\u202egnp 'it\\'s' '' 'ü 漢' \\\\ \\u009b");
  });
});

it('lines of one turn stand in the order in which things happened', async () => {
  const target = sink();
  const { exporter } = await setUp({}, target);
  const at = (eventName: string, times: readonly bigint[]): Batch =>
    batchOf(
      { eventName, fields: [] },
      times.map((bootNs) => ({ bootNs })),
    );
  exporter.logs!(at('first.kind', [10_000_000n, 30_000_000n]));
  exporter.logs!(at('second.kind', [20_000_000n, 40_000_000n]));
  const clocks = (await target.lines()).map((line) => line.slice(0, 12));
  expect(clocks).toHaveLength(4);
  expect(clocks).toEqual(clocks.toSorted());
});

describe('detailed', () => {
  it('adds every attribute on a line of its own', async () => {
    const target = sink();
    const { exporter } = await setUp({ verbosity: 'detailed' }, target);
    exporter.logs!(exec(['ls', 'a b']));
    expect((await target.lines()).slice(1).map((line) => line.trim().split(/ {2,}/))).toContainEqual(['process.command_args', "ls 'a b'"]);
    expect((await target.lines()).length).toBeGreaterThan(9);
    expect(new Set((await target.lines()).slice(1).map((line) => line.slice(0, 4)))).toEqual(new Set(['    ']));
  });

  it('escapes names too', () => expect(attributeLines(event('x', [['a\nb', 'c\nd']]), plain)).toEqual(['    a\\nb  c\\nd']));
});

describe('the container', () => {
  const id = 'c0ffee'.padEnd(64, '0');
  const process = [['process.pid', 7], ['process.owner', 'root'], ['process.executable.path', '/bin/a']] as const; // prettier-ignore
  const lineOf = (resource: readonly Attribute[], ...more: readonly Attribute[]) =>
    eventLine({ ...event('ringtail.process.exec', [...process, ...more, ['process.command_args', ['ls']]]), resource }, plain).slice(12);

  it.each([
    ['its name', [['container.id', id], ['container.name', 'web']], '[web]'],
    ['its name in the pod before that which a kubelet gave it', [['container.name', 'k8s_web_shop_0'], ['k8s.container.name', 'web']], '[web]'],
    ['the first digits of its id', [['container.id', id]], '[c0ffee000000]'],
    ['an id that is a name', [['container.id', 'machine-1']], '[machine-1]'],
    ['no more than a word', [['container.name', 'n'.repeat(40)]], `[${'n'.repeat(23)}…]`],
    ['nothing that a terminal would obey', [['container.name', 'a\u001b[2J\n']], String.raw`[a\x1b[2J\n]`],
  ] as const)('is shown behind the process: %s', (_what, resource, shown) => {
    expect(lineOf(resource)).toBe(`  root            7  ${'/bin/a'.padEnd(24)}  ${shown.padEnd(16)}  ls`);
  }); // prettier-ignore

  it('is a word when no more is known, and nothing where there is none', () => {
    expect(lineOf([], ['ringtail.container', true])).toBe(`  root            7  ${'/bin/a'.padEnd(24)}  ${'[CTR]'.padEnd(16)}  ls`);
    expect(lineOf([], ['ringtail.container', false])).toBe(`  root            7  ${'/bin/a'.padEnd(24)}  ls`);
    expect(lineOf([['service.name', 'nginx']])).toBe(`  root            7  ${'/bin/a'.padEnd(24)}  ls`);
  });

  it('stands alone where nobody did it, and is not said again among other attributes', () => {
    const shown = eventLine({ ...event('other.event', [['ringtail.container', true], ['a', 1]]), resource: [['container.name', 'web']] }, plain); // prettier-ignore
    expect(shown.slice(12)).toBe('  [web]  other.event a=1');
  });

  it('is that of the row or point, and so is the resource as JSON', async () => {
    const resource = { attributes: [['container.name', 'web']] as const };
    const rowResources = { ids: Uint32Array.of(0, 1, 0), list: [undefined, resource] };
    const batch: Batch = { ...textBatch(3), rowResources, selection: Uint32Array.of(2, 1) };
    const point = { attributes: [['k', 'v']] as const, startUnixNs: 0n, timeUnixNs: 1n };
    const metrics: MetricBatch = {
      receiver: 'syscalls',
      resource: { attributes: [['container.name', 'other']] },
      metrics: [{ name: 'a', description: '', unit: 'By', type: 'gauge', points: [{ ...point, value: 1n, resource }, { ...point, value: 2n }] }],
    }; // prettier-ignore
    const [text, json] = [sink(), sink()];
    const exporters = [await setUp({}, text), await setUp({ format: 'json' }, json)];
    for (const { exporter } of exporters) {
      exporter.logs!(batch);
      exporter.metrics!(metrics);
    }
    expect((await text.lines()).map((line) => line.slice(12))).toEqual([
      '  0            4711  bash                      test.event text=2 xxxxxxxx',
      '  0            4711  bash                      [web]             test.event text=1 xxxxxxxx',
      '  a 1 By [web] k=v',
      '  a 2 By [other] k=v',
    ]);
    const resources = (await json.lines()).map((line) => (JSON.parse(line) as { readonly resource?: object }).resource);
    const [web, other] = ['web', 'other'].map((name) => ({ 'container.name': name }));
    expect(resources).toEqual([undefined, web, web, other]);
  });
});

it("shows a resource that is not the host's, with all details and as JSON", async () => {
  const batch = { ...textBatch(1), resource: { attributes: [['service.name', 'audit']] as const } };
  const detailed = sink();
  (await setUp({ verbosity: 'detailed' }, detailed)).exporter.logs!(batch);
  expect((await detailed.lines()).at(-1)!.trim().split(/ {2,}/)).toEqual(['resource service.name', 'audit']);
  const json = sink();
  (await setUp({ format: 'json' }, json)).exporter.logs!(batch);
  expect(JSON.parse(await json.text())).toMatchObject({ resource: { 'service.name': 'audit' } });
});

it('tells the trace and span of a record, and the trace alone where no more is known', async () => {
  const [trace, span] = [Uint8Array.from({ length: 16 }, (_, i) => i), Uint8Array.from({ length: 8 }, (_, i) => 0xa0 + i)];
  const bytes = Buffer.concat([trace, span, trace, Buffer.alloc(8)]);
  const strings = { bytes, offsets: Uint32Array.of(0, 0, 24), lengths: Uint32Array.of(0, 24, 24), count: 3 };
  const inTrace = (id: number): Batch => ({ ...exec(['ls']), contexts: { strings, ids: Uint32Array.of(id) } });
  const ids = { trace_id: '000102030405060708090a0b0c0d0e0f', span_id: 'a0a1a2a3a4a5a6a7' };
  const shown = async (config: object, id: number): Promise<readonly string[]> => {
    const target = sink();
    (await setUp(config, target)).exporter.logs!(inTrace(id));
    return target.lines();
  };
  const membersOf = async (id: number): Promise<Readonly<Record<string, unknown>>> => JSON.parse((await shown({ format: 'json' }, id))[0]!);
  expect(await membersOf(1)).toMatchObject(ids);
  expect(await membersOf(2)).toMatchObject({ trace_id: ids.trace_id });
  for (const [id, names] of [[2, ['span_id']], [0, ['trace_id', 'span_id']]] as const) for (const name of names) expect(await membersOf(id)).not.toHaveProperty(name);
  const lines = (await shown({ verbosity: 'detailed' }, 1)).map((line) => line.trim().split(/ {2,}/));
  expect(lines.slice(1, 3)).toEqual([['trace', ids.trace_id], ['span', ids.span_id]]);
}); // prettier-ignore

describe('json', () => {
  it('is one object a line with everything', async () => {
    const target = sink({ isTTY: true, columns: 20 });
    const { exporter } = await setUp({ format: 'json', verbosity: 'basic' }, target);
    exporter.logs!(exec([Uint8Array.of(0x61, 0xff), '\u001b\u009b\u202e\n']));
    const [line] = await target.lines();
    expect(JSON.parse(line!)).toMatchObject({
      time: '2026-11-21T02:45:02.123456789Z',
      event: 'ringtail.process.exec',
      receiver: 'process',
      attributes: { 'process.pid': 4711, 'process.owner': 'root', 'process.command_args': ['a\ufffd', '\u001b\u009b\u202e\n'] },
    });
    // oxlint-disable-next-line no-control-regex -- they are what is meant
    expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/);
  });

  it('keeps integers beyond 2^53 exact', async () => {
    const target = sink();
    const { exporter } = await setUp({ format: 'json' }, target);
    exporter.logs!(
      batchOf({ eventName: 'x', fields: [{ name: 'wide', type: 'u64', column: 'wide' }] }, [{ columns: { wide: 2n ** 60n } }]),
    );
    expect(JSON.parse((await target.lines())[0]!)).toMatchObject({ attributes: { wide: String(2n ** 60n) } });
  });
});

describe('basic', () => {
  it('counts once a second and at the end', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date'], now: Date.UTC(2026, 10, 21, 2, 45) });
    const target = sink();
    const { exporter, items } = await setUp({ verbosity: 'basic' }, target);
    exporter.logs!(textBatch(3));
    exporter.logs!(exec(['ls']));
    exporter.logs!(exec(['ls']));
    vi.advanceTimersByTime(1000);
    vi.advanceTimersByTime(5000);
    exporter.logs!(textBatch(1));
    await exporter.stop(1000);
    expect(await target.lines()).toEqual(['02:45:01.000  test.event 3  process.exec 2', '02:45:06.000  test.event 1']);
    expect(items()).toEqual({ accepted: 6, sent: 6 });
  });
});

describe('a slow reader', () => {
  it('costs a bounded buffer, then events are dropped and counted', async () => {
    const target = sink({ open: false });
    const { exporter, items, warnings, counters } = await setUp({}, target);
    for (let i = 0; i < 100; i++) {
      exporter.logs!(textBatch(100, 1000));
      expect(target.stream.writableLength).toBeLessThanOrEqual(MAX_BUFFERED_BYTES);
      expect(imbalance(counters)).toBe(0);
    }
    const { held, accepted, 'dropped/queue_full': dropped } = items();
    expect(accepted).toBe(10_000);
    expect(held).toBeGreaterThan(3000);
    expect(dropped).toBe(10_000 - held!);
    expect(warnings).toHaveLength(1);
    target.resume();
    await until(() => items()['sent'] === held);
    expect(await target.lines()).toHaveLength(held!);
    exporter.logs!(textBatch(5));
    await exporter.stop(1000);
    expect(items()).toEqual({ accepted: 10_005, sent: held! + 5, 'dropped/queue_full': dropped });
  });

  it('does not hold up the end', async () => {
    const target = sink({ open: false });
    const { exporter, items } = await setUp({}, target);
    exporter.logs!(textBatch(3));
    await exporter.stop(20);
    expect(items()).toEqual({ accepted: 3, 'dropped/shutdown': 3 });
    target.resume();
    await until(() => target.stream.writableLength === 0);
    exporter.logs!(textBatch(2));
    expect(items()).toEqual({ accepted: 5, 'dropped/shutdown': 5 });
  });

  it('that is gone is counted', async () => {
    const stream = new Writable({ write: (_chunk, _encoding, done) => done(new Error('EPIPE')) });
    const { exporter, items } = await setUp({}, { ...sink(), stream });
    exporter.logs!(textBatch(3));
    await until(() => items()['failed/closed'] === 3);
    expect(items()).toEqual({ accepted: 3, 'failed/closed': 3 });
  });
});

it('the factory makes one for standard output', async () => {
  const { settings } = settingsFor('debug');
  const exporter = debugExporter.create(settings, debugConfig.parse({}) as never);
  const before = process.stdout.listenerCount('error');
  await exporter.start();
  expect(process.stdout.listenerCount('error')).toBe(before + 1);
  await exporter.stop(0);
  expect(process.stdout.listenerCount('error')).toBe(before);
});

describe('text', () => {
  it('never leaves a character that a terminal obeys', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 30 }), (bytes) => {
        const shown = quoteArgument(decodeKeepingBytes(bytes));
        expect(shown).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
      }),
      { numRuns: 2000 },
    );
  });

  it('can be told apart whatever the bytes', () => {
    const bytes = fc
      .array(fc.constantFrom(0x5c, 0x78, 0x66, 0xff, 0xc3, 0xbf, 0x0a, 0x6e), { maxLength: 6 })
      .map((values) => Uint8Array.from(values));
    fc.assert(
      fc.property(bytes, bytes, (a, b) => {
        fc.pre(a.join() !== b.join());
        expect(escapeText(decodeKeepingBytes(a))).not.toBe(escapeText(decodeKeepingBytes(b)));
      }),
      { numRuns: 2000 },
    );
  });

  it('is cut to its width', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', 'é', '漢', '🎉', 'e\u0301') }), fc.nat(30), (text, width) => {
        const cut = cutText(text, width);
        expect(textWidth(cut)).toBeLessThanOrEqual(width);
        expect(cut === text).toBe(textWidth(text) <= width);
        expect(cut === text || width === 0 || cut.endsWith('…')).toBe(true);
        expect(textWidth(padText(cut, width))).toBe(Math.max(width, textWidth(cut)));
      }),
    );
  });

  it.each([
    [850_400, '850 µs'],
    [12_000_000, '12 ms'],
    [3_240_000_000, '3.2 s'],
    [125_000_000_000, '2 min 5 s'],
    [11_520_000_000_000, '3 h 12 min'],
  ])('%d ns', (ns, wanted) => expect(durationText(ns)).toBe(wanted));
});
