import { expect, it } from 'vitest';
import { netTransport, sessionFlag, sessionKnownBy, sessionRole, sessionState } from '../../../src/kernel/layouts.gen.ts';
import { decodeHolders, decodeSessions } from '../../../src/kernel/sockets/session-entries.ts';
import { entriesOf, holdersBytes } from './session-bytes.ts';

const owner = { pid: 12, startNs: 5_000_000_123n, comm: 'nginx', euid: 33 };

it('reads a session with all that is known', () => {
  const [entry] = decodeSessions(
    entriesOf('sessions', [
      {
        sk: 0xffff_8881_2345_6780n,
        cookie: 99n,
        id: 0xffff_ffff_ffff_fffen,
        local: [10, 0, 0, 5],
        localPort: 443,
        peer: [10, 0, 0, 9],
        peerPort: 51_234,
        flags: sessionFlag.hasBytes | sessionFlag.hasState,
        role: sessionRole.server,
        startNs: 7_000n,
        sent: 1n << 40n,
        received: 3n,
        uid: 33,
        owner,
      },
    ]),
  );
  expect(entry).toMatchObject({
    protocol: 'tcp',
    family: 'ipv4',
    localPort: 443,
    peerPort: 51_234,
    state: sessionState.tcpEstablished,
    uid: 33,
    sk: 0xffff_8881_2345_6780n,
    cookie: 99n,
    id: 0xffff_ffff_ffff_fffen,
    role: 'server',
    beganNs: 7_000n,
    sentBytes: 1n << 40n,
    receivedBytes: 3n,
    knownBy: sessionKnownBy.byEvent,
    holders: [{ pid: 12, startNs: 5_000_000_123n, fd: -1 }],
  });
  expect([...entry!.local]).toEqual([10, 0, 0, 5]);
  expect([...entry!.peer]).toEqual([10, 0, 0, 9]);
  expect(Buffer.from(entry!.owner!.comm).toString()).toBe('nginx');
  expect(entry!.owner!.uid).toBe(33);
});

it('leaves out what is not known', () => {
  const linkLocal = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
  const [listener, zoned] = decodeSessions(
    entriesOf('sessions', [
      { local: Array.from({ length: 16 }, () => 0), localPort: 80, flags: sessionFlag.localDual, state: sessionState.tcpListen },
      { local: linkLocal, peer: linkLocal, peerPort: 1, zone: 'eth0', transport: netTransport.udp },
    ]),
  );
  expect(listener).toMatchObject({ family: 'ipv6', isDual: true, owner: undefined, holders: [], beganNs: undefined, role: undefined });
  expect(listener).toMatchObject({ sentBytes: undefined, receivedBytes: undefined, zone: undefined });
  expect(listener!.peer).toHaveLength(0);
  expect(Buffer.from(zoned!.zone!).toString()).toBe('eth0');
  expect(zoned!.protocol).toBe('udp');
});

it('passes over protocols that nobody lists', () => {
  expect(decodeSessions(entriesOf('sessions', [{ transport: netTransport.other }, { transport: 200 }, {}]))).toHaveLength(1);
});

it('reads each descriptor that an iterator wrote, and no half one', () => {
  const bytes = holdersBytes([
    { owner, inode: 1234, fd: 3 },
    { owner: { ...owner, pid: 13 }, inode: 1234, fd: 9 },
  ]);
  const found = decodeHolders(bytes.subarray(0, bytes.length - 1));
  expect(found).toHaveLength(1);
  expect(found[0]).toMatchObject({ inode: 1234, holders: [{ pid: 12, fd: 3 }] });
  expect(decodeHolders(bytes)[1]!.holders[0]).toEqual({ pid: 13, startNs: owner.startNs, fd: 9 });
});
