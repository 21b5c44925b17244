import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import { rowsOf, type Batch } from '../../src/core/batch.ts';
import { createFrameBuilder } from '../../src/core/frame-builder.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { CaptureError, chunkType, encodeFrame, encodeJson, encodeNames } from '../../src/kernel/capture/format.ts';
import { createRecorder } from '../../src/kernel/capture/recorder.ts';
import { createCaptureWriter, openCaptureWriter } from '../../src/kernel/capture/writer.ts';
import { loadAddon } from '../../src/kernel/addon.ts';
import { decodeFrame } from '../../src/kernel/decode.ts';
import type { KernelFrame } from '../../src/kernel/frames.ts';
import { createHub, type LossByKind } from '../../src/kernel/hub.ts';
import { actorLayout, eventKind, eventLayouts } from '../../src/kernel/layouts.gen.ts';
import { createProcessTable } from '../../src/kernel/lifecycle/process-table.ts';
import { createRecordedNames } from '../../src/kernel/capture/recorded-names.ts';
import { lookupsOf, type KernelLookups } from '../../src/kernel/service-types.ts';
import { contextOf } from '../../src/otlp/trace-context.ts';
import { attributesOf } from '../../src/otlp/log-text.ts';
import { createProcessColumns } from '../../src/processors/resolve-process/columns.ts';
import { processConfig } from '../../src/receivers/shared/process-config.ts';
import { subscribeProcessEvents } from '../../src/receivers/shared/process-events.ts';
import { about, fileOf, playBytes, putTogether, recordOf, sampleChunks, sampleTrace, takeApart } from '../support/captures.ts';

const temporary = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'ringtail-capture-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
};

/** Events of a replay as names and attributes. */
const eventsOf = async (bytes: Uint8Array) => {
  const events: (readonly [string, Readonly<Record<string, unknown>>])[] = [];
  const losses: unknown[] = [];
  const outcome = await playBytes(bytes, ({ hub, lookups }) => {
    const columns = createProcessColumns(lookups, 1);
    subscribeProcessEvents(hub, {
      receiver: 'process',
      config: processConfig.parse({}),
      processes: lookups.processes,
      next(batch: Batch) {
        const named = columns(batch);
        for (let row = 0; row < rowsOf(batch); row++) events.push([batch.kind.eventName, Object.fromEntries(attributesOf(named, row))]);
      },
    });
    hub.subscribe({ kinds: [eventKind.exec, eventKind.exit], onBatch() {}, onLoss: (loss) => losses.push([loss.reason, loss.lost]) });
  });
  return { events, losses, outcome };
};

