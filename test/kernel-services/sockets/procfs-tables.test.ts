import { endianness } from 'node:os';
import { describe, expect, it } from 'vitest';
import { createInetParser } from '../../../src/kernel/sockets/procfs/inet-table.ts';
import { parsePacketRow, parseUnixRow } from '../../../src/kernel/sockets/procfs/unix-table.ts';
import { parseSockstat } from '../../../src/kernel/sockets/procfs/sockstat.ts';

const parse = (text: string, addressBytes: 4 | 16 = 4) => {
  const parser = createInetParser(addressBytes);
  const bytes = Buffer.from(`before\n${text}\nafter`, 'latin1');
  const start = 'before\n'.length;
  return parser.parse(bytes, start, start + text.length)
    ? { ...parser.row, local: [...parser.row.local], peer: [...parser.row.peer] }
    : undefined;
};

describe.runIf(endianness() === 'LE')('rows of tcp, udp and raw', () => {
  it.each([
    [
      'a listener with connections that wait',
      '   0: 0100007F:BB55 00000000:0000 0A 00000000:00000003 00:00000000 00000000   107        0 13832866 1 00000000060a8f02 100 0 0 10 0   ',
      { local: [127, 0, 0, 1], localPort: 47_957, peer: [0, 0, 0, 0], peerPort: 0, state: 10, txQueue: 0, rxQueue: 3, uid: 107, inode: 13_832_866 },
    ],
    [
      'the longest numbers',
      '99999999: FFFFFFFF:FFFF FFFEFDFC:FFFF 01 FFFFFFFF:FFFFFFFF 01:FFFFFFFF FFFFFFFF 4294967295        0 4294967295 1 0000000000000000 20 4 30 10 -1',
      { local: [255, 255, 255, 255], localPort: 65_535, peer: [0xfc, 0xfd, 0xfe, 0xff], peerPort: 65_535, state: 1, txQueue: 2 ** 32 - 1, rxQueue: 2 ** 32 - 1, uid: 2 ** 32 - 1, inode: 2 ** 32 - 1 },
    ],
    [
      'what is in TIME_WAIT, with fewer columns',
      '  12: 0100007F:1F90 0100007F:D431 06 00000000:00000000 03:00001770 00000000     0        0 0 3 0000000000000000',
      { local: [127, 0, 0, 1], localPort: 8080, peer: [127, 0, 0, 1], peerPort: 54_321, state: 6, txQueue: 0, rxQueue: 0, uid: 0, inode: 0 },
    ],
  ])('%s', (_, line, expected) => expect(parse(line)).toEqual(expected)); // prettier-ignore

  it('have addresses of IPv6 in the order of the network', () => {
    const line = '   0: B80D0120000000000000000001000000:0035 0000000000000000FFFF00000401A8C0:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 77 1 0 20 4 30 10 -1'; // prettier-ignore
    expect(parse(line, 16)).toMatchObject({
      local: [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
      localPort: 53,
      peer: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 168, 1, 4],
      peerPort: 8080,
      inode: 77,
    });
  });

  it.each([
    ['nothing', ''],
    ['a title', '  sl  local_address rem_address   st tx_queue'],
    ['an end in the middle', '   0: 0100007F:BB55 00000000:0000 0A 00000000:00000000 00:00000000 00000000   107'],
    [
      'an address of the other family',
      '   0: 00000000000000000000000001000000:0035 00000000:0000 0A 00000000:00000000 00:00000000 00000000 1 0 2',
    ],
    ['letters for digits', '   0: 0100007G:BB55 00000000:0000 0A 00000000:00000000 00:00000000 00000000   107        0 13832866 1'],
    ['other signs between', '   0: 0100007F-BB55 00000000:0000 0A 00000000:00000000 00:00000000 00000000   107        0 13832866 1'],
  ])('are not %s', (_, line) => expect(parse(line)).toBeUndefined());
});

describe('rows of unix', () => {
  const parseUnix = (text: string) => {
    const row = parseUnixRow(Buffer.from(`x${text}`, 'latin1'), 1, 1 + text.length);
    return row === undefined ? undefined : { ...row, path: Buffer.from(row.path).toString('latin1') };
  };

  it.each([
    ['a stream without a name', '00000000f54a1fa2: 00000003 00000000 00000000 0001 03  1677', { inode: 1677, listens: false, isConnected: true, isStream: true, path: '' }],
    ['a listener', '0000000000000000: 00000002 00000000 00010000 0001 01 123456 /run/dbus/system bus', { inode: 123_456, listens: true, isConnected: false, isStream: true, path: '/run/dbus/system bus' }],
    ['an abstract name', 'ffff888003d5c000: 00000002 00000000 00010000 0005 01 20 @/tmp/x', { inode: 20, listens: true, isConnected: false, isStream: true, path: '\0/tmp/x' }],
    ['datagrams, bytes of any value', '00000000f54a1fa2: 00000002 00000000 00000000 0002 01 9 /\xff\x01 \t', { inode: 9, listens: false, isConnected: false, isStream: false, path: '/\xff\x01 \t' }],
  ])('%s', (_, line, expected) => expect(parseUnix(line)).toEqual(expected)); // prettier-ignore

  it.each([
    ['the rest of a name', 'second line of a name'],
    ['a title', 'Num       RefCount Protocol Flags    Type St Inode Path'],
    ['a row that is cut', '00000000f54a1fa2: 00000003 00000000 00000000 0001 03'],
    ['a number with letters', '00000000f54a1fa2: 00000003 00000000 00000000 0001 03 12x /a'],
  ])('are not %s', (_, line) => expect(parseUnix(line)).toBeUndefined());
});

it('reads a row of packet', () => {
  const line = '00000000c3b2a1d0 3      3    0003   2     1 4096   101    31337 ';
  expect(parsePacketRow(Buffer.from(line), 0, line.length)).toEqual({ rxQueue: 4096, uid: 101, inode: 31_337 });
  expect(parsePacketRow(Buffer.from('sk               RefCnt Type'), 0, 28)).toBeUndefined();
});

it.each([
  ['sockets: used 29\nTCP: inuse 6 orphan 2 tw 41 alloc 9 mem 0\nUDP: inuse 0 mem 4\n', { timeWait: 41, orphans: 2 }],
  ['sockets: used 29\nTCP: inuse 6\n', { timeWait: undefined, orphans: undefined }],
  ['', { timeWait: undefined, orphans: undefined }],
])('reads sockstat %#', (text, expected) => expect(parseSockstat(text)).toEqual(expected));
