import { describe, expect, it } from 'vitest';
import { callFlag, eventKind, netFlag, netTransport } from '../../../src/kernel/layouts.gen.ts';
import { eventOf, type Columns } from './support.ts';

const v4 = (text: string): Uint8Array => Uint8Array.from(text.split('.'), Number);
const v6 = (hex: string): Uint8Array => Buffer.from(hex.padEnd(32, '0'), 'hex');
const tcp = { fd: 4, callFlags: callFlag.hasFd, family: 2, transport: netTransport.tcp, netFlags: netFlag.isInet, netnsCookie: 1n };
const event = (kind: number, call: Parameters<typeof eventOf>[0]['call'], columns: Columns) => eventOf({ kind, call, columns });
const connect = (columns: Columns) => event(eventKind.connect, 'connect', columns).attributes;

describe('a socket', () => {
  it('has both ends', () => {
    const columns = { ...tcp, ret: 0, local: v4('10.0.0.1'), localPort: 41234, peer: v4('192.0.2.7'), peerPort: 443 };
    expect(event(eventKind.connect, 'connect', columns)).toEqual({
      event: 'ringtail.network.connect',
      attributes: {
        'ringtail.syscall.name': 'connect',
        'ringtail.syscall.return': 0,
        'ringtail.fd': 4,
        'network.type': 'ipv4',
        'network.transport': 'tcp',
        'network.local.address': '10.0.0.1',
        'network.local.port': 41234,
        'network.peer.address': '192.0.2.7',
        'network.peer.port': 443,
        'ringtail.netns.cookie': 1,
      },
    });
  });

  it('of IPv6 has addresses as RFC 5952 writes them', () => {
    const columns = {
      ...tcp,
      ret: 5,
      family: 10,
      local: v6('00000000000000000000ffffc0000201'),
      localPort: 80,
      peer: v6('20010db8'),
      peerPort: 1,
    };
    expect(event(eventKind.accept, 'accept4', columns)).toEqual({
      event: 'ringtail.network.accept',
      attributes: {
        'ringtail.syscall.name': 'accept4',
        'ringtail.syscall.return': 5,
        'ringtail.fd': 4,
        'network.type': 'ipv6',
        'network.transport': 'tcp',
        'network.local.address': '::ffff:192.0.2.1',
        'network.local.port': 80,
        'network.peer.address': '2001:db8::',
        'network.peer.port': 1,
        'ringtail.netns.cookie': 1,
      },
    });
  });

  it('of unix has paths, also one of four bytes, and no ports', () => {
    const unix = { ...tcp, family: 1, transport: netTransport.unix, netFlags: netFlag.isUnix, localPort: 7, netnsCookie: 0n };
    expect(connect({ ...unix, ret: 0, peer: '/a/b' })).toEqual({
      'ringtail.syscall.name': 'connect',
      'ringtail.syscall.return': 0,
      'ringtail.fd': 4,
      'network.transport': 'unix',
      'network.peer.address': '/a/b',
    });
    expect(connect({ ...unix, ret: 0, peer: '\0dbus-x', local: Uint8Array.of(0, 0xff, 0x41) })).toMatchObject({
      'network.peer.address': '@dbus-x',
      'network.local.address': '@\ufffdA',
    });
  });

  it('without a known peer has none, and no port 0', () => {
    const attributes = connect({
      ...tcp,
      ret: -111,
      callFlags: callFlag.hasFd | callFlag.hasFailed | callFlag.isUnverified,
      local: v4('0.0.0.0'),
    });
    expect(attributes).toMatchObject({ 'error.type': 'ECONNREFUSED', 'network.local.address': '0.0.0.0', 'ringtail.unverified': true });
    expect(Object.keys(attributes).filter((name) => name.includes('peer') || name.endsWith('.port'))).toEqual([]);
  });

  it.each([
    [netTransport.icmp, undefined, 'icmp'],
    [netTransport.raw, undefined, 'raw'],
    [netTransport.udp, 'udp', undefined],
    [netTransport.other, undefined, undefined],
  ])('with transport %i is %s, %s', (transport, name, protocol) => {
    const attributes = connect({ ...tcp, ret: 0, transport });
    expect(attributes['network.transport']).toBe(name);
    expect(attributes['ringtail.network.protocol']).toBe(protocol);
  });

  it('of another family says nothing of its ends', () => {
    const attributes = connect({
      ret: 0,
      family: 16,
      transport: netTransport.other,
      fd: 3,
      callFlags: callFlag.hasFd,
      netFlags: 0,
      local: 'x',
      peer: v4('1.2.3.4'),
    });
    expect(attributes).toEqual({ 'ringtail.syscall.name': 'connect', 'ringtail.syscall.return': 0, 'ringtail.fd': 3 });
  });

  it('that is closed has no bytes', () => {
    const attributes = event(eventKind.close, 'close', { ...tcp, ret: 0, requested: 5n, netFlags: netFlag.isInet | netFlag.hasSize });
    expect(attributes.event).toBe('ringtail.network.close');
    expect(Object.keys(attributes.attributes).filter((name) => name.includes('.io.'))).toEqual([]);
  });
});

describe('bytes', () => {
  const sized = { ...tcp, netFlags: netFlag.isInet | netFlag.hasSize, requested: 1000n };
  it.each([
    [eventKind.send, 'sendto', 'ringtail.network.send'],
    [eventKind.send, 'send', 'ringtail.network.send'],
    [eventKind.receive, 'recvmsg', 'ringtail.network.receive'],
  ] as const)('of kind %i by %s are what was returned', (kind, call, name) => {
    const made = event(kind, call, { ...sized, ret: 600 });
    expect(made.event).toBe(name);
    expect(made.attributes).toMatchObject({ 'ringtail.syscall.name': call, 'ringtail.io.requested': 1000, 'ringtail.io.transferred': 600 });
  });

  it.each([
    [eventKind.send, 'sendmmsg'],
    [eventKind.receive, 'recvmmsg'],
  ] as const)('of kind %i by %s are not known, messages are', (kind, call) => {
    const { attributes } = event(kind, call, { ...sized, ret: 2 });
    expect(attributes).toMatchObject({ 'ringtail.syscall.return': 2, 'ringtail.io.requested': 1000 });
    expect(attributes).not.toHaveProperty(['ringtail.io.transferred']);
  });

  it('are not told when the call failed, or when nobody counted them', () => {
    expect(event(eventKind.send, 'sendto', { ...sized, ret: -11 }).attributes).not.toHaveProperty(['ringtail.io.transferred']);
    expect(event(eventKind.send, 'sendto', { ...tcp, ret: 1, requested: 7n }).attributes).not.toHaveProperty(['ringtail.io.requested']);
  });
});

describe('a call without an event of its own', () => {
  it('has its error and flags', () => {
    expect(event(eventKind.callFailed, 'clone3', { ret: -11, cloneFlags: 0x2_1000_0100n })).toEqual({
      event: 'ringtail.syscall.failed',
      attributes: {
        'ringtail.syscall.name': 'clone3',
        'ringtail.syscall.return': -11,
        'error.type': 'EAGAIN',
        'ringtail.clone.flags': ['CLONE_VM', 'CLONE_NEWUSER', 'CLONE_INTO_CGROUP'],
      },
    });
  });
});
