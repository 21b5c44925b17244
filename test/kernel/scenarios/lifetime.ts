/** What a start, a failed start and a stop leave behind: nothing. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import { loadAddon, type NativeError, type NativeSession } from '../../../src/kernel/addon.ts';
import { actorLayout, eventLayouts } from '../../../src/kernel/layouts.gen.ts';
import { descriptors, heldIds, requireDescriptors, requireNothingLeft, threads, type BpfIds } from '../harness/leftovers.ts';
import type { Scenario } from '../harness/scenario.ts';

/** Under emulation a start takes seconds. */
const EMULATED = process.env['RINGTAIL_GUEST'] !== undefined;
/** With the sanitizers in, what is lost or used wrongly is told at once. */
const SANITIZED = process.env['RINGTAIL_ADDON'] !== undefined;
const CYCLES = EMULATED ? 10 : SANITIZED ? 60 : 200;
/** Node and V8 take what they take in the first rounds. */
const WARM_UP = EMULATED ? 5 : SANITIZED ? 20 : 50;
/** Divides what comes after the warm-up. */
const SAMPLE_EVERY = EMULATED ? 1 : 10;
/** Environments that are torn down; one begins in half a minute under emulation. */
const TORN_DOWN = EMULATED ? 1 : 3;
/** A leak of 160 KiB a round is above this after 100 rounds; a frame has 4 MiB. */
const GROWTH_LIMIT_KIB = 16 * 1024;

const options = {
  ringBytes: 1 << 20,
  frameBytes: 2 << 20,
  frames: 2,
  flushMs: 5,
  maxRows: 100,
  layouts: { actor: actorLayout.fields, events: Object.values(eventLayouts) },
};
const openSession = (onFrame: (frame: number) => void = () => {}): NativeSession => new (loadAddon().Session)(options, onFrame);

const failure = (action: () => unknown): NativeError => {
  try {
    action();
  } catch (error) {
    return error as NativeError;
  }
  return assert.fail('it did not fail');
};

const collectGarbage = (() => {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
})();

/** What is in use: V8 keeps pages of its heap that hold nothing, so its pages and its objects are told apart. */
const memoryKib = () => {
  collectGarbage();
  const { heapTotal, heapUsed } = process.memoryUsage();
  const rssKib = Number(readFileSync('/proc/self/status', 'utf8').match(/^RssAnon:\s+(\d+)/m)![1]);
  return { objects: Math.round(heapUsed / 1024), outside: rssKib - Math.round(heapTotal / 1024) };
};

const cycles: Scenario = {
  name: `${CYCLES} starts and stops leave no descriptor, thread or memory`,
  async run({ start, run }) {
    const now = () => ({ descriptors: descriptors().length, threads: threads().length });
    let warm: ReturnType<typeof now> | undefined;
    const memory: ReturnType<typeof memoryKib>[] = [];
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      const pipeline = await start();
      const ids = heldIds();
      const { pid } = await run('quick', ['1']);
      await pipeline.settle();
      assert.equal(pipeline.find('ringtail.process.exit', { 'process.pid': pid }).length, 1);
      await pipeline.stop();
      if (cycle === WARM_UP || cycle === CYCLES - 1) await requireNothingLeft(ids);
      if (cycle === WARM_UP) warm = now();
      if (cycle >= WARM_UP && (CYCLES - 1 - cycle) % SAMPLE_EVERY === 0) memory.push(memoryKib());
    }
    const end = now();
    await requireDescriptors(warm!.descriptors);
    assert.equal(end.threads, warm!.threads);
    // What a collector or a quarantine has not freed yet comes and goes; what leaks stays. So the least of the first third and of the last one.
    const third = Math.ceil(memory.length / 3);
    for (const what of ['objects', 'outside'] as const) {
      const least = (some: typeof memory) => Math.min(...some.map((sample) => sample[what]));
      // Of the few rounds of a guest one may be that in which the allocator began to keep what libbpf frees; a leak grows in every one.
      const steps = memory.slice(1).map((sample, index) => sample[what] - memory[index]![what]);
      const one = EMULATED ? Math.max(0, ...steps) : 0;
      const growth = least(memory.slice(-third)) - least(memory.slice(0, third)) - one;
      assert(growth < GROWTH_LIMIT_KIB, `${what} grew by ${growth} KiB: ${JSON.stringify(memory)}`);
    }
  },
};

