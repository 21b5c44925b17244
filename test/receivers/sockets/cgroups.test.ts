import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventKind } from '../../../src/kernel/layouts.gen.ts';
import { joinCgroups } from '../../../src/receivers/sockets/cgroup-choice.ts';
import { client, deliver, frameOf } from './support.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ringtail-cgroups-'));
  for (const name of ['a/b', 'ab', 'c']) mkdirSync(join(folder, name), { recursive: true });
});
afterEach(() => rmSync(folder, { recursive: true }));

const idOf = (name: string): bigint => statSync(join(folder, name), { bigint: true }).ino;

/** Cgroups whose paths are known but that of `c`. */
const createKernel = () => {
  const paths = new Map(['a', 'a/b', 'ab'].map((name) => [idOf(name), `/${name}`]));
  const required: string[] = [];
  const kernel = {
    cgroups: { path: (id: bigint) => paths.get(id) },
    gate: {
      require(need: string) {
        required.push(need);
        return () => void required.splice(required.indexOf(need), 1);
      },
    },
  };
  return { kernel: kernel as never, required };
};

describe('a receiver with a cgroup', () => {
  it('shows all that comes while it is alone, or others want the same: the kernel has chosen', () => {
    const { kernel, required } = createKernel();
    const [one, other] = [joinCgroups(kernel, join(folder, 'a')), joinCgroups(kernel, join(folder, 'a'))];
    expect([one.shows(idOf('ab')), other.shows(0n)]).toEqual([true, true]);
    expect(required).toEqual(['cgroup', 'cgroup']);
    one.leave();
    one.leave();
    expect(required).toEqual(['cgroup']);
  });

  it('shows what is its own, and what is below it, beside one that wants others', () => {
    const { kernel } = createKernel();
    const one = joinCgroups(kernel, join(folder, 'a'));
    const all = joinCgroups(kernel, undefined);
    const shown = (choice: typeof one) => [
      ...['a', 'a/b', 'ab', 'c'].filter((name) => choice.shows(idOf(name))),
      ...(choice.shows(0n) ? ['unknown'] : []),
    ];
    expect(shown(one)).toEqual(['a', 'a/b']);
    expect(shown(all)).toEqual(['a', 'a/b', 'ab', 'c', 'unknown']);
    all.leave();
    expect(shown(one)).toEqual(['a', 'a/b', 'ab', 'c', 'unknown']);
  });

  it('does not take a cgroup of v1 for one of v2 that is called so', () => {
    const inV1 = (4n << 45n) | 7n;
    const path = (id: bigint) => (id === inV1 || id === idOf('a') ? '/a' : '/');
    const kernel = { cgroups: { path }, gate: { require: () => () => {} } } as never;
    const one = joinCgroups(kernel, join(folder, 'a'));
    joinCgroups(kernel, undefined);
    expect([one.shows(inV1), one.shows(idOf('a'))]).toEqual([false, true]);
  });

  it('chooses records by the cgroup of the socket', () => {
    const records = [77n, 2n ** 33n].map((cgroupId) => ({ kind: eventKind.sessionEnd, columns: { ...client, cgroupId } }));
    const batches = deliver(frameOf(records), { showsCgroup: (id) => id === 2n ** 33n });
    expect(batches.map(({ selection }) => [...selection!])).toEqual([[1]]);
  });
});
