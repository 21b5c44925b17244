/** The program that sends crafted frames, and what was counted of them. */
import assert from 'node:assert/strict';
import type { PacketMode, PacketNeeds } from '../../../src/kernel/packets/needs.ts';
import { mapLayout } from '../../../src/kernel/layouts.gen.ts';
import type { KernelServices } from '../../../src/kernel/services.ts';
import { waitFor } from './pipeline.ts';
import { startProgram } from './runner.ts';
import { Skip, type Context } from './scenario.ts';

const { packetKey } = mapLayout;

export type Frame = { readonly name: string; readonly key: string; readonly bytes: number; readonly byXdpOnly: boolean };

export type Frames = {
  /** What it told, without `done`. */
  act(command: string): Promise<readonly (readonly string[])[]>;
  /** The number that follows a word of what it told. */
  number(command: string, word: string): Promise<number>;
  list(): Promise<readonly Frame[]>;
  end(): Promise<void>;
};

export const startFrames = ({ program }: Pick<Context, 'program'>): Frames => {
  const { child, ended, output } = startProgram(program('frames'), []);
  let answered = 0;
  const act = async (command: string): Promise<readonly (readonly string[])[]> => {
    child.stdin.write(`${command}\n`);
    const lines = (): readonly string[] => output().split('\n').slice(answered, -1);
    await waitFor(command, () => lines().includes('done') || lines().some((line) => line.startsWith('skip ')) || child.exitCode !== null);
    const told = lines();
    const skip = told.find((line) => line.startsWith('skip '));
    if (skip !== undefined) throw new Skip(skip.slice('skip '.length));
    assert(told.includes('done'), `${command}: the program ended`);
    answered += told.length;
    return told.slice(0, -1).map((line) => line.split(' '));
  };
  return {
    act,
    async number(command, word) {
      const line = (await act(command)).find(([first]) => first === word);
      return Number(line?.[1]);
    },
    list: async () =>
      (await act('list')).map(([, name, family, transport, bytes, byXdpOnly]) => ({
        name: name!,
        key: `${family} ${transport}`,
        bytes: Number(bytes),
        byXdpOnly: byXdpOnly === '1',
      })),
    async end() {
      child.stdin.end();
      assert.equal((await ended).code, 0);
    },
  };
};

/** Packets and bytes of an interface by `family transport`, as bpf/packets.h numbers them. */
export type Counted = Readonly<Record<string, readonly [packets: number, bytes: number]>>;

export const countedOn = async (kernel: KernelServices, index: number): Promise<Counted> => {
  const reading = await kernel.packetMaps.readSums();
  assert(reading !== undefined, kernel.packets().notes.join('; '));
  const found: Record<string, [number, number]> = {};
  for (let entry = 0; entry < reading.count; entry++) {
    const key = reading.keys.subarray(entry * packetKey.size);
    if (key.readUInt32LE(packetKey.ifindex) !== index) continue;
    found[`${key[packetKey.family]} ${key[packetKey.transport]}`] = [reading.sums[entry * 2]!, reading.sums[entry * 2 + 1]!];
  }
  return found;
};

export const packetsOf = (counted: Counted): number => Object.values(counted).reduce((sum, [packets]) => sum + packets, 0);

/** What came between two readings. */
export const difference = (before: Counted, after: Counted): Counted =>
  Object.fromEntries(
    Object.entries(after).flatMap(([key, [packets, bytes]]) => {
      const [oldPackets, oldBytes] = before[key] ?? [0, 0];
      return packets === oldPackets && bytes === oldBytes ? [] : [[key, [packets - oldPackets, bytes - oldBytes] as const]];
    }),
  );

/** Reads until as many packets came as are waited for; what came is then everything, for packets of one CPU keep their order. */
export const countedSince = async (kernel: KernelServices, index: number, before: Counted, packets: number): Promise<Counted> => {
  let now = before;
  let last: Promise<void> = Promise.resolve();
  const look = (): boolean => {
    last = last.then(async () => void (now = await countedOn(kernel, index)));
    return packetsOf(now) - packetsOf(before) >= packets;
  };
  await waitFor(`${packets} packets`, look, () => JSON.stringify(difference(before, now)));
  await last;
  return difference(before, now);
};

export const needsOf = (interfaces: readonly string[], mode: PacketMode): PacketNeeds => ({ interfaces, exclude: [], mode });