const halfWay: Scenario = {
  name: 'a load that fails half-way says why and leaves nothing',
  async run({ program }) {
    const path = program('refused.bpf.o');
    const spec = { path, programs: ['on_good'], options: {}, mapEntries: {} };
    const before = { descriptors: descriptors().length, threads: threads().length };
    const session = openSession();
    session.start();
    const ids: BpfIds = heldIds();
    const held = descriptors().length;

    const missing = failure(() => session.load({ ...spec, path: `${path}.none` }));
    assert.deepEqual([missing.code, missing.message.includes(`${path}.none`)], ['ENOENT', true]);
    const broken = failure(() => session.load({ ...spec, path: program('quick') }));
    assert.match(broken.message, /cannot open .*quick/);
    const unknownProgram = failure(() => session.load({ ...spec, programs: ['on_nothing'] }));
    assert.deepEqual([unknownProgram.code, /has no program on_nothing/.test(unknownProgram.message)], ['ENOENT', true]);
    const unknownOption = failure(() => session.load({ ...spec, options: { colour: 1 } }));
    assert.deepEqual([unknownOption.code, /has no option colour/.test(unknownOption.message)], ['EINVAL', true]);
    const unknownMap = failure(() => session.load({ ...spec, mapEntries: { nothing: 1 } }));
    assert.match(unknownMap.message, /cannot size map nothing/);
    const refused = failure(() => session.load({ ...spec, programs: ['on_good', 'on_bad'] }));
    assert.match(refused.message, /cannot load/);
    assert.match(refused.log, /invalid mem access/, 'the end of what the verifier said');
    assert.equal(descriptors().length, held, 'a refused load leaves no descriptor');

    const object = session.load({ ...spec, programs: ['on_good', 'on_missing'], options: { option: 0 } });
    session.attach(object, 'on_good');
    const unattachable = failure(() => session.attach(object, 'on_missing'));
    assert.match(unattachable.message, /cannot attach on_missing/);
    assert.equal(unattachable.code, 'ENOENT');
    assert.match(failure(() => session.attach(object, 'on_nothing')).message, /no program on_nothing/);
    assert.match(failure(() => session.runIterator(object, 'on_good')).message, /cannot attach on_good/);
    const all = heldIds();
    assert(all.prog.length >= 2 && all.map.length > ids.map.length);
    session.unload(object);
    assert.equal(descriptors().length, held);
    session.close();
    await requireNothingLeft(all);
    assert.deepEqual({ descriptors: descriptors().length, threads: threads().length }, before);
  },
};

