/** Rows of tcp, udp, udplite, icmp and raw in /proc/net, and of those for IPv6. Source: net/ipv4/tcp_ipv4.c, net/ipv4/udp.c, net/ipv6/datagram.c. */
import { endianness } from 'node:os';

/** The kernel writes the words of an address as numbers. */
const WORD_FLIP = endianness() === 'LE' ? 3 : 0;
const SPACE = 32;
const COLON = 58;
const ZERO = 48;
const NO_DIGIT = 255;

const hexValue = new Uint8Array(256).fill(NO_DIGIT);
for (const [index, digit] of [...'0123456789ABCDEF'].entries()) {
  hexValue[digit.charCodeAt(0)] = index;
  hexValue[digit.toLowerCase().charCodeAt(0)] = index;
}

/** One row. The same object is filled again and again. */
export type InetRow = {
  readonly local: Uint8Array;
  readonly peer: Uint8Array;
  localPort: number;
  peerPort: number;
  /** As include/net/tcp_states.h numbers them; sockets that are not TCP have 7, or 1 when they have a peer. */
  state: number;
  txQueue: number;
  rxQueue: number;
  uid: number;
  inode: number;
};

export type InetParser = {
  readonly row: InetRow;
  /** Fills `row`; false when it is no row of such a table. */
  parse(bytes: Uint8Array, start: number, end: number): boolean;
};

/** `addressBytes`: 4 or 16. */
export const createInetParser = (addressBytes: 4 | 16): InetParser => {
  const row: InetRow = {
    local: new Uint8Array(addressBytes),
    peer: new Uint8Array(addressBytes),
    localPort: 0,
    peerPort: 0,
    state: 0,
    txQueue: 0,
    rxQueue: 0,
    uid: 0,
    inode: 0,
  };
  let text: Uint8Array = new Uint8Array(0);
  let at = 0;
  let stop = 0;
  let failed = false;

  const skipSpaces = (): void => {
    while (at < stop && text[at] === SPACE) at++;
  };
  const skipWord = (): void => {
    skipSpaces();
    while (at < stop && text[at] !== SPACE) at++;
  };
  const expect = (byte: number): void => {
    if (at < stop && text[at] === byte) at++;
    else failed = true;
  };
  const hex = (digits: number): number => {
    let value = 0;
    for (let n = 0; n < digits; n++) {
      const digit = at < stop ? hexValue[text[at++]!]! : NO_DIGIT;
      if (digit === NO_DIGIT) failed = true;
      value = value * 16 + digit;
    }
    return value;
  };
  const decimal = (): number => {
    skipSpaces();
    const first = at;
    let value = 0;
    for (; at < stop; at++) {
      const digit = text[at]! - ZERO;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    if (at === first) failed = true;
    return value;
  };
  const address = (into: Uint8Array): void => {
    for (let n = 0; n < addressBytes; n++) into[n ^ WORD_FLIP] = hex(2);
    expect(COLON);
  };

  return {
    row,
    parse(bytes, start, end) {
      text = bytes;
      at = start;
      stop = end;
      failed = false;
      skipWord(); // its number in the table
      skipSpaces();
      address(row.local);
      row.localPort = hex(4);
      skipSpaces();
      address(row.peer);
      row.peerPort = hex(4);
      skipSpaces();
      row.state = hex(2);
      skipSpaces();
      row.txQueue = hex(8);
      expect(COLON);
      row.rxQueue = hex(8);
      skipWord(); // timer
      skipWord(); // retransmits
      row.uid = decimal();
      decimal(); // timeout
      row.inode = decimal();
      return !failed;
    },
  };
};