describe('a replay', () => {
  it('names processes by what the capture holds, and tells its losses', async () => {
    const { events, losses, outcome } = await eventsOf(fileOf(sampleChunks()));
    expect(outcome).toEqual({ records: 7, ending: 'complete' });
    expect(losses).toEqual([
      ['ring_full', 7],
      ['not_captured', 4],
    ]);
    const told = events.filter(([name]) => name !== 'ringtail.loss');
    expect(told.map(([name, { 'process.executable.path': path, 'process.linux.cgroup': cgroup }]) => [name, path, cgroup])).toEqual([
      ['ringtail.process.fork', '/sbin/init', '/user.slice'],
      ['ringtail.process.exec', '/bin/cat', '/user.slice'],
      // kinds come in the order of their numbers
      ['ringtail.process.exec', '/bin/ls\ufffd', '/user.slice'],
      ['ringtail.process.exit', '/bin/ls\ufffd', '/user.slice'],
      ['ringtail.process.exit', '/bin/sh', undefined],
      ['ringtail.process.exec', '/bin/cat', '/user.slice'],
    ]);
    expect(told[1]![1]['process.command_args']).toEqual(['cat', '--password', 'x y']);
    expect(told.at(-2)![1]['ringtail.attribution']).toBe('procfs');
  });

  it('tells in which trace a thread was', async () => {
    const told: (readonly [string, string | undefined])[] = [];
    await playBytes(fileOf(sampleChunks()), ({ hub, lookups }) =>
      subscribeProcessEvents(hub, {
        receiver: 'process',
        config: processConfig.parse({}),
        processes: lookups.processes,
        next(batch: Batch) {
          for (let row = 0; row < rowsOf(batch); row++) told.push([batch.kind.eventName, contextOf(batch, row)?.traceId]);
        },
      }),
    );
    const wanted = [['ringtail.process.exit', sampleTrace.toString('hex')]];
    expect(told.filter(([, traceId]) => traceId !== undefined)).toEqual(wanted);
  });

  it('tells of cgroups as the run did', async () => {
    const maker = { pid: 10, tid: 10, startNs: 10n, cgroupId: 77n };
    const records = [
      recordOf('cgroupMade', 1n, maker, { cgroupId: 88n, level: 1, path: '/short' }),
      recordOf('exec', 2n, { pid: 11, tid: 11, startNs: 11n, cgroupId: 88n }, { path: '/bin/true' }),
      recordOf('cgroupGone', 3n, maker, { cgroupId: 88n }),
    ];
    const owners = new Uint32Array(2);
    const told: string[] = [];
    const chunks = [
      encodeJson(chunkType.about, about),
      encodeFrame({ sequence: 0, wallOffsetNs: 0n, atMs: 5, rows: records.length, records: Buffer.concat(records) }),
      encodeNames({ texts: ['/', '/short'], owners, logins: owners, cgroups: Uint32Array.of(1, 2) }),
      encodeJson(chunkType.end, { reason: 'signal', frames: 1, records: 3, skipped: 0, lost: 0 }),
    ];
    let cgroups!: KernelLookups['cgroups'];
    const outcome = await playBytes(fileOf(chunks), ({ lookups }) => {
      ({ cgroups } = lookups);
      cgroups.onChange(({ kind, cgroup, pid }) => told.push(`${kind} ${cgroup.path} ${pid}`));
    });
    expect(outcome).toEqual({ records: 3, ending: 'complete' });
    expect(told).toEqual(['made /short 10', 'gone /short 10']);
    expect([cgroups.path(77n), cgroups.path(88n), cgroups.info(88n)?.goneAtMs]).toEqual(['/', '/short', expect.any(Number)]);
  });

  it('knows a frame whose strings a processor has replaced', async () => {
    const owners: unknown[] = [];
    await playBytes(fileOf(sampleChunks()), ({ hub, lookups }) => {
      hub.subscribe({
        kinds: [eventKind.exec],
        onBatch(_batch, frame) {
          const other = { ...frame, strings: { ...frame.strings } };
          const { users } = lookupsOf(other, undefined as never);
          expect(users).toBe(lookups.users);
          owners.push(Array.from(users.resolve(other).owners, (id) => users.ownerSource.entries(id)[0]?.[1]));
        },
        onLoss() {},
      });
    });
    expect(owners).toEqual([
      ['alice', 'alice'],
      ['alice', 'alice', 'root'],
    ]);
  });

  it('says where a capture ends that was cut off, after every whole chunk', async () => {
    const whole = fileOf(sampleChunks());
    const lengths = sampleChunks().map((chunk) => chunk.reduce((sum, part) => sum + part.length, 0));
    for (let chunks = 0, end = 36; chunks < lengths.length; end += lengths[chunks++]!) {
      for (const bytes of [whole.subarray(0, end), whole.subarray(0, end + 11), whole.subarray(0, end + lengths[chunks]! - 1)])
        expect(await playBytes(bytes)).toMatchObject({ ending: 'cut', records: chunks < 3 ? 0 : chunks < 9 ? 3 : 7 });
    }
  });
});

const withHead = (change: (head: Buffer) => void, isSealed = true): Buffer => {
  const bytes = Buffer.from(fileOf(sampleChunks()));
  change(bytes);
  if (isSealed) bytes.writeUInt32LE(crc32(bytes.subarray(0, 32)), 32);
  return bytes;
};
const without = (type: number) => putTogether(takeApart(fileOf(sampleChunks())).filter((part) => part.type !== type));
const withPart = (type: number, payload: Uint8Array) =>
  putTogether(takeApart(fileOf(sampleChunks())).map((part) => (part.type === type ? { type, payload } : part)));
const frameWith = (records: Buffer, rows: number) => {
  const head = Buffer.from(takeApart(fileOf(sampleChunks()))[1]!.payload.subarray(0, 32));
  head.writeUInt32LE(rows, 24);
  return withPart(chunkType.frame, Buffer.concat([head, records]));
};
const exit = recordOf('exit', 1n, { pid: 5, tid: 5, comm: 'x' });
const changed = (record: Buffer, change: (record: Buffer) => void): Buffer => {
  const copy = Buffer.from(record);
  change(copy);
  return copy;
};

