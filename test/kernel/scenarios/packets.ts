/** Packets: what is counted on an interface is what a program sent into its other end, whatever the frames are and wherever they are counted. */
import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import { buildPath, loadAddon, type NativeHook, type NativeSession } from '../../../src/kernel/addon.ts';
import { hasFrags, hasTcx } from '../../../src/kernel/packets/facts.ts';
import type { PacketMode } from '../../../src/kernel/packets/needs.ts';
import { probeFacts } from '../../../src/kernel/probe.ts';
import type { KernelServices } from '../../../src/kernel/services.ts';
import { countedOn, countedSince, needsOf, startFrames, type Counted, type Frame, type Frames } from '../harness/frames.ts';
import { waitFor } from '../harness/pipeline.ts';
import type { Context, Scenario } from '../harness/scenario.ts';
import { openKernel } from '../harness/session-sums.ts';

const STOP_MS = 10_000;
const TIMES = 3;

let named = 0;
/** No other interface of this machine is called so; what was made of one scenario may go behind it. */
const newName = (): string => `rt${process.pid.toString(36)}${(named++).toString(36)}`;

const modeOf = (kernel: KernelServices, index: number): string => {
  const { interfaces, notes } = kernel.packets();
  const one = interfaces.find((some) => some.index === index);
  return one === undefined ? `none at all: ${notes.join('; ')}` : `${one.mode}${one.note === '' ? '' : `, ${one.note}`}`;
};

const requireMode = (mode: PacketMode, { skip }: Pick<Context, 'skip'>): void => {
  if (mode === 'tcx' && !hasTcx(probeFacts(loadAddon()))) skip('this kernel has no tcx');
};

/** Native XDP takes large frames only in pieces, which 5.10 has not. */
const mtuFor = (mode: PacketMode): number => (mode === 'xdp' && !hasFrags(probeFacts(loadAddon())) ? 1500 : 9000);

const expected = ({ key, bytes }: Frame): Counted => ({ [key]: [TIMES, bytes * TIMES] });

const totalOf = (list: readonly Frame[]): Counted =>
  Object.fromEntries(
    [...Map.groupBy(list, ({ key }) => key)]
      .map(([key, some]) => [key, [some.length * TIMES, some.reduce((sum, { bytes }) => sum + bytes * TIMES, 0)] as const] as const)
      .toSorted(([one], [other]) => (one < other ? -1 : 1)),
  );

/** One after the other, to say which it was. */
const wrongOnes = async (kernel: KernelServices, frames: Frames, index: number, list: readonly Frame[]): Promise<readonly string[]> => {
  const wrong: string[] = [];
  for (const frame of list) {
    const before = await countedOn(kernel, index);
    await frames.act(`send ${frame.name} ${TIMES}`);
    const came = await countedSince(kernel, index, before, TIMES);
    if (!isDeepStrictEqual(came, expected(frame)))
      wrong.push(`${frame.name}: ${JSON.stringify(came)} and not ${JSON.stringify(expected(frame))}`);
  }
  return wrong;
};

const crafted = (mode: Exclude<PacketMode, 'auto'>): Scenario => ({
  name: `packets: crafted frames of every kind, by ${mode}`,
  async run(context) {
    requireMode(mode, context);
    const name = newName();
    const frames = startFrames(context);
    const index = await frames.number(`pair ${name} ${mtuFor(mode)} 0`, 'index');
    const { kernel } = openKernel();
    try {
      kernel.needPackets(needsOf([name], mode));
      await kernel.start();
      assert(modeOf(kernel, index).startsWith(mode), modeOf(kernel, index));
      const list = (await frames.list()).filter(({ byXdpOnly }) => mode.startsWith('xdp') || !byXdpOnly);
      assert.deepEqual(await countedOn(kernel, index), {});
      await frames.act(`all ${TIMES}`);
      const came = await countedSince(kernel, index, {}, list.length * TIMES);
      if (!isDeepStrictEqual(came, totalOf(list))) assert.deepEqual(await wrongOnes(kernel, frames, index, list), []);
      assert.deepEqual(came, totalOf(list));
      assert.deepEqual([...(await kernel.packetMaps.readRest())!.sums], [0, 0]);
    } finally {
      await kernel.stop(STOP_MS);
      await frames.end();
    }
  },
});

