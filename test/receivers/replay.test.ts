import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import { rowsOf, type Batch } from '../../src/core/batch.ts';
import { createCounters } from '../../src/core/counters.ts';
import { RuntimeError } from '../../src/core/errors.ts';
import type { Settings } from '../../src/core/component.ts';
import { logsToJson } from '../../src/otlp/to-json.ts';
import { createLogWriter } from '../../src/otlp/log-writer.ts';
import { attributesOf } from '../../src/otlp/log-text.ts';
import { createStripper } from '../../src/processors/attributes/strip.ts';
import { replayConfig } from '../../src/receivers/replay/config.ts';
import { replayReceiver } from '../../src/receivers/replay/index.ts';
import { readMessages } from '../../src/receivers/replay/messages.ts';
import { createOtlpBatches } from '../../src/receivers/replay/otlp-batches.ts';
import { createPace } from '../../src/receivers/replay/pace.ts';
import { bytesSource } from '../../src/kernel/capture/reader.ts';
import { logsFromJson } from '../../src/otlp/from-json.ts';
import { ProtoError } from '../../src/otlp/proto-cursor.ts';
import { callChunks, fileOf, sampleChunks } from '../support/captures.ts';
import { decodeRequest, otlp } from '../support/otlp.ts';
import { createRandom } from '../support/random.ts';
import { until } from '../exporters/support.ts';

const temporary = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'ringtail-replay-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
};
const fileWith = (bytes: Uint8Array | string, name = 'file'): string => {
  const path = join(temporary(), name);
  writeFileSync(path, bytes);
  return path;
};

const encode = (message: object): Buffer => Buffer.from(otlp.collector.logs.v1.ExportLogsServiceRequest.encode(message).finish());
const record = (eventName: string, time: number, more: object = {}) => ({
  timeUnixNano: `${1_795_000_000_000_000_000n + BigInt(time)}`,
  observedTimeUnixNano: '1',
  severityNumber: 9,
  severityText: 'INFO',
  eventName,
  attributes: [
    { key: 'n', value: { intValue: String(time) } },
    { key: 'list', value: { arrayValue: { values: [{ stringValue: 'a' }, { stringValue: 'b' }] } } },
  ],
  ...more,
});
const requests = [
  encode({
    resourceLogs: [
      {
        resource: { attributes: [{ key: 'host.name', value: { stringValue: 'one' } }] },
        scopeLogs: [
          {
            scope: { name: 'ringtail/process', version: '1.2.3' },
            logRecords: [record('a', 1), record('a', 2), record('b', 3), record('a', 4)],
          },
        ],
      },
      {
        resource: { attributes: [{ key: 'host.name', value: { stringValue: 'two' } }] },
        scopeLogs: [{ scope: { name: 'somebody', version: '7' }, logRecords: [record('c', 5)] }],
      },
    ],
  }),
  encode({
    resourceLogs: [
      {
        resource: { attributes: [{ key: 'host.name', value: { stringValue: 'one' } }] },
        scopeLogs: [{ scope: { name: 'ringtail/process', version: '1.2.3' }, logRecords: [record('a', 6)] }],
      },
    ],
  }),
];
const framed = (messages: readonly Uint8Array[]): Buffer =>
  Buffer.concat(
    messages.flatMap((message) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(message.length);
      return [length, message];
    }),
  );
const lines = (messages: readonly Buffer[]): string => messages.map((message) => `${logsToJson(message)}\n`).join('');

type Ready = () => Promise<void> | undefined;

/** A replay that runs, and what it emits. */
const play = (config: object, readiness: Ready = () => undefined) => {
  const batches: { readonly rows: number; readonly names: readonly string[] }[] = [];
  const sent: Buffer[] = [];
  const log: { readonly message: string; readonly fields: object }[] = [];
  const keep = (fields: object, message: string) => void log.push({ fields, message });
  const settings: Settings = {
    id: 'replay/x',
    logger: { debug() {}, info: keep, warn: keep, error: keep },
    counters: createCounters(),
    version: '1.2.3',
    resource: [],
    kernel: { hub: { readiness } },
  };
  const receiver = replayReceiver.create(settings as never, replayConfig.parse(config) as never);
  const writer = createLogWriter({ resource: [], version: '1.2.3', onRequest: ({ bytes }) => sent.push(Buffer.from(bytes)) });
  receiver.logs$!.subscribe((batch: Batch) => {
    batches.push({ rows: rowsOf(batch), names: attributesOf(batch, 0).map(([name]) => name) });
    writer.append(batch);
  });
  onTestFinished(() => receiver.stop(1_000));
  return {
    receiver,
    batches,
    log,
    async finish() {
      await receiver.start();
      const error = await receiver.finished;
      writer.flush();
      return { error, decoded: sent.map(decodeRequest) };
    },
  };
};

