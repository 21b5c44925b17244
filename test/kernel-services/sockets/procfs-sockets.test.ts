import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { OpenSocket } from '../../../src/kernel/sockets/open-socket.ts';
import { readSockets } from '../../../src/kernel/sockets/procfs/sockets.ts';
import { readSockstat } from '../../../src/kernel/sockets/procfs/sockstat.ts';
import { createFakeSockets, INITIAL_NETNS, inetLine, type FakeSockets } from './fake-sockets.ts';

const ANY6 = '00'.repeat(16);
const LINK_LOCAL = 'fe8000000000000000fc00fffe000001';
const PEER6 = 'fe80000000000000000000000000000a';

let proc: FakeSockets;
beforeEach(() => {
  proc = createFakeSockets();
});
afterEach(() => proc.dispose());

const read = (options: Partial<Parameters<typeof readSockets>[0]> = {}) => readSockets({ root: proc.root, ...options });
/** `tcp 127.0.0.1:80 -> :0 listen by 10/3` is protocol, both ends, state, and holders with their descriptors. */
const lineOf = ({ protocol, local, localPort, peer, peerPort, state, holders, isDual, zone }: OpenSocket): string => {
  const ends = [local, peer].map((bytes) => (bytes.length === 4 ? bytes.join('.') : Buffer.from(bytes).toString('hex')));
  const place = `${isDual ? '*' : ends[0]}${zone === undefined ? '' : `%${Buffer.from(zone).toString()}`}`;
  return `${protocol} ${place}:${localPort} ${ends[1]}:${peerPort} ${state} ${holders.map(({ pid, fd }) => `${pid}/${fd}`).join()}`;
};
const lines = async (options: Parameters<typeof read>[0] = {}) => (await read(options)).map(lineOf);

