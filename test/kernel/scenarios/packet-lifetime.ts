/** Programs on interfaces, as often as they begin and end, and however the addon is asked. */
import assert from 'node:assert/strict';
import { buildPath, loadAddon, type NativeSession } from '../../../src/kernel/addon.ts';
import { countedSince, needsOf, startFrames } from '../harness/frames.ts';
import { descriptors, heldIds, requireDescriptors, requireNothingLeft } from '../harness/leftovers.ts';
import type { Scenario } from '../harness/scenario.ts';
import { openKernel } from '../harness/session-sums.ts';

const STOP_MS = 10_000;
const CYCLES = process.env['RINGTAIL_GUEST'] === undefined ? 12 : 3;
const options = { ringBytes: 65_536, frameBytes: 2 << 20, frames: 0, flushMs: 50, maxRows: 1, layouts: { actor: [], events: [] } };
const spec = { path: buildPath('bpf/packets.bpf.o'), programs: ['on_clsact'], options: {}, mapEntries: {} };
const NOBODY = 2_000_000_000;

const openSession = (): NativeSession => new (loadAddon().Session)(options, () => {});

const cycles: Scenario = {
  name: 'packets: many starts and stops leave no program, descriptor or filter',
  async run(context) {
    const frames = startFrames(context);
    const name = `rl${process.pid.toString(36)}`;
    const index = await frames.number(`pair ${name} 1500 0`, 'index');
    const left = async (): Promise<number> => (await loadAddon().filters()).filter(({ ifindex }) => ifindex === index).length;
    const ids = { prog: [] as number[], map: [] as number[], link: [] as number[] };
    let held = 0;
    try {
      for (let cycle = 0; cycle < CYCLES; cycle++) {
        const { kernel } = openKernel();
        const claim = kernel.needPackets(needsOf([name], (['auto', 'clsact', 'xdp_generic'] as const)[cycle % 3]!));
        await kernel.start();
        assert.equal(kernel.packets().interfaces.length, 1);
        for (const [what, some] of Object.entries(heldIds())) ids[what as keyof typeof ids].push(...some);
        // every second one ends because nobody asks any more
        if (cycle % 2 === 0) {
          claim.end();
          await kernel.reconfigure();
          assert.equal(await kernel.packetMaps.readSums(), undefined);
        }
        await kernel.stop(STOP_MS);
        assert.equal(await left(), 0);
        if (cycle === 2) held = descriptors().length;
      }
      await requireNothingLeft(ids);
      await requireDescriptors(held);
    } finally {
      await frames.end();
    }
  },
};

const misuse: Scenario = {
  name: 'packets: misuse of the addon gives errors; what is attached while it is closed does not stay',
  async run(context) {
    const addon = loadAddon();
    const loose = addon as unknown as Readonly<Record<string, (...args: unknown[]) => unknown>> & {
      LinkWatch: new (...args: unknown[]) => unknown;
    };
    for (const argument of [undefined, null, 'x', Symbol('x'), {}]) {
      assert.throws(() => new loose.LinkWatch(argument), TypeError);
      assert.throws(() => loose['xdpOn']!(argument), TypeError);
    }
    for (const argument of [undefined, null, 'x', 5]) assert.throws(() => loose['removeFilter']!(argument), TypeError);
    await assert.rejects(addon.removeFilter({ ifindex: NOBODY, handle: 1, priority: 1 }));
    assert.equal(await addon.xdpOn(NOBODY), undefined);
    const watch = new addon.LinkWatch(() => {});
    watch.close();
    watch.close();
    assert.throws(() => (loose['LinkWatch'] as unknown as () => void)(), Error);

    const frames = startFrames(context);
    const index = await frames.number(`pair rm${process.pid.toString(36)} 1500 0`, 'index');
    const session = openSession();
    const loosely = session as unknown as Readonly<Record<string, (...args: unknown[]) => unknown>>;
    const object = session.load(spec);
    for (const hook of [undefined, null, 5, {}, { kind: 'tc', ifindex: index }, { kind: Symbol('x') }])
      assert.throws(() => loosely['attachHook']!(object, 'on_clsact', hook), Error);
    const hook = { kind: 'clsact', ifindex: index, handle: 7, priority: 1 } as const;
    for (const [of, program] of [
      [99, 'on_clsact'],
      [object, 'on_nothing'],
      [object, 'on_xdp'],
      [object, 5],
    ])
      // prettier-ignore
      assert.throws(() => loosely['attachHook']!(of, program, hook), Error);
    assert.throws(() => loosely['start']!(), { code: 'EINVAL' });
    assert.equal(session.stats().framesFree, 0);
    assert.throws(() => loosely['detachHook']!('x'), TypeError);
    await session.detachHook(99);
    for (const kind of ['xdp', 'xdp_generic', 'tcx', 'clsact'] as const)
      await assert.rejects(session.attachHook(object, 'on_clsact', { ...hook, kind, ifindex: NOBODY }), { name: 'Error' });
    const number = await session.attachHook(object, 'on_clsact', hook);
    await assert.rejects(session.attachHook(object, 'on_clsact', hook), { code: 'EEXIST' });
    await session.detachHook(number!);
    await session.detachHook(number!);
    const late = session.attachHook(object, 'on_clsact', hook);
    const ids = heldIds();
    session.close();
    assert.equal(await late, undefined);
    assert.deepEqual((await addon.filters()).filter(({ ifindex }) => ifindex === index), []); // prettier-ignore
    assert.throws(() => loosely['attachHook']!(object, 'on_clsact', hook), { code: 'EBADF' });
    await requireNothingLeft(ids);
    await frames.end();
  },
};

const together: Scenario = {
  name: 'packets: several who ask for one interface share what the first one asks for; what stood in the way is tried again',
  async run(context) {
    const frames = startFrames(context);
    const name = `rt${process.pid.toString(36)}t`;
    const index = await frames.number(`pair ${name} 1500 0`, 'index');
    const { kernel } = openKernel();
    const stranger = openSession();
    const mode = (): string =>
      kernel
        .packets()
        .interfaces.map((one) => `${one.name} ${one.mode}: ${one.note}`)
        .join('\n');
    try {
      const first = kernel.needPackets(needsOf([`${name.slice(0, -1)}?`], 'clsact'));
      const second = kernel.needPackets(needsOf([name], 'xdp_generic'));
      await kernel.start();
      assert.equal(mode(), `${name} clsact: another receiver asks for xdp_generic; the first one decides`);
      await frames.act('send ip4-udp 2');
      assert.deepEqual(await countedSince(kernel, index, {}, 2), { '1 2': [2, 196] });
      const object = stranger.load({ ...spec, programs: ['on_xdp'] });
      const hook = await stranger.attachHook(object, 'on_xdp', { kind: 'xdp_generic', ifindex: index });
      first.end();
      await kernel.reconfigure();
      assert.match(mode(), /none: the generic XDP program on_xdp \(id \d+\) is attached and stays$/);
      await stranger.detachHook(hook!);
      await kernel.reconfigure();
      assert.equal(mode(), `${name} xdp_generic: `);
      await frames.act('send ip4-udp 1');
      assert.deepEqual(await countedSince(kernel, index, { '1 2': [2, 196] }, 1), { '1 2': [1, 98] });
      second.end();
      await kernel.reconfigure();
      assert.deepEqual(kernel.packets(), { rung: 'none', notes: [], interfaces: [] });
    } finally {
      stranger.close();
      await kernel.stop(STOP_MS);
      await frames.end();
    }
  },
};

export const packetLifetimeScenarios: readonly Scenario[] = [together, cycles, misuse];