/** Resource, scope and record of every record, without what is the replay's own. */
const plainOf = (decoded: readonly ReturnType<typeof decodeRequest>[]) =>
  decoded.flatMap(({ records }) => records.map((one) => ({ ...one, observedNs: 0n })));

describe('files of OTLP', () => {
  const json = lines(requests);
  it.each([
    ['otlp_json', json],
    ['otlp_proto', framed(requests)],
    ['otlp_json', framed(requests.map((message) => zstdCompressSync(logsToJson(message))))],
    ['otlp_proto', framed(requests.map((message) => zstdCompressSync(message)))],
    ['otlp_json', framed(requests.map((message) => gzipSync(logsToJson(message))))],
    // without the last line feed, with empty lines between
    ['otlp_json', `${json.replaceAll('\n', '\n\n').trimEnd()}`],
  ])('come out as they went in: %s', async (format, bytes) => {
    const path = fileWith(bytes);
    const wanted = plainOf(requests.map(decodeRequest)).map((one) =>
      one.scope === 'somebody' ? { ...one, scope: 'ringtail/replay', version: '1.2.3' } : one,
    );
    for (const config of [{ path }, { path: [path], format }]) {
      const { error, decoded } = await play(config).finish();
      expect(error).toBeUndefined();
      // one request has both resources in it, and groups them
      const sort = (all: typeof wanted) => all.toSorted((a, b) => Number(a.timeNs - b.timeNs));
      expect(sort(plainOf(decoded))).toEqual(wanted);
      expect(decoded.flatMap(({ resources }) => resources)).toEqual([[['host.name', 'one']], [['host.name', 'two']]]);
    }
  });

  it('keep their order within a request, a batch for each run of a kind', async () => {
    const { batches, finish } = play({ path: fileWith(json) });
    await finish();
    expect(batches.map(({ rows }) => rows)).toEqual([2, 1, 1, 1, 1]);
    expect(batches[0]!.names).toEqual(['n', 'list']);
  });

  it('have arguments where a live run has them, and nothing else that only looks like it', () => {
    const list = (...values: readonly object[]) => ({ arrayValue: { values } });
    const text = (stringValue: string) => ({ stringValue });
    const attribute = (value: object, key = 'process.command_args') => ({ key, value });
    const of = (...attributes: readonly object[]) => ({ ...record('e', 1), attributes });
    const cut = (boolValue: boolean) => attribute({ boolValue }, 'ringtail.args.truncated');
    const logRecords = [
      of(attribute(list(text('a'), text(''), text('--password=x'))), cut(true), attribute(text('z'), 'other')),
      of(attribute(text('no list'))),
      of(attribute(list(text('a'), { intValue: '1' }))),
      of(attribute(list())),
      of(cut(false)),
      of(attribute(list(text('one'))), attribute(list(text('two')))),
    ];
    const message = encode({ resourceLogs: [{ scopeLogs: [{ scope: {}, logRecords }], resource: {} }] });
    const [batch] = createOtlpBatches('replay').of(message).batches;
    expect(Array.from({ length: 6 }, (_, row) => attributesOf(batch!, row))).toEqual([
      [['other', 'z'], ['process.command_args', ['a', '', '--password=x']], ['ringtail.args.truncated', true]],
      [['process.command_args', 'no list']],
      [['process.command_args', '["a",1]']],
      [['process.command_args', []]],
      [['ringtail.args.truncated', false]],
      [['process.command_args', ['two']], ['process.command_args', ['one']]],
    ]); // prettier-ignore
    expect(batch!.columns['argsKept']).toEqual(Uint32Array.of(3, 0, 0, 0, 0, 1));
    const written: Buffer[] = [];
    const writer = createLogWriter({ resource: [], version: '1', onRequest: ({ bytes }) => written.push(bytes) });
    writer.append(batch!);
    writer.flush();
    const wanted = '"values":[{"stringValue":"a"},{"stringValue":""},{"stringValue":"--password=x"}]';
    expect(logsToJson(written[0]!).toString()).toContain(wanted);
  });

  it('keep severity, body, trace and flags, also behind a processor', () => {
    const trace = { traceId: Buffer.alloc(16, 1), spanId: Buffer.alloc(8, 2), flags: 1 };
    const logRecords = [
      record('a', 1, { body: { stringValue: 'n' }, droppedAttributesCount: 3 }),
      record('a', 2, { severityNumber: 17, severityText: 'Füß' }),
      record('a', 3, trace),
      record('a', 4, { severityNumber: 13, severityText: '' }),
      record('a', 5, { severityNumber: 0, severityText: 'own' }),
      record('a', 6, { severityNumber: undefined, severityText: undefined }),
      record('a', 7, { traceId: Buffer.alloc(15, 1), spanId: Buffer.alloc(3, 1) }),
    ];
    const written: Buffer[] = [];
    const writer = createLogWriter({ resource: [], version: '1', onRequest: ({ bytes }) => written.push(bytes) });
    const message = encode({ resourceLogs: [{ scopeLogs: [{ logRecords }] }] });
    const [batch] = createOtlpBatches('replay').of(message).batches;
    expect([...batch!.severities!]).toEqual([9, 17, 9, 13, 0, 9, 9]);
    const strip = createStripper({ names: new Set(['n']), patterns: [] });
    for (const one of [batch!, strip(batch!)]) writer.append(one);
    writer.flush();
    const { records } = decodeRequest(written[0]!);
    const common = { timeUnixNano: undefined, observedTimeUnixNano: undefined, eventName: undefined, attributes: undefined };
    type Written = { readonly resourceLogs: readonly { readonly scopeLogs: readonly { readonly logRecords: readonly object[] }[] }[] };
    const all = (JSON.parse(String(logsToJson(written[0]!))) as Written).resourceLogs[0]!.scopeLogs[0]!.logRecords;
    const wanted = [
      { severityNumber: 9, severityText: 'INFO', body: { stringValue: 'n' }, droppedAttributesCount: 3 },
      { severityNumber: 17, severityText: 'Füß' },
      { severityNumber: 9, severityText: 'INFO', traceId: '01'.repeat(16), spanId: '02'.repeat(8), flags: 1 },
      { severityNumber: 13, severityText: '' },
      { severityNumber: 0, severityText: 'own' },
      { severityNumber: 9, severityText: 'INFO' },
      { severityNumber: 9, severityText: 'INFO' },
    ];
    const rest = all.map((one) => JSON.parse(JSON.stringify({ ...one, ...common })) as object);
    expect(rest).toEqual([...wanted, ...wanted]);
    expect(records.map(({ severityNumber, severityText }) => ({ severityNumber, severityText }))).toEqual(
      [...wanted, ...wanted].map(({ severityNumber, severityText }) => ({ severityNumber, severityText })),
    );
    expect(records.map(({ attributes }) => attributes.map(([name]) => name).join())).toEqual([
      ...wanted.map(() => 'n,list'),
      ...wanted.map(() => 'list'),
    ]);
  });

  it.each([
    ['cut in a line', json.slice(0, -20)],
    ['cut in a message', framed(requests).subarray(0, -1)],
    ['cut in a length', Buffer.concat([framed(requests.slice(0, 1)), Buffer.alloc(3)])],
  ])('that were %s are played up to there', async (_what, bytes) => {
    const { finish, log } = play({ path: fileWith(bytes) });
    const { error, decoded } = await finish();
    expect(error).toBeUndefined();
    expect(plainOf(decoded).length).toBe(5);
    expect(log.map(({ message }) => message)).toContain('the file was cut off; its last whole message was the last');
  });

  it.each([
    ['a line is none of JSON', `${json}{]\n${json}`, 6],
    ['a length is a lie', Buffer.concat([framed(requests), Buffer.from([0x10, 0, 0, 0])]), 6],
    ['a message is no protobuf', framed([...requests, Buffer.from([0xff, 0xff])]), 6],
    ['a message cannot be decompressed', framed([zstdCompressSync(requests[0]!), Buffer.concat([zstdCompressSync(requests[0]!).subarray(0, 8), Buffer.alloc(9, 1)])]), 5],
  ])('end in an error where %s, with what came before played', async (_what, bytes, count) => {
    const { receiver, finish } = play({ path: fileWith(bytes) });
    const { error, decoded } = await finish();
    expect(error).toBeInstanceOf(RuntimeError);
    expect(error!.message).toContain('damaged');
    expect(plainOf(decoded).length).toBe(count);
    expect(receiver.health!()).toMatchObject({ status: 'failed' });
  }); // prettier-ignore

  it('that are empty have nothing to say', async () => {
    expect(await play({ path: fileWith('') }).finish()).toEqual({ error: undefined, decoded: [] });
  });
});

