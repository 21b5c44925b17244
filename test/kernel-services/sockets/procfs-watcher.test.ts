import { rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LENGTH_MASK, NO_ACTOR } from '../../../src/core/batch.ts';
import type { KernelFrame } from '../../../src/kernel/frames.ts';
import { eventKind, sessionFlag, sessionKnownBy, sessionRole, sessionState } from '../../../src/kernel/layouts.gen.ts';
import type { SocketNeeds } from '../../../src/kernel/sockets/needs.ts';
import { createSocketProcfsWatcher, type SocketProcfsWatcherOptions } from '../../../src/kernel/sockets/procfs-watcher.ts';
import { createSessionStore } from '../../../src/live/sessions/store.ts';
import { createFakeSockets, type FakeRow, type FakeSockets } from './fake-sockets.ts';

const needs: SocketNeeds = {
  events: new Set(['start', 'state', 'end', 'listen']),
  states: new Set([4, 7]),
  protocols: new Set(['tcp', 'udp', 'icmp', 'raw']),
  families: new Set(['ipv4', 'ipv6']),
  loopback: true,
  idleTimeoutMs: {},
  counted: false,
  mode: 'procfs',
  cgroup: undefined,
  maxSessions: 100,
  procfsIntervalMs: 1,
  ruleSets: [],
};
const kindName = new Map<number, string>(
  Object.entries(eventKind).map(([name, kind]) => [kind, name.replace('session', '').toLowerCase()]),
);
const OPEN: FakeRow = { local: '10.0.0.1', localPort: 1000, peer: '10.0.0.2', peerPort: 80, state: 1, inode: 5 };
const LISTENER: FakeRow = { local: '0.0.0.0', localPort: 80, state: 10, inode: 6 };
const CURL = { pid: 10, comm: 'curl', startTicks: 50, exe: '/bin/curl' };

let proc: FakeSockets;
let frames: KernelFrame[];
beforeEach(() => {
  proc = createFakeSockets();
  frames = [];
  proc.hold({ ...CURL, fds: [5, 6, 7] });
});
afterEach(() => proc.dispose());

const create = (options: Partial<SocketProcfsWatcherOptions> = {}) =>
  createSocketProcfsWatcher({ root: proc.root, needs, nowMs: () => 5_000_000, onFrame: (frame) => frames.push(frame), ...options });

const textOf = ({ strings }: KernelFrame, id: number): Buffer =>
  Buffer.from(strings.bytes.slice(strings.offsets[id]!, strings.offsets[id]! + (strings.lengths[id]! & LENGTH_MASK)));

/** `start 10 10.0.0.1:1000 10.0.0.2:80` is kind, owner and both ends. */
const rows = (): readonly string[] =>
  frames.flatMap((frame) =>
    frame.batches.flatMap(({ kind, rows: count, actor, columns }) =>
      Array.from({ length: count }, (_, row) => {
        const owner = actor[row] === NO_ACTOR ? '-' : frame.actors.pid[actor[row]!];
        const [local, peer] = ['local', 'peer'].map((name) => {
          const text = textOf(frame, columns[name]![row]!);
          return `${text.length === 4 ? text.join('.') : text.toString('latin1')}:${columns[`${name}Port`]![row]}`;
        });
        return `${kindName.get(kind)} ${owner} ${local} ${peer}`;
      }),
    ),
  );
const scan = async (watcher: ReturnType<typeof create>): Promise<readonly string[]> => {
  frames = [];
  expect(await watcher.scan()).toBe(true);
  return rows();
};

