import { describe, expect, it, onTestFinished } from 'vitest';
import type { Logger } from '../../src/core/logger.ts';
import { loadAddon, type NativeError, type PinnedMap } from '../../src/kernel/addon.ts';
import { decodeFrame } from '../../src/kernel/decode.ts';
import { actorLayout, eventKind, eventLayouts } from '../../src/kernel/layouts.gen.ts';
import { contextsCheck } from '../../src/kernel/probe.ts';
import { contextPlace, createTraceContexts, findContextMap, OBI_PIN, shapeProblem } from '../../src/kernel/trace-contexts.ts';
import { inTrace, recordOf, sampleSpan, sampleTrace } from '../support/captures.ts';

const right: PinnedMap = { id: 7, type: 9, keyBytes: 8, valueBytes: 24, entries: 16_384, flags: 0 };

const failing = (code: string): NativeError => Object.assign(new Error(`cannot open: ${code}`), { code, errno: 1, log: '' });

describe('the path of the map', () => {
  it.each([
    ['auto', '', OBI_PIN, false],
    ['auto', '/host', `/host${OBI_PIN}`, false],
    ['off', '', undefined, false],
    ['/elsewhere/map', '/host', '/elsewhere/map', true],
  ])('%s with the root "%s"', (wanted, root, path, isNamed) => expect(contextPlace(wanted, root)).toEqual({ path, isNamed }));
});

describe('the shape of the map', () => {
  it.each<[string, Partial<PinnedMap>, string | undefined]>([
    ['right', {}, undefined],
    ['another number of entries', { entries: 64 }, undefined],
    ['another type', { type: 1 }, 'is of type 1 and not an LRU hash (9)'],
    ['all of it', { type: 2, keyBytes: 4, valueBytes: 32, flags: 128 },
      'is of type 2 and not an LRU hash (9) and has keys of 4 bytes and not 8 and has values of 32 bytes and not 24 and has the flags 0x80 and not none'],
  ])('%s', (_, other, problem) => expect(shapeProblem({ ...right, ...other })).toBe(problem)); // prettier-ignore

  it.each([
    ['ENOENT', { state: 'absent' }],
    ['ENOTDIR', { state: 'absent' }],
    ['EACCES', { state: 'hidden', code: 'EACCES' }],
    ['EPERM', { state: 'hidden', code: 'EPERM' }],
    ['EINVAL', { state: 'unusable', why: 'cannot be used: cannot open: EINVAL' }],
  ])('%s', (code, state) => {
    const pinnedMap = () => {
      throw failing(code);
    };
    expect(findContextMap({ pinnedMap }, '/pin')).toEqual(state);
  });

  it('is told of what is no map by the addon', () => {
    expect(() => loadAddon().pinnedMap('/proc/self/status')).toThrow(expect.objectContaining({ code: expect.stringMatching(/^E[A-Z]+$/) }));
    expect(() => loadAddon().pinnedMap(7 as unknown as string)).toThrow('expected a string');
  });
});

describe('the row of doctor', () => {
  const asked = (answer: () => PinnedMap, path: string | undefined = '/pin') => contextsCheck({ pinnedMap: answer }, path);
  const refused = (code: string) => () => {
    throw failing(code);
  };
  it.each<[string, () => PinnedMap, object]>([
    ['works', () => right, { ok: true, detail: 'log records carry the trace of their thread, by /pin with room for 16384 threads' }],
    ['is absent', refused('ENOENT'), { ok: false, optional: true, detail: '/pin is not there now' }],
    ['may not be seen', refused('EACCES'), { ok: false, optional: true, detail: '/pin may not be opened, or is no pin (EACCES)' }],
    ['is another', () => ({ ...right, keyBytes: 4 }), { ok: false, detail: 'log records carry no trace: /pin has keys of 4 bytes and not 8', advice: expect.stringContaining('kernel.trace_context') }],
  ])('%s', (_, answer, row) => expect(asked(answer)).toEqual({ name: 'trace contexts', required: false, ...row })); // prettier-ignore

  it('is not there when nobody looks', () => expect(contextsCheck({ pinnedMap: () => right }, undefined)).toBeUndefined());
});