describe('a replay', () => {
  it('plays captures with the resource of where they were recorded, in the name of the process receiver', async () => {
    const { decoded } = await play({ path: fileWith(fileOf(sampleChunks())), capture: { events: ['exec'] } }).finish();
    expect(decoded.map(({ resources, scopes }) => [resources, scopes])).toEqual([
      [[[['host.name', 'elsewhere']]], [['ringtail/process', 4]]],
    ]);
  });

  it('plays system calls as the receiver of them tells them, by the numbers of the machine that they were made on', async () => {
    const { decoded } = await play({ path: fileWith(fileOf(callChunks())) }).finish();
    expect(decoded.map(({ resources, scopes }) => [resources, scopes])).toEqual([
      [[[['host.name', 'elsewhere']]], [['ringtail/syscalls', 4]]],
    ]);
    const told = decoded[0]!.records.map(({ eventName, attributes }) => [eventName, Object.fromEntries(attributes)] as const);
    expect(told).toMatchObject([
      ['ringtail.file.open', { 'file.path': '/etc', 'ringtail.file.flags': ['O_RDONLY', 'O_DIRECTORY'], 'ringtail.thread.comm': 'sshd' }],
      ['ringtail.file.read', { 'error.type': 'EBADF' }],
      ['ringtail.network.connect', { 'network.peer.address': '127.0.0.1', 'network.peer.port': 22 }],
      ['ringtail.loss', { 'ringtail.receiver': 'syscalls', 'ringtail.reason': 'rate_limited', 'ringtail.lost': 5 }],
    ]);
  });

  it('plays all files, as often as it is told', async () => {
    const [one, two] = [fileWith(lines(requests)), fileWith(framed(requests.slice(1)))];
    const { error, decoded } = await play({ path: [one, two], repeat: 3 }).finish();
    expect(error).toBeUndefined();
    expect(plainOf(decoded).length).toBe(3 * 7);
  });

  it('does not start without its file', async () => {
    const missing = join(temporary(), 'missing');
    await expect(play({ path: missing }).receiver.start()).rejects.toMatchObject({ cause: { code: 'ENOENT' } });
  });

  it('waits while somebody holds back, and ends when it is stopped meanwhile', async () => {
    let held = Promise.withResolvers<void>();
    let isHeld = true;
    const { receiver, batches } = play({ path: fileWith(lines(requests)) }, () => (isHeld ? held.promise : undefined));
    let asked = 0;
    await receiver.start();
    for (let turn = 0; turn < 100; turn++) asked += await new Promise<number>((resolve) => setImmediate(resolve, 1));
    expect([asked, batches.length]).toEqual([100, 0]);
    isHeld = false;
    held.resolve();
    await until(() => batches.length === 4);
    held = Promise.withResolvers();
    await receiver.stop(1_000);
    // what was emitted by then is all that there was time for
    expect(batches.length).toBeGreaterThanOrEqual(4);

    const blocked = play({ path: fileWith(lines(requests)), repeat: 0, at_end: 'wait' }, () => new Promise(() => {}));
    await blocked.receiver.start();
    await blocked.receiver.stop(1_000);
    expect(blocked.batches).toEqual([]);
  });

  it('keeps the pauses that there were when it is told to, and cuts none short but at the end', async () => {
    const stopping = new AbortController();
    const pace = createPace('recorded', stopping.signal);
    await pace(1_000);
    await pace(900); // a clock that was set back
    let isOver = false;
    const pause = pace(1_000_000_000).then(() => (isOver = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(isOver).toBe(false);
    stopping.abort();
    await pause;
    expect(isOver).toBe(true);
  });
});

it('ten thousand damaged files end in an error or a run', { timeout: 300_000 }, async () => {
  const bases = [
    Buffer.from(lines(requests)),
    framed(requests),
    framed(requests.map((message) => zstdCompressSync(message))),
    framed(requests.map((message) => gzipSync(logsToJson(message)))),
  ];
  const random = createRandom(99);
  const writer = createLogWriter({ resource: [], version: '1', onRequest: () => {} });
  const otlpBatches = createOtlpBatches('replay');
  let [errors, runs, rows] = [0, 0, 0];
  for (let i = 0; i < 10_000; i++) {
    const base = bases[random.below(bases.length)]!;
    const bytes = Buffer.from(base.subarray(0, random.below(4) === 0 ? random.below(base.length) : base.length));
    random.mutate(bytes, random.below(6));
    const source = bytesSource(bytes);
    const file = {
      read: async (into: Buffer, offset: number, length: number) => ({
        bytesRead: await source.read(into.subarray(offset, offset + length)),
        buffer: into,
      }),
    };
    try {
      for await (const message of readMessages(file as never, 'file')) {
        const request = message.bytes[0] === 0x7b ? logsFromJson(message.bytes.toString()) : message.bytes;
        for (const batch of otlpBatches.of(request).batches) {
          rows += batch.rows;
          writer.append(batch);
          for (let row = 0; row < batch.rows; row++) attributesOf(batch, row);
        }
      }
      runs++;
    } catch (error) {
      if (!(error instanceof ProtoError || error instanceof RuntimeError)) throw error;
      errors++;
    }
  }
  expect(errors).toBeGreaterThan(1_000);
  expect(runs).toBeGreaterThan(1_000);
  expect(rows).toBeGreaterThan(10_000);
});