it.each([
  ['nothing', Buffer.alloc(0), 'this is no capture'],
  ['text', Buffer.from('{"resourceLogs":[]}'.repeat(5)), 'this is no capture'],
  ['a later version', withHead((head) => head.writeUInt16LE(2, 8)), 'version 2 of the format'],
  ['a damaged head', withHead((head) => head.writeUInt8(1, 14), false), 'the head of the capture is damaged'],
  ['the other byte order', withHead((head) => head.writeUInt16LE(2, 10)), 'the other byte order'],
  ['another layout', withHead((head) => head.writeUInt8(head[16]! ^ 1, 16)), 'another layout'],
  ['no beginning', without(chunkType.about), 'does not begin'],
  ['a checksum that is wrong', withHead((bytes) => bytes.writeUInt8(bytes[60]! ^ 1, 60)), 'damaged at byte 36'],
  ['names without a frame', without(chunkType.frame), 'no frame that they belong to'],
  ['a frame without records', frameWith(Buffer.alloc(0), 0), 'records of a frame are damaged'],
  ['half a record', frameWith(exit.subarray(0, 100), 1), 'records of a frame are damaged'],
  ['a record that is shorter than its head', frameWith(changed(exit, (record) => record.writeUInt32LE(95, 4)), 1), 'records of a frame are damaged'],
  ['a record of an unknown kind', frameWith(changed(exit, (record) => record.writeUInt16LE(9, 0)), 1), 'records of a frame are damaged'],
  ['a record that is longer than the frame', frameWith(changed(exit, (record) => record.writeUInt32LE(0xffff_fff8, 4)), 1), 'records of a frame are damaged'],
  ['a frame that counts wrong', frameWith(exit, 2), 'more or fewer records'],
  ['a frame that names fewer actors', frameWith(Buffer.concat([exit, recordOf('exit', 1n, { pid: 6 })]), 2), 'more or fewer actors'],
  ['a place without a text', withPart(chunkType.names, Buffer.concat([Buffer.from([2, 0, 0, 0, 1, 0, 0, 0]), Buffer.from('[]'), Buffer.from([1, 0, 0, 0]), Buffer.alloc(8)])), 'names of a frame are damaged'],
  ['more JSON than there may be', withPart(chunkType.loss, Buffer.from(`{"reason":"x"}${' '.repeat(4 << 20)}`)), 'too much JSON'],
  ['a loss without a time', withPart(chunkType.loss, Buffer.from('{"reason":"x","lostByKind":[]}')), 'with a loss is damaged'],
])('%s is an error that says so', async (_what, bytes, words) => {
  const outcome = await playBytes(bytes);
  expect(outcome).toBeInstanceOf(CaptureError);
  expect((outcome as CaptureError).message).toContain(words);
}); // prettier-ignore

/** A ring in memory whose frames go through a hub, as the ring of the kernel's. */
const createLive = (recorder: ReturnType<typeof createRecorder>) => {
  const table = recorder.watch(createProcessTable({ nowMs: recorder.clock }));
  const { users, cgroups } = createRecordedNames();
  const gate = { admit: (frame: KernelFrame) => void table.absorb(frame) };
  const hub = createHub({ gate: gate as never, logger: silentLogger, observer: recorder.observer({ users, cgroups }) });
  const layouts = { actor: actorLayout.fields, events: Object.values(eventLayouts) };
  const session = new (loadAddon().Session)(
    { ringBytes: 1 << 20, frameBytes: 2 << 20, frames: 2, flushMs: 1, maxRows: 64, memory: true, keepRaw: true, layouts },
    (index) => {
      const frame = decodeFrame(arenas[index]!);
      recorder.keep(frame, session.rawOf(index));
      hub.deliver(frame, () => session.release(index));
    },
  );
  const arenas = session.arenas();
  session.start();
  onTestFinished(() => session.close());
  return { table, hub, session };
};