const joined: Scenario = {
  name: 'packets: what the kernel joined counts as what would be on the wire',
  async run(context) {
    const name = newName();
    const frames = startFrames(context);
    const index = await frames.number(`pair ${name} 1500 1`, 'index');
    await frames.act(`addresses ${name}`);
    const { kernel } = openKernel();
    const claim = kernel.needPackets(needsOf([name], 'clsact'));
    try {
      for (const mode of ['clsact', ...(hasTcx(probeFacts(loadAddon())) ? (['tcx'] as const) : [])] as const) {
        claim.change(needsOf([name], mode));
        await kernel.reconfigure();
        assert.equal(modeOf(kernel, index), mode);
        for (const [command, key] of [
          ['tcp 400000', '1 1'],
          ['udp 60000 1000', '1 2'],
        ] as const) {
          // prettier-ignore
          const before = await countedOn(kernel, index);
          const [, packets, bytes] = (await frames.act(command)).find(([word]) => word === 'joined')!;
          const came = await countedSince(kernel, index, before, Number(packets));
          assert.deepEqual(came[key], [Number(packets), Number(bytes)], `${mode}, ${command}: ${JSON.stringify(came)}`);
        }
      }
    } finally {
      await kernel.stop(STOP_MS);
      await frames.end();
    }
  },
};

const followed: Scenario = {
  name: 'packets: interfaces are followed as they come, are renamed, leave this network namespace, return and go',
  async run(context) {
    const name = newName();
    const frames = startFrames(context);
    const { kernel } = openKernel();
    const { packetMaps } = kernel;
    const renamed: string[] = [];
    packetMaps.onRename((index, before) => void renamed.push(`${index} ${before} ${packetMaps.nameOf(index)}`));
    const sendAndCount = async (index: number): Promise<void> => {
      const before = await countedOn(kernel, index);
      await frames.act('send ip4-udp 2');
      assert.deepEqual(await countedSince(kernel, index, before, 2), { '1 2': [2, 196] });
    };
    const followedAs = (index: number, as: string) =>
      waitFor(`${as} to be counted`, () =>
        kernel.packets().interfaces.some((one) => one.index === index && one.name === as && one.mode !== 'none'),
      );
    try {
      kernel.needPackets({ interfaces: [`${name}*`], exclude: [`${name}x`], mode: 'auto' });
      await kernel.start();
      const index = await frames.number(`pair ${name} 1500 0`, 'index');
      await followedAs(index, name);
      await sendAndCount(index);
      await frames.act(`rename ${name} ${name}2`);
      await followedAs(index, `${name}2`);
      assert.deepEqual(renamed, [`${index} ${name} ${name}`]);
      await sendAndCount(index);
      await frames.act(`leave ${name}2`);
      await waitFor('it to be gone', () => packetMaps.isGone(index));
      await waitFor('the program to be off', () => kernel.packets().interfaces.length === 0);
      await frames.act('send ip4-tcp 2');
      assert.equal(packetMaps.nameOf(index), `${name}2`);
      // a program that was put on it is on it no more, where it is now
      assert.deepEqual(await countedOn(kernel, index), { '1 2': [4, 392] });
      const again = await frames.number(`return ${name}2`, 'index');
      await followedAs(again, `${name}2`);
      await sendAndCount(again);
      await frames.act(`rename ${name}2 ${name}x`);
      await waitFor('the program to be off', () => kernel.packets().interfaces.length === 0);
      await frames.act(`rename ${name}x ${name}3`);
      await followedAs(again, `${name}3`);
      await frames.act('drop');
      await waitFor('it to be gone', () => packetMaps.isGone(again));
      const left = await packetMaps.readSums();
      const taken = await packetMaps.takeSums(left!.keys);
      assert.deepEqual([...taken!.sums], [...left!.sums]);
      assert.equal((await packetMaps.readSums())!.count, 0);
      assert.equal(packetMaps.nameOf(again), undefined);
    } finally {
      await kernel.stop(STOP_MS);
      await frames.end();
    }
  },
};

const beside: Scenario = {
  name: 'packets: two Ringtails and programs of others stand beside each other; what a dead one left is taken away',
  async run(context) {
    const name = newName();
    const frames = startFrames(context);
    const index = await frames.number(`pair ${name} 1500 0`, 'index');
    const kernels = [openKernel().kernel, openKernel().kernel] as const;
    const [one, other] = kernels;
    const addon = loadAddon();
    const filters = async (): Promise<number> => (await addon.filters()).filter(({ ifindex }) => ifindex === index).length;
    try {
      const claims = kernels.map((kernel) => kernel.needPackets(needsOf([name], 'clsact')));
      await one.start();
      await other.start();
      for (const kernel of kernels) assert.equal(modeOf(kernel, index), 'clsact');
      assert.equal(await filters(), 2);
      await frames.act('send ip6-icmp 5');
      for (const kernel of kernels) assert.deepEqual(await countedSince(kernel, index, {}, 5), { '2 3': [5, 590] });
      claims[0]!.change(needsOf([name], 'xdp_generic'));
      await one.reconfigure();
      assert.equal(await filters(), 1, 'a filter of the other one was touched');
      assert.equal(modeOf(one, index), 'xdp_generic');
      claims[1]!.change(needsOf([name], 'auto'));
      await other.reconfigure();
      await frames.act('send arp 1');
      assert.deepEqual(await countedSince(one, index, { '2 3': [5, 590] }, 1), { '0 0': [1, 42] });
      assert.deepEqual((await countedOn(other, index))['0 0'], [1, 42]);
    } finally {
      for (const kernel of kernels) await kernel.stop(STOP_MS);
      assert.equal(await filters(), 0);
      await frames.end();
    }
  },
};

