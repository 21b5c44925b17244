import { describe, expect, it } from 'vitest';
import { mapLayout } from '../../../src/kernel/layouts.gen.ts';
import { answers, entryMatches, type AskedSocket, type SocketQuestion } from '../../../src/kernel/sockets/question.ts';

const v4 = (text: string): Uint8Array => Uint8Array.from(text.split('.').map(Number));
const mapped = (text: string): Uint8Array => Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...v4(text));
const none = new Uint8Array(0);
const any4 = new Uint8Array(4);
const any6 = new Uint8Array(16);

const socket = (over: Partial<AskedSocket> = {}): AskedSocket => ({
  protocol: 'tcp',
  local: v4('10.0.0.5'),
  localPort: 443,
  peer: v4('10.0.0.9'),
  peerPort: 51_234,
  holders: [{ pid: 12, startNs: 1n, fd: 3 }],
  ...over,
});
const server = { address: v4('10.0.0.5'), port: 443 };
const client = { address: v4('10.0.0.9'), port: 51_234 };

describe('what is asked', () => {
  it.each<[string, SocketQuestion, AskedSocket, boolean]>([
    ['nothing: everybody', {}, socket(), true],
    ['a local end', { local: server }, socket(), true],
    ['a local end that is the peer', { local: client }, socket(), false],
    ['the peer', { peer: client }, socket(), true],
    ['one end: the local one', { either: [server] }, socket(), true],
    ['one end: the peer', { either: [client] }, socket(), true],
    ['one end: neither', { either: [{ address: v4('10.0.0.5'), port: 80 }] }, socket(), false],
    ['a port alone', { either: [{ port: 51_234 }] }, socket(), true],
    ['an address alone', { either: [{ address: v4('10.0.0.9') }] }, socket(), true],
    ['both ends', { either: [server, client] }, socket(), true],
    ['both ends, the other way', { either: [client, server] }, socket(), true],
    ['both ends must be of one socket', { either: [server, server] }, socket(), false],
    ['a protocol', { protocol: 'udp' }, socket(), false],
    ['a process', { pid: 12 }, socket(), true],
    ['another process', { pid: 13 }, socket(), false],
    ['IPv4 through a socket of IPv6', { either: [server] }, socket({ local: mapped('10.0.0.5') }), true],
    ['a v4-mapped address of a socket of IPv4', { either: [{ address: mapped('10.0.0.5') }] }, socket(), true],
    [
      '::1 is not 0.0.0.1',
      { either: [{ address: v4('0.0.0.1') }] },
      socket({ local: Uint8Array.from([...any6.subarray(1), 1]), peer: none }),
      false,
    ],
    ['a listener has no peer', { peer: { port: 0 } }, socket({ peer: none, peerPort: 0 }), false],
  ])('%s', (_, question, asked, expected) => expect(answers(question, asked)).toBe(expected));

  const isOwn = (address: Uint8Array): boolean => Buffer.from(address).equals(v4('10.0.0.5'));
  it.each<[string, SocketQuestion, AskedSocket, boolean]>([
    ['all addresses of this host', { either: [server] }, socket({ local: any4, peer: none, peerPort: 0 }), true],
    ['those of IPv6 too', { either: [server] }, socket({ local: any6, peer: none, peerPort: 0 }), true],
    ['not at another port', { either: [{ ...server, port: 80 }] }, socket({ local: any4, peer: none, peerPort: 0 }), false],
    [
      'not for the address of another host',
      { either: [{ ...client, port: 443 }] },
      socket({ local: any4, peer: none, peerPort: 0 }),
      false,
    ],
    [
      'IPv6 does not come to a socket of IPv4',
      { either: [{ address: any6, port: 443 }] },
      socket({ local: any4, peer: none, peerPort: 0 }),
      false,
    ],
  ])('who listens at %s', (_, question, asked, expected) => expect(answers(question, asked, { isOwn })).toBe(expected));
});

it('entries are chosen by a port where there is one, at either end', () => {
  const { localPort, peerPort } = mapLayout.session;
  const bytes = Uint8Array.of(0xbb, 0x01);
  expect(entryMatches({ either: [server] })).toEqual([
    { offset: localPort, bytes },
    { offset: peerPort, bytes },
  ]);
  expect(entryMatches({ either: [{ address: v4('10.0.0.5') }, server] })).toHaveLength(2);
  expect(entryMatches({ pid: 1 })).toEqual([]);
});