describe('a recording', () => {
  it('holds the records that were in the ring, and is its owner’s alone', async () => {
    const path = join(temporary(), 'a.ringtail');
    const writer = await openCaptureWriter(path, 1 << 20);
    const recorder = createRecorder(writer);
    recorder.begin(about);
    const { table, hub, session } = createLive(recorder);
    const records = Array.from({ length: 100 }, (_, i) =>
      recordOf('exit', BigInt(i), { pid: i + 1, tid: i + 1, startNs: 5n, comm: 'c' }, { exitCode: i }),
    );
    expect(session.inject(Buffer.concat(records))).toBe(100);
    await expect.poll(() => hub.pending === 0 && session.stats().read === 100 && session.stats().framesFree === 2).toBe(true);
    const alone = createFrameBuilder({ wallOffsetNs: 5n });
    alone.addActor({ pid: 7, startNs: 5n, comm: Uint8Array.of(0xff) });
    table.insert(alone.build(), 0, { path: Buffer.from('/bin/\xfe', 'latin1'), pathFlags: 0 });
    hub.tellLoss({ reason: 'ring_full', lostByKind: new Map([[eventKind.exec, 3]]), startMs: 1, endMs: 2 } satisfies LossByKind);
    expect(recorder.finish('signal')).toEqual({ reason: 'signal', frames: session.stats().frames, records: 100, skipped: 0, lost: 3 });
    await writer.close();

    expect(statSync(path).mode & 0o777).toBe(0o600);
    const file = readFileSync(path);
    expect(file.length).toBe(writer.bytes);
    const raw = takeApart(file).filter(({ type }) => type === chunkType.frame);
    expect(Buffer.concat(raw.map(({ payload }) => payload.subarray(32)))).toEqual(Buffer.concat(records));
    const { events, outcome } = await eventsOf(file);
    expect(outcome).toEqual({ records: 100, ending: 'complete' });
    expect(events.filter(([name]) => name === 'ringtail.process.exit').map(([, attributes]) => attributes['process.exit.code'])).toEqual(
      Array.from({ length: 100 }, (_, i) => i),
    );
    await expect(openCaptureWriter(path, 1 << 20)).rejects.toMatchObject({ cause: { code: 'EEXIST' } });
  });

  it('leaves out what a slow disk has no time for, and says so in a gap', async () => {
    const written: Buffer[] = [];
    const gate = Promise.withResolvers<void>();
    const file = {
      async writev(parts: readonly Uint8Array[]) {
        await gate.promise;
        written.push(...parts.map((part) => Buffer.from(part)));
        return { bytesWritten: parts.reduce((sum, part) => sum + part.length, 0), buffers: [] };
      },
      sync: async () => {},
      close: async () => {},
    };
    const writer = createCaptureWriter(file as never, 1 << 30, 8_192);
    const recorder = createRecorder(writer);
    recorder.begin(about);
    const { hub, session } = createLive(recorder);
    const frames = async (count: number) => {
      const before = hub.delivered;
      for (let i = 0; i < count; i++) {
        const delivered = hub.delivered;
        session.inject(Buffer.concat(Array.from({ length: 20 }, () => exit)));
        await expect.poll(() => hub.delivered).toBeGreaterThan(delivered);
      }
      return hub.delivered - before;
    };
    await frames(6);
    gate.resolve();
    await expect.poll(() => written.length).toBeGreaterThan(1);
    await frames(1);
    const { records, skipped } = recorder.finish('signal');
    await writer.close();
    expect(skipped).toBeGreaterThan(0);
    expect(records + skipped).toBe(140);
    const { losses, outcome } = await eventsOf(Buffer.concat(written));
    expect(outcome).toEqual({ records, ending: 'complete' });
    expect(losses).toEqual([['not_captured', skipped]]);
  });

  it('ends at its size, with the totals inside', async () => {
    const path = join(temporary(), 'a.ringtail');
    const writer = await openCaptureWriter(path, 1 << 20);
    const recorder = createRecorder(writer);
    recorder.begin(about);
    const { hub, session } = createLive(recorder);
    const state = { isOver: false };
    const over = writer.ended.then((ending) => ((state.isOver = true), ending));
    const many = Buffer.concat(Array.from({ length: 1_000 }, () => exit));
    while (!state.isOver) {
      session.inject(many);
      await expect.poll(() => session.stats().ringUsedBytes === 0 && hub.pending === 0).toBe(true);
      await Promise.resolve();
    }
    expect(await over).toEqual({ reason: 'size' });
    const { records } = recorder.finish('size');
    await writer.close();
    expect(statSync(path).size).toBeLessThanOrEqual(1 << 20);
    expect(await playBytes(readFileSync(path))).toEqual({ records, ending: 'complete' });
  });

  it('ends when the disk refuses, with the error', async () => {
    const file = {
      writev: async () => {
        throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
      },
      sync: async () => {},
      close: async () => {},
    };
    const writer = createCaptureWriter(file as never, 1 << 30);
    expect(await writer.ended).toMatchObject({ reason: 'failed' });
    expect(writer.put(encodeJson(chunkType.about, about))).toBe(false);
    await expect(writer.close()).rejects.toMatchObject({ cause: { code: 'ENOSPC' } });
  });
});