describe('looking for the map', () => {
  const watch = (isNamed = true) => {
    const used: (string | undefined)[] = [];
    const log: string[] = [];
    const keep = (_: object, message: string): void => void log.push(message);
    const logger: Logger = { debug: keep, info: keep, warn: keep, error: keep };
    const state: { map: PinnedMap | NativeError; refusal?: Error } = { map: failing('ENOENT') };
    const contexts = createTraceContexts({
      addon: {
        pinnedMap() {
          if (state.map instanceof Error) throw state.map;
          return state.map;
        },
      },
      session: {
        async usePinned(object, map, at) {
          expect([object, map]).toEqual([3, 'trace_contexts']);
          if (state.refusal !== undefined) throw state.refusal;
          used.push(at);
        },
      },
      object: 3,
      path: '/pin',
      isNamed,
      logger,
    });
    return { contexts, used, log, state };
  };

  it('takes what comes, what replaces it, and lets go of what is gone', async () => {
    const { contexts, used, log, state } = watch();
    await contexts.look();
    expect([contexts.mapId(), log]).toEqual([0, []]);
    state.map = right;
    await contexts.look();
    await contexts.look();
    state.map = { ...right, id: 8 };
    await contexts.look();
    expect(contexts.mapId()).toBe(8);
    state.map = failing('ENOENT');
    await contexts.look();
    await contexts.look();
    expect(contexts.mapId()).toBe(0);
    expect(used).toEqual(['/pin', '/pin', undefined]);
    expect(log).toEqual([
      'log records carry the trace that a thread is in',
      'log records carry the trace that a thread is in',
      'the map of trace contexts is gone; log records carry no trace',
    ]);
  });

  it('says once what it cannot use, and again when it is another reason', async () => {
    const { contexts, used, log, state } = watch();
    state.map = { ...right, valueBytes: 32 };
    await contexts.look();
    await contexts.look();
    state.map = failing('EACCES');
    await contexts.look();
    state.map = right;
    state.refusal = new Error('EINVAL');
    await contexts.look();
    await contexts.look();
    expect([contexts.mapId(), used]).toEqual([0, []]);
    expect(log).toEqual([
      'the map of trace contexts has values of 32 bytes and not 24',
      'the map of trace contexts may not be opened, or is none: EACCES',
      'the map of trace contexts cannot be used: EINVAL',
    ]);
  });

  it('does not say that it may not look where nobody said that there is something', async () => {
    const { contexts, log, state } = watch(false);
    state.map = failing('EACCES');
    await contexts.look();
    expect(log).toEqual([]);
  });

  it('does nothing when it is off, and begins nothing anew while it is under way', async () => {
    const { contexts, used, state } = watch();
    state.map = right;
    await Promise.all([contexts.look(), contexts.look()]);
    expect(used).toEqual(['/pin']);
    const off = createTraceContexts({
      addon: { pinnedMap: () => expect.fail('looked') },
      session: { usePinned: () => expect.fail('used') },
      object: 1,
      path: undefined,
      isNamed: false,
      logger: { debug() {}, info() {}, warn() {}, error() {} },
    });
    await off.look();
  });
});

describe('records behind a context', () => {
  const known = (record: Buffer): Buffer => inTrace(record, sampleTrace, sampleSpan);
  const exit = (pid: number): Buffer => recordOf('exit', 1n, { pid, tid: pid, startNs: 1n }, { exitCode: 0 });
  const exec = (pid: number): Buffer => recordOf('exec', 2n, { pid, tid: pid, startNs: 1n }, { path: '/bin/true' });

  const openMemory = () => {
    const session = new (loadAddon().Session)(
      {
        ringBytes: 1 << 20,
        frameBytes: 2 << 20,
        frames: 1,
        flushMs: 1,
        maxRows: 100,
        memory: true,
        layouts: { actor: actorLayout.fields, events: Object.values(eventLayouts) },
      },
      () => {},
    );
    onTestFinished(() => session.close());
    return session;
  };
  const frameOf = (records: readonly Buffer[]) => {
    const session = openMemory();
    return decodeFrame(session.arenas()[session.fill(Buffer.concat(records), 1, 0n)]!);
  };

  it('are rows as others are, with the ids beside them', () => {
    const frame = frameOf([exit(1), known(exit(2)), known(exit(3)), exec(4), inTrace(exit(5), Buffer.alloc(16), sampleSpan), exit(6)]);
    const { strings, actors } = frame;
    const exits = frame.batches.find(({ kind }) => kind === eventKind.exit)!;
    const text = (id: number) =>
      Buffer.from(strings.bytes.subarray(strings.offsets[id], strings.offsets[id]! + (strings.lengths[id]! & 0x7fff_ffff))).toString('hex');
    const ids = Buffer.concat([sampleTrace, sampleSpan]).toString('hex');
    expect(Array.from(exits.contexts!, text)).toEqual(['', ids, ids, '', '']);
    expect(exits.contexts![1]).toBe(exits.contexts![2]);
    expect(Array.from(exits.actor, (actor) => actors.pid[actor])).toEqual([1, 2, 3, 5, 6]);
    expect(frame.batches.find(({ kind }) => kind === eventKind.exec)!.contexts).toBeUndefined();
  });

  it.each<[string, Buffer]>([
    ['with nothing behind it', known(Buffer.alloc(0))],
    ['around another context', known(known(exit(1)))],
    ['around a record that is cut', known(exit(1).subarray(0, -8))],
  ])('is refused %s', (_, record) => {
    expect(() => frameOf([exit(9), record])).toThrow(expect.objectContaining({ code: 'EILSEQ' }));
  });
});