const misuse: Scenario = {
  name: 'misuse of the addon gives errors',
  async run({ program }) {
    const addon = loadAddon();
    const loose = addon as unknown as {
      Session: new (...args: unknown[]) => NativeSession;
      facts(...args: unknown[]): unknown;
      lookupUsers(...args: unknown[]): unknown;
    };
    const throwing = {
      get ringBytes(): number {
        throw new Error('getter');
      },
      layouts: options.layouts,
    };
    const hostile: readonly (readonly unknown[])[] = [
      [],
      [{}],
      [null, () => {}],
      ['options', () => {}],
      [options],
      [options, 'callback'],
      [{ ...options, ringBytes: 5000 }, () => {}],
      [{ ...options, ringBytes: 0 }, () => {}],
      [{ ...options, frames: -1 }, () => {}],
      [{ ...options, frames: 65 }, () => {}],
      [{ ...options, frameBytes: 1 }, () => {}],
      [{ ...options, maxRows: 0 }, () => {}],
      [{ ...options, layouts: undefined }, () => {}],
      [{ ...options, layouts: { actor: 5, events: [] } }, () => {}],
      [{ ...options, layouts: { actor: [{ name: 'x', offset: 79, width: 8, role: 'number' }], events: [] } }, () => {}],
      [{ ...options, layouts: { actor: [{ name: 'x', offset: 0, width: 3, role: 'number' }], events: [] } }, () => {}],
      [{ ...options, layouts: { actor: [], events: [{ kind: 99, size: 96, fields: [] }] } }, () => {}],
      [{ ...options, layouts: { actor: [Symbol('field')], events: [] } }, () => {}],
      [throwing, () => {}],
    ];
    hostile.forEach((args, index) => assert.throws(() => new loose.Session(...args), Error, `arguments ${index}`));
    assert.throws(() => (addon.Session as unknown as () => void)(), Error);
    for (const argument of [undefined, null, 5, 'x', Symbol('x')]) {
      assert.throws(() => loose.facts(argument), TypeError);
      assert.throws(() => loose.lookupUsers(argument), TypeError);
    }
    assert.throws(() => loose.facts({ functions: [Symbol('x')], helpers: [], tracepoints: [] }), Error);
    assert.throws(() => loose.lookupUsers(['root']), TypeError);
    assert.deepEqual(await addon.lookupUsers([0, 4_294_967_294]), ['root', null]);

    const session = openSession();
    session.start();
    session.start();
    const ids = heldIds();
    const loosely = session as unknown as Readonly<Record<string, (...args: unknown[]) => unknown>>;
    for (const method of [
      'load',
      'attach',
      'runIterator',
      'detach',
      'unload',
      'recursionMisses',
      'putEntry',
      'dropEntry',
      'usePinned',
      'inject',
    ]) {
      for (const argument of [undefined, null, -1, 7, 'x', Symbol('x'), {}, []])
        assert.throws(() => loosely[method]!(argument, 'x'), Error, `${method} ${String(argument)}`);
    }
    for (const frame of [undefined, 'x', -1, 0, 99, 1e20, Symbol('x')]) assert.equal(loosely['release']!(frame), false);
    const spec = { path: program('refused.bpf.o'), programs: ['on_good'], options: {}, mapEntries: {} };
    for (const wrong of [
      { path: Symbol('x') },
      { programs: [Symbol('x')] },
      { options: { option: 'one' } },
      { mapEntries: { leftovers: -1 } },
      { programs: 'on_good' },
    ]) {
      const object = (() => {
        try {
          return session.load({ ...spec, ...wrong } as never);
        } catch (error) {
          assert(error instanceof Error);
          return undefined;
        }
      })();
      if (object !== undefined) session.unload(object);
    }
    const object = session.load(spec);
    assert.throws(() => loosely['attach']!(object, Symbol('x')), Error);
    assert.throws(() => loosely['attach']!(object), Error);
    for (const args of [
      [],
      [5],
      ['leftovers'],
      ['leftovers', [1]],
      ['leftovers', new Uint8Array(3), new Uint8Array(8)],
      ['no_map', new Uint8Array(4), new Uint8Array(8)],
    ]) {
      assert.throws(() => loosely['putEntry']!(object, ...args), Error);
      if (args[0] !== 'leftovers' || (args[1] as Uint8Array | undefined)?.length !== 4)
        assert.throws(() => loosely['dropEntry']!(object, ...args), Error);
    }
    const [arena] = session.arenas();
    assert.equal(arena!.byteLength, options.frameBytes);
    session.close();
    session.close();
    assert.equal(arena!.byteLength, 0, 'its memory is gone');
    for (const method of ['start', 'load', 'attach', 'runIterator', 'detach', 'unload', 'recursionMisses', 'counters', 'inject']) {
      assert.throws(() => loosely[method]!(object, 'on_good'), { code: 'EBADF' }, method);
    }
    for (const method of ['pause', 'kick', 'stats', 'arenas']) loosely[method]!(true);
    assert.equal(session.release(0), false);
    assert.throws(() => loosely['close']!.call({}), TypeError);
    await requireNothingLeft(ids);
  },
};

const twice: Scenario = {
  name: 'a frame can be given back once',
  async run({ run, program }) {
    const came: number[] = [];
    const session = openSession((frame) => came.push(frame));
    session.start();
    const object = session.load({
      path: program('../bpf/process_legacy.bpf.o'),
      programs: ['on_task_iter'],
      options: {},
      mapEntries: { exec_records: 1 },
    });
    const ids = heldIds();
    session.runIterator(object, 'on_task_iter');
    await run('quick');
    const end = performance.now() + 20_000;
    while (came.length === 0 && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 2));
    assert(came.length > 0, 'no frame came');
    assert.equal(session.release(came[0]!), true);
    assert.equal(session.release(came[0]!), false);
    session.close();
    await requireNothingLeft(ids);
  },
};

/** The same source as TypeScript or, in a guest, as JavaScript. */
const workerMain = new URL(`../harness/worker-main${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);

const tornDown: Scenario = {
  name: 'an environment that is torn down in the middle of a run leaves nothing',
  async run({ run, program }) {
    const before = threads().filter((name) => name.startsWith('ringtail'));
    assert.deepEqual(before, []);
    for (let round = 0; round < TORN_DOWN; round++) {
      const worker = new Worker(fileURLToPath(workerMain), { execArgv: [] });
      const [ids] = (await Promise.race([once(worker, 'message'), once(worker, 'error').then(([error]) => Promise.reject(error))])) as [
        BpfIds,
      ];
      assert(ids.prog.length > 0 && ids.link.length > 0);
      assert(threads().some((name) => name.startsWith('ringtail')));
      // records are on their way when it ends
      const busy = run('execs', ['children', '200', program('quick')]);
      await worker.terminate();
      await requireNothingLeft(ids);
      await busy;
    }
  },
};

export const lifetimeScenarios: readonly Scenario[] = [cycles, halfWay, misuse, twice, tornDown];