describe('procfs watcher of sockets', () => {
  it('tells nothing of what was open before but its end', async () => {
    const watcher = create();
    proc.table(10, 'tcp', [OPEN, LISTENER]);
    expect(await scan(watcher)).toEqual([]);
    proc.table(10, 'tcp', []);
    expect(await scan(watcher)).toEqual([
      'state 10 10.0.0.1:1000 10.0.0.2:80',
      'state 10 0.0.0.0:80 :0',
      'end 10 10.0.0.1:1000 10.0.0.2:80',
    ]);
  });

  it('tells what began since, by whom, and what is not known it does not tell', async () => {
    const watcher = create();
    proc.table(10, 'tcp', []);
    await scan(watcher);
    proc.table(10, 'tcp', [OPEN, LISTENER]);
    proc.table(10, 'udp', [{ local: '127.0.0.1', localPort: 53, inode: 7 }]);
    expect(await scan(watcher)).toEqual(['start 10 10.0.0.1:1000 10.0.0.2:80', 'start 10 127.0.0.1:53 :0', 'listen 10 0.0.0.0:80 :0']);
    expect(frames[0]).toMatchObject({ attribution: 'procfs', wallOffsetNs: 3_999_500_000_000n });
    const { columns, bootNsLo, bootNsHi } = frames[0]!.batches[0]!;
    const told = Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, column[0]]));
    expect(told).toMatchObject({
      flags: sessionFlag.isTold | sessionFlag.hasState,
      family: 2,
      transport: 1,
      netFlags: 1,
      state: sessionState.tcpEstablished,
      role: sessionRole.unknown,
      knownBy: sessionKnownBy.byProcfs,
      error: 0,
      sentLo: 0,
      netnsCookieLo: 0,
    });
    expect(bootNsLo[0]! + bootNsHi[0]! * 2 ** 32).toBe(1_000_500_000_000);
    expect(told['idLo']! + told['idHi']!).toBeGreaterThan(0);
    expect(columns['flags']![1]).toBe(sessionFlag.isTold | sessionFlag.manyPeers | sessionFlag.isLoopback);
    const { actors } = frames[0]!;
    expect([actors.count, actors.startNsLo[0], textOf(frames[0]!, actors.comm[0]!).toString()]).toEqual([1, 500_000_000, 'curl']);
  });

  it('shows what is open to who looks, but for whom nobody is to see', async () => {
    const hidden = { pid: 20, comm: 'hidden', startTicks: 60, exe: '/bin/hidden' };
    proc.hold({ ...hidden, fds: [8] });
    const watcher = create({ leavesOut: ({ facts }) => facts.stat.pid === 20 });
    proc.table(10, 'tcp', [OPEN, LISTENER, { ...OPEN, localPort: 1001, inode: 8 }]);
    proc.table(10, 'tcp6', [{ local: '00'.repeat(16), localPort: 81, state: 10, inode: 99 }]);
    const store = createSessionStore();
    const shown = await store.update([await watcher.show()], 0);
    const seen = shown.map(({ transport, family, state, pid, owner, localPort, peerPort, sentBytes }) => [transport, family, state, pid, owner.comm, localPort, peerPort, sentBytes]); // prettier-ignore
    expect(seen.toSorted()).toEqual([
      ['tcp', 'ipv4', 'established', 10, 'curl', 1000, 80, undefined],
      ['tcp', 'ipv4', 'listen', 10, 'curl', 80, 0, undefined],
      ['tcp', 'ipv6', 'listen', 0, '', 81, 0, undefined],
    ]);
    expect(shown.find(({ localPort }) => localPort === 1000)!.owner.startNs).toBe(500_000_000n);
    const [again] = await store.update([await watcher.show()], 1000);
    expect(shown, 'they keep their ids').toContain(again);
  });

  it('shows wildcards and zones as the kernel side does', async () => {
    const watcher = create();
    await scan(watcher);
    const linkLocal = 'fe8000000000000000fc00fffe000001';
    proc.write('proc/10/net/if_inet6', `${linkLocal} 02 40 20 80     eth0\n`);
    proc.table(10, 'tcp6', [
      { local: '00'.repeat(16), localPort: 80, state: 10, inode: 5 },
      { local: linkLocal, localPort: 81, peer: linkLocal, peerPort: 1, state: 1, inode: 6 },
    ]);
    const bytes = Buffer.from(linkLocal, 'hex').toString('latin1');
    expect(await scan(watcher)).toEqual([`start 10 ${bytes}eth0:81 ${bytes}eth0:1`, 'listen 10 *:80 :0']);
    expect(frames[0]!.batches[1]!.columns['flags']![0]! & sessionFlag.localDual).not.toBe(0);
  });

  it('does not take what is in TIME_WAIT for a session', async () => {
    const watcher = create();
    await scan(watcher);
    proc.table(10, 'tcp', [{ ...OPEN, state: 6, inode: 0 }]);
    expect(await scan(watcher)).toEqual([]);
    expect(watcher.health().details).toMatchObject({ sessions: 0 });
  });

  it('follows a socket to another process, and names the last one at its end', async () => {
    const watcher = create();
    await scan(watcher);
    proc.table(10, 'tcp', [OPEN]);
    expect(await scan(watcher)).toEqual(['start 10 10.0.0.1:1000 10.0.0.2:80']);
    proc.hold({ pid: 11, startTicks: 60, fds: [5] });
    proc.table(11, 'tcp', [OPEN]);
    proc.remove(10);
    expect(await scan(watcher)).toEqual([]);
    proc.table(11, 'tcp', []);
    proc.hold({ pid: 11, startTicks: 60 });
    proc.table(11, 'tcp', []);
    expect(await scan(watcher)).toEqual(['state 11 10.0.0.1:1000 10.0.0.2:80', 'end 11 10.0.0.1:1000 10.0.0.2:80']);
  });

  it('names the owner of the listener for what waits for accept, and nobody when that is not certain', async () => {
    const watcher = create();
    proc.table(10, 'tcp', [LISTENER]);
    await scan(watcher);
    const waiting = { ...OPEN, localPort: 80, peerPort: 9, inode: 0 };
    proc.table(10, 'tcp', [LISTENER, waiting]);
    expect(await scan(watcher)).toEqual(['start 10 10.0.0.1:80 10.0.0.2:9']);
    proc.hold({ pid: 11, fds: [8] });
    proc.table(10, 'tcp', [LISTENER, waiting, { ...LISTENER, inode: 8 }, { ...waiting, peerPort: 10 }]);
    expect(await scan(watcher)).toEqual(['start - 10.0.0.1:80 10.0.0.2:10', 'listen 11 0.0.0.0:80 :0']);
    expect(frames[0]!.batches[0]!.columns['knownBy']![0]).toBe(sessionKnownBy.not);
  });

  it('tells a session whose owner it may not see without one', async () => {
    const watcher = create();
    await scan(watcher);
    proc.table(10, 'tcp', [{ ...OPEN, inode: 99 }]);
    expect(await scan(watcher)).toEqual(['start - 10.0.0.1:1000 10.0.0.2:80']);
  });

  it('keeps a session whose namespace cannot be looked at any more while somebody holds it', async () => {
    proc.hold({ pid: 11, netns: 5 });
    proc.table(11, 'tcp', [{ ...OPEN, inode: 7 }]);
    const watcher = create();
    await scan(watcher);
    proc.remove(11);
    expect(await scan(watcher)).toEqual([]);
    proc.hold(CURL);
    expect(await scan(watcher)).toEqual(['state 10 10.0.0.1:1000 10.0.0.2:80', 'end 10 10.0.0.1:1000 10.0.0.2:80']);
  });

  it.each<[string, Partial<SocketNeeds>, readonly string[]]>([
    ['events', { events: new Set(['listen']) }, ['listen 10 0.0.0.0:80 :0']],
    ['protocols', { protocols: new Set(['udp']) }, ['start 10 127.0.0.1:53 127.0.0.1:54']],
    ['families', { families: new Set(['ipv6']) }, []],
    ['no loopback', { loopback: false }, ['start 10 10.0.0.1:1000 10.0.0.2:80', 'listen 10 0.0.0.0:80 :0']],
    ['states', { events: new Set(['state']), states: new Set([1]) }, ['state 10 10.0.0.1:1000 10.0.0.2:80']],
    ['another cgroup', { cgroup: '/elsewhere' }, []],
  ])('tells what is asked for: %s', async (_, some, expected) => {
    const watcher = create({ needs: { ...needs, ...some } });
    proc.table(10, 'tcp', []);
    await scan(watcher);
    proc.table(10, 'tcp', [OPEN, LISTENER]);
    proc.table(10, 'udp', [{ local: '127.0.0.1', localPort: 53, peer: '127.0.0.1', peerPort: 54, state: 1, inode: 7 }]);
    expect(await scan(watcher)).toEqual(expected);
  });

  it('tells of the processes of one cgroup and of those below it', async () => {
    proc.write('proc/mounts', 'c /cg cgroup2 rw 0 0\n');
    const watcher = create({ needs: { ...needs, cgroup: `${proc.root}/cg/a` } });
    for (const [pid, cgroup] of [[11, '/a/b'], [12, '/ab']] as const) proc.hold({ pid, cgroup, fds: [pid] }); // prettier-ignore
    await scan(watcher);
    proc.table(10, 'tcp', [11, 12].map((inode) => ({ ...OPEN, localPort: inode, inode }))); // prettier-ignore
    expect(await scan(watcher)).toEqual(['start 11 10.0.0.1:11 10.0.0.2:80']);
  });

  it('tells no beginning of what it was not asked for before', async () => {
    const watcher = create({ needs: { ...needs, protocols: new Set(['udp']) } });
    proc.table(10, 'tcp', [OPEN]);
    await scan(watcher);
    watcher.change(needs);
    expect(await scan(watcher)).toEqual([]);
    proc.table(10, 'tcp', [OPEN, LISTENER]);
    expect(await scan(watcher)).toEqual(['listen 10 0.0.0.0:80 :0']);
    watcher.change({ ...needs, protocols: new Set(['udp']) });
    proc.table(10, 'tcp', []);
    expect(await scan(watcher)).toEqual([]);
    expect(watcher.health().details).toMatchObject({ sessions: 0 });
  });

  it('leaves out whom the configuration leaves out, and itself', async () => {
    const leftOut: number[] = [];
    const watcher = create({ leavesOut: ({ facts }) => leftOut.includes(facts.stat.pid) });
    await scan(watcher);
    proc.table(10, 'tcp', [OPEN]);
    leftOut.push(10);
    expect(await scan(watcher)).toEqual([]);
    leftOut.pop();
    symlinkSync('10', join(proc.root, 'proc/self'));
    proc.table(10, 'tcp', []);
    expect(await scan(watcher)).toEqual([]);
  });

  it('tells the programs that the process table knows', async () => {
    const identities = new Map([
      [10, { startNs: 500_000_123n, execId: 7 }],
      [1, { startNs: 3n, execId: 2 }],
    ]);
    const identityOf = vi.fn<(pid: number, startNs?: bigint) => { startNs: bigint; execId: number } | undefined>((pid) =>
      identities.get(pid),
    );
    const watcher = create({ identityOf });
    await scan(watcher);
    proc.table(10, 'tcp', [OPEN]);
    await scan(watcher);
    const { startNsLo, execId, parentStartNsLo, parentExecId } = frames[0]!.actors;
    expect([startNsLo[0], execId[0], parentStartNsLo[0], parentExecId[0]]).toEqual([500_000_123, 7, 3, 2]);
    expect(identityOf.mock.calls).toEqual([[1], [10, 500_000_000n]]);
  });

  it('says how much it follows, and when there is more', async () => {
    const watcher = create({ needs: { ...needs, maxSessions: 1 } });
    proc.table(10, 'tcp', [OPEN, LISTENER]);
    await scan(watcher);
    expect(watcher.health()).toMatchObject({
      status: 'recoverable',
      message: 'sockets beyond max_sessions, which are not followed: 1',
      details: { sessions: 1, skipped: 1, processes_denied: 0 },
    });
  });

  it('makes frames of a thousand rows', async () => {
    const watcher = create({ needs: { ...needs, maxSessions: 5000 } });
    await scan(watcher);
    proc.table(10, 'tcp', Array.from({ length: 1500 }, (_, index) => ({ ...OPEN, localPort: index + 1, inode: index + 1 }))); // prettier-ignore
    expect((await scan(watcher)).length).toBe(1500);
    expect(frames.map(({ batches, sequence }) => [batches[0]!.rows, sequence])).toEqual([[1024, 0], [476, 1]]); // prettier-ignore
  });

  it('looks at the interval until it is stopped, not while what it gave is not worked off, and tells errors', async () => {
    let behind = true;
    const errors: unknown[] = [];
    const onFrame = (frame: KernelFrame): void => {
      frames.push(frame);
      throw new Error('full');
    };
    const isBehind = vi.fn<() => boolean>(() => behind);
    const watcher = create({ onFrame, isBehind, onError: (error) => errors.push(error) });
    await watcher.start();
    proc.table(10, 'tcp', [OPEN]);
    await vi.waitFor(() => expect(isBehind.mock.calls.length).toBeGreaterThan(2));
    expect(frames).toEqual([]);
    behind = false;
    await vi.waitFor(() => expect(errors.length).toBe(1));
    await watcher.stop();
    rmSync(join(proc.root, 'proc'), { recursive: true });
    expect(await watcher.scan()).toBe(false);
  });
});