/** An XDP program of somebody else; its object takes no part in what is looked at. */
const attachStranger = async (index: number, program: 'on_xdp' | 'on_xdp_frags', kind: NativeHook['kind']): Promise<NativeSession> => {
  const layouts = { actor: [], events: [] };
  const session = new (loadAddon().Session)(
    { ringBytes: 65_536, frameBytes: 2 << 20, frames: 0, flushMs: 50, maxRows: 1, layouts },
    () => {},
  );
  const object = session.load({ path: buildPath('bpf/packets.bpf.o'), programs: [program], options: {}, mapEntries: {} });
  await session.attachHook(object, program, { kind, ifindex: index });
  return session;
};

const behind: Scenario = {
  name: 'packets: behind an XDP program of others, which stays',
  async run(context) {
    const name = newName();
    const frames = startFrames(context);
    const index = await frames.number(`pair ${name} 1500 0`, 'index');
    const stranger = await attachStranger(index, hasFrags(probeFacts(loadAddon())) ? 'on_xdp_frags' : 'on_xdp', 'xdp_generic');
    const { kernel } = openKernel();
    try {
      const claim = kernel.needPackets(needsOf([name], 'auto'));
      await kernel.start();
      assert.match(modeOf(kernel, index), /^(tcx|clsact)/);
      const wanted = new Set([
        'arp',
        'ip4-options',
        'ip6-all-extensions',
        'ip6-cut-39',
        'vlan-ip4',
        'qinq-ip6',
        'length-for-type',
        'type-alone',
      ]);
      let before: Counted = {};
      for (const frame of (await frames.list()).filter((one) => wanted.has(one.name))) {
        await frames.act(`send ${frame.name} ${TIMES}`);
        assert.deepEqual(await countedSince(kernel, index, before, TIMES), expected(frame), frame.name);
        before = await countedOn(kernel, index);
      }
      for (const mode of ['xdp', 'xdp_generic'] as const) {
        claim.change(needsOf([name], mode));
        await kernel.reconfigure();
        assert.match(modeOf(kernel, index), /^none, the generic XDP program on_xdp\w* \(id \d+\) is attached and stays$/);
      }
    } finally {
      stranger.close();
      await kernel.stop(STOP_MS);
      await frames.end();
    }
  },
};

const raw: Scenario = {
  name: 'packets: a device whose packets begin with IP',
  async run(context) {
    const name = newName();
    const frames = startFrames(context);
    const index = await frames.number(`tun ${name}`, 'index');
    const { kernel } = openKernel();
    try {
      const claim = kernel.needPackets(needsOf([name], 'xdp_generic'));
      await kernel.start();
      assert.match(modeOf(kernel, index), /^none, its packets have no Ethernet header/);
      claim.change(needsOf([name], 'auto'));
      await kernel.reconfigure();
      const before = await countedOn(kernel, index);
      for (const frame of ['ip4-tcp', 'ip6-udp', 'ip6-all-extensions']) await frames.act(`raw ${frame}`);
      const bytes = Object.fromEntries((await frames.list()).map((frame) => [frame.name, frame.bytes - 14]));
      const came = await countedSince(kernel, index, before, 3);
      const wanted = { '1 1': [1, bytes['ip4-tcp']], '2 2': [1, bytes['ip6-udp']], '2 1': [1, bytes['ip6-all-extensions']] };
      for (const [key, counts] of Object.entries(wanted)) assert.deepEqual(came[key], counts, JSON.stringify(came));
    } finally {
      await kernel.stop(STOP_MS);
      await frames.end();
    }
  },
};

export const packetScenarios: readonly Scenario[] = [
  ...(['tcx', 'clsact', 'xdp', 'xdp_generic'] as const).map(crafted),
  joined,
  followed,
  beside,
  behind,
  raw,
];