describe('open sockets', () => {
  it('are named by who holds them, the one that began first in front', async () => {
    proc.hold({ pid: 10, startTicks: 300, fds: ['/dev/null', 7, 'pipe:[7]'] });
    proc.hold({ pid: 11, startTicks: 200, fds: [8, 7, 7] });
    proc.hold({ pid: 12, fds: [] });
    proc.table(10, 'tcp', [
      { local: '127.0.0.1', localPort: 80, state: 10, inode: 7, uid: 5, queues: [0, 2] },
      { local: '127.0.0.1', localPort: 80, peer: '127.0.0.1', peerPort: 9, state: 1, inode: 8, queues: [3, 4] },
      { local: '127.0.0.1', localPort: 9, peer: '127.0.0.1', peerPort: 80, state: 6 },
    ]);
    expect(await lines()).toEqual([
      'tcp 127.0.0.1:80 :0 10 11/4,11/5,10/4',
      'tcp 127.0.0.1:80 127.0.0.1:9 1 11/3',
      'tcp 127.0.0.1:9 127.0.0.1:80 6 ',
    ]);
    const [listener, open, waiting] = await read();
    expect(listener).toMatchObject({ inode: 7, uid: 5, netns: INITIAL_NETNS, txQueue: 0, rxQueue: 2, family: 'ipv4' });
    expect(listener!.holders[0]).toEqual({ pid: 11, startNs: 2_000_000_000n, fd: 4 });
    expect([open!.txQueue, open!.rxQueue, waiting!.uid]).toEqual([3, 4, undefined]);
  });

  it('of every network namespace that a process is in, each once', async () => {
    proc.hold({ pid: 10, fds: [7] });
    proc.hold({ pid: 11, netns: 5, fds: [9] });
    proc.hold({ pid: 12, netns: 5 });
    proc.table(10, 'udp', [{ local: '0.0.0.0', localPort: 53, inode: 7 }]);
    for (const pid of [11, 12])
      proc.table(pid, 'udp', [{ local: '10.0.0.1', localPort: 53, peer: '10.0.0.2', peerPort: 1, state: 1, inode: 9 }]);
    expect((await read()).map(({ netns, inode }) => [netns, inode])).toEqual([[INITIAL_NETNS, 7], [5, 9]]); // prettier-ignore
    expect(await lines()).toEqual(['udp 0.0.0.0:53 :0 0 10/3', 'udp 10.0.0.1:53 10.0.0.2:1 0 11/3']);
  });

  it('are read through another process when the first one has gone', async () => {
    proc.hold({ pid: 10, netns: 5 });
    proc.hold({ pid: 11, netns: 5, fds: [9] });
    proc.table(11, 'tcp', [{ local: '10.0.0.1', localPort: 53, state: 10, inode: 9 }]);
    expect(await lines()).toEqual(['tcp 10.0.0.1:53 :0 10 11/3']);
  });

  it('of a process whose main thread is dead are those of another thread', async () => {
    proc.hold({ pid: 10, thread: 14, fds: [7], state: 'Z' });
    proc.table(10, 'tcp', []);
    proc.write('proc/10/task/14/net/tcp', `title\n${inetLine({ local: '10.0.0.1', localPort: 1, state: 10, inode: 7 })}\n`);
    proc.mkdir('proc/10/task/10');
    expect(await lines()).toEqual(['tcp 10.0.0.1:1 :0 10 10/3']);
  });

  it('of some processes are only those that they hold', async () => {
    proc.hold({ pid: 10, fds: [7] });
    proc.hold({ pid: 11, fds: [7, 8] });
    proc.table(11, 'tcp', [7, 8, 9].map((inode) => ({ local: '10.0.0.1', localPort: inode, state: 10, inode }))); // prettier-ignore
    expect(await lines({ pids: [11, 99] })).toEqual(['tcp 10.0.0.1:7 :0 10 11/3', 'tcp 10.0.0.1:8 :0 10 11/4']);
  });

  it('without ports are told without, and raw ones of ICMP count as ICMP', async () => {
    proc.hold({ pid: 10, fds: [7, 8, 9] });
    proc.table(10, 'icmp', [{ local: '0.0.0.0', localPort: 44, inode: 7 }]);
    proc.table(10, 'raw', [
      { local: '0.0.0.0', localPort: 1, inode: 8 },
      { local: '0.0.0.0', localPort: 89, peer: '10.0.0.1', state: 1, inode: 9 },
    ]);
    expect(await lines()).toEqual(['icmp 0.0.0.0:0 :0 0 10/3', 'icmp 0.0.0.0:0 :0 0 10/4', 'raw 0.0.0.0:0 10.0.0.1:0 0 10/5']);
  });

  it('on the wildcard of IPv6 take IPv4 too unless somebody else has that port there', async () => {
    proc.hold({ pid: 10 });
    proc.table(10, 'tcp', [
      { local: '127.0.0.1', localPort: 80, state: 10, inode: 1 },
      { local: '10.0.0.1', localPort: 22, peer: '10.0.0.2', peerPort: 5, state: 1, inode: 2 },
    ]);
    proc.table(10, 'tcp6', [80, 22].map((localPort) => ({ local: ANY6, localPort, state: 10, inode: localPort }))); // prettier-ignore
    proc.table(10, 'udp', [
      { local: '0.0.0.0', localPort: 53, inode: 3 },
      { local: '10.0.0.1', localPort: 54, inode: 4 },
    ]);
    proc.table(10, 'udp6', [53, 54].map((localPort) => ({ local: ANY6, localPort, inode: localPort }))); // prettier-ignore
    const wildcards = (await read()).filter(({ family }) => family === 'ipv6');
    expect(wildcards.map(({ localPort, isDual }) => [localPort, isDual])).toEqual([[80, false], [22, true], [53, false], [54, true]]); // prettier-ignore
  });

  it('of link-local addresses have the zone when one interface has the address', async () => {
    proc.hold({ pid: 10 });
    proc.table(10, 'tcp6', [{ local: LINK_LOCAL, localPort: 1, peer: PEER6, peerPort: 2, state: 1, inode: 1 }]);
    const zone = async (interfaces: readonly string[]) => {
      proc.write(
        'proc/10/net/if_inet6',
        interfaces.map((name, index) => `${LINK_LOCAL} 0${index + 2} 40 20 80 ${name.padStart(8)}\n`).join(''),
      );
      return (await lines())[0];
    };
    expect(await zone(['eth0'])).toBe(`tcp ${LINK_LOCAL}%eth0:1 ${PEER6}:2 1 `);
    expect(await zone(['eth0', 'eth1'])).toBe(`tcp ${LINK_LOCAL}:1 ${PEER6}:2 1 `);
    expect(await zone([])).toBe(`tcp ${LINK_LOCAL}:1 ${PEER6}:2 1 `);
  });

  it('that are unix sockets cannot name others by newlines in their paths', async () => {
    const row = (inode: number, flags: string, state: string, path: string): string =>
      `0000000000000000: 00000002 00000000 ${flags} 0001 ${state} ${inode} ${path}\n`;
    proc.hold({ pid: 10, fds: [21] });
    const forged = row(20, '00010000', '01', '/run/other').trimEnd();
    const title = 'Num       RefCount Protocol Flags    Type St Inode Path\n';
    proc.write('proc/10/net/unix', title + row(20, '00010000', '01', '/run/real') + row(21, '00000000', '03', `/x\n${forged}`));
    expect((await read()).map(({ inode, local, state }) => [inode, Buffer.from(local).toString(), state])).toEqual([
      [20, '', 10],
      [21, '/x', 1],
    ]);
  });

  it('behind a line without an end are found', async () => {
    proc.hold({ pid: 10 });
    const line = (inode: number): string => `${inetLine({ local: '10.0.0.1', localPort: inode, state: 10, inode })}\n`;
    proc.write('proc/10/net/tcp', `title\n${line(1)}${'x'.repeat(200_000)}\n${line(2)}`);
    expect((await read()).map(({ inode }) => inode)).toEqual([1, 2]);
    const many = Array.from({ length: 3000 }, (_, index) => line(index + 1)).join('');
    proc.write('proc/10/net/tcp', `title\n${many}${line(9999).trimEnd()}`);
    expect((await read()).length).toBe(3000);
  });

  it('are none where there is no procfs', async () => {
    expect(await readSockets({ root: join(proc.root, 'nowhere') })).toEqual([]);
  });

  it('are told once although the table has a row twice', async () => {
    proc.hold({ pid: 10 });
    const row = { local: '10.0.0.1', localPort: 1, state: 10, inode: 4 };
    proc.table(10, 'tcp', [row, row]);
    expect(await lines()).toEqual(['tcp 10.0.0.1:1 :0 10 ']);
  });
});

it('counts what is in TIME_WAIT in the namespace of a process', async () => {
  proc.write('proc/10/net/sockstat', 'TCP: inuse 6 orphan 2 tw 41 alloc 9 mem 0\n');
  expect(await readSockstat(proc.root, 10)).toEqual({ timeWait: 41, orphans: 2 });
  expect(await readSockstat(proc.root, 11)).toBeUndefined();
});

it('knows its own namespace first, by the number that it has there', async () => {
  proc.hold({ pid: 10 });
  proc.hold({ pid: 11, netns: 5 });
  symlinkSync('11', join(proc.root, 'proc/self'));
  for (const pid of [10, 11]) proc.table(pid, 'tcp', [{ local: '10.0.0.1', localPort: pid, state: 10, inode: pid }]);
  expect((await read()).map(({ netns }) => netns)).toEqual([5, INITIAL_NETNS]);
});
