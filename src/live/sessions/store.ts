/** Keeps one object for each session over the looks at what is open. Reads `struct session_shown` by words: this runs for every session each time. */
import { setImmediate } from 'node:timers/promises';
import { mapLayout, netTransport, sessionFlag, sessionRole } from '../../kernel/layouts.gen.ts';
import { sessionStateNames } from '../../kernel/sockets/needs.ts';
import { decodeKeepingBytes } from '../../text/escape.ts';
import type { LiveSession } from './types.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Whoever owns sessions; one object for all of them. */
export type Owner = {
  readonly pid: number;
  /** Boot time, ns. */
  readonly startNs: bigint;
  readonly startLo: number;
  readonly startHi: number;
  /** `enum head_flags`. */
  readonly flags: number;
  /** Effective; without a process that of the socket's maker. */
  readonly uid: number;
  readonly comm: string;
  path: string | undefined;
  /** When the path was looked for, ms; -Infinity: never. */
  pathMs: number;
  user: string | undefined;
  seen: number;
};

export type Entry = Mutable<LiveSession> & {
  readonly idLo: number;
  readonly idHi: number;
  readonly sk: number;
  /** Of `cgroupId`, as a double. */
  cgroup: number;
  readonly netns: number;
  owner: Owner;
  seen: number;
  /** Both ends as they were when `bytes` was taken: a mixture of all their words. */
  ends: number;
  /** Local, peer and zone, 16 bytes each. */
  bytes: Uint8Array;
  localPort: number;
  peerPort: number;
  isDual: boolean;
  stateNumber: number;
  /** Made when somebody looks. */
  localText: string | undefined;
  peerText: string | undefined;
};

export type SessionStore = {
  /**
   * Takes in a look: the sessions of before that are among them get new numbers, and those that are not are forgotten. `sinceMs`: since the look before; 0: it is the
   * first. One at a time; the thread does other things in between when there are many.
   */
  update(parts: readonly Uint8Array[], sinceMs: number): Promise<readonly Entry[]>;
  /** Of the last look. */
  owners(): Iterable<Owner>;
  /** Network namespaces of the last look: cookie by the number of the inode; 0: not known. */
  cookies(): ReadonlyMap<number, bigint>;
  clear(): void;
};

const at = mapLayout.sessionShown;
const WORDS = at.size / 4;
const word = {
  id: at.id / 4,
  sk: at.sk / 4,
  startNs: at.startNs / 4,
  sent: at.sent / 4,
  received: at.received / 4,
  ownerStartNs: at.ownerStartNs / 4,
  cgroupId: at.cgroupId / 4,
  netnsCookie: at.netnsCookie / 4,
  netns: at.netns / 4,
  pid: at.pid / 4,
  uid: at.uid / 4,
  ownerFlags: at.ownerFlags / 4,
  flags: at.flags / 4,
  local: at.local / 4,
  zone: at.zone / 4,
} as const;
const NO_BYTES = new Uint8Array(0);
const ENDS_BYTES = at.comm - at.local;
const COMM_BYTES = at.size - at.comm;
const HIGH = 0x1_0000_0000;
/** Of an id that is random: enough to tell all sessions of a host apart; what still meets is told apart by all of it. */
const KEY_HIGH_BITS = 0x1f_ffff;
/** Some milliseconds of new ones. */
const ROWS_AT_ONCE = 8_192;
/** Owners without sessions are forgotten this often, in looks. */
const LOOKS_PER_OWNERS = 16;

const transports: readonly LiveSession['transport'][] = (() => {
  const names: LiveSession['transport'][] = [];
  for (const name of ['tcp', 'udp', 'icmp', 'raw', 'unix'] as const) names[netTransport[name]] = name;
  return names;
})();
/** AF_* of include/linux/socket.h. */
const families: Readonly<Record<number, LiveSession['family']>> = { 1: 'unix', 2: 'ipv4', 10: 'ipv6' };
const roles: readonly LiveSession['role'][] = (() => {
  const names: LiveSession['role'][] = ['unknown'];
  names[sessionRole.client] = 'client';
  names[sessionRole.server] = 'server';
  return names;
})();
const states: readonly (string | undefined)[] = Array.from({ length: 256 }, (_, number) => sessionStateNames.get(number));

const bigintOf = (words: Uint32Array, index: number): bigint => (BigInt(words[index + 1]!) << 32n) | BigInt(words[index]!);
const numberOf = (words: Uint32Array, index: number): number => words[index + 1]! * HIGH + words[index]!;

/** The same memory by words where it allows that. */
const wordsOf = (bytes: Uint8Array): Uint32Array => {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : Uint8Array.from(bytes);
  return new Uint32Array(aligned.buffer, aligned.byteOffset, Math.floor(aligned.length / at.size) * WORDS);
};

const textAt = (bytes: Uint8Array, start: number, room: number): string => {
  let length = 0;
  while (length < room && bytes[start + length] !== 0) length++;
  return length === 0 ? '' : decodeKeepingBytes(bytes.subarray(start, start + length));
};

/** Of addresses, zone and ports. */
const mixEnds = (words: Uint32Array, base: number, ports: number): number => {
  let mix = ports;
  for (let index = word.local; index < word.zone + 4; index++) mix = (Math.imul(mix, 0x9e37_79b1) ^ words[base + index]!) | 0;
  return mix;
};

const hasStateOf = (transport: number): boolean => transport === netTransport.tcp;

export const createSessionStore = (): SessionStore => {
  const entries = new Map<number, Entry>();
  /** By pid; of a session that nobody is known to own by its user, below zero. */
  const owners = new Map<number, Owner>();
  let cookies = new Map<number, bigint>();
  let looks = 0;

  const ownerAt = (bytes: Uint8Array, words: Uint32Array, base: number, pid: number): Owner => {
    const uid = words[base + word.uid]!;
    const key = pid === 0 ? -1 - uid : pid;
    const [startLo, startHi] = [words[base + word.ownerStartNs]!, words[base + word.ownerStartNs + 1]!];
    const known = owners.get(key);
    if (known !== undefined && known.startLo === startLo && known.startHi === startHi && known.uid === uid) return known;
    const owner: Owner = {
      pid,
      startNs: pid === 0 ? 0n : bigintOf(words, base + word.ownerStartNs),
      startLo,
      startHi,
      flags: words[base + word.ownerFlags]!,
      uid,
      comm: pid === 0 ? '' : textAt(bytes, base * 4 + at.comm, COMM_BYTES),
      path: undefined,
      pathMs: -Infinity,
      user: undefined,
      seen: looks,
    };
    owners.set(key, owner);
    return owner;
  };

  const takeEnds = (entry: Entry, bytes: Uint8Array, base: number, ends: number): void => {
    const start = base * 4;
    entry.ends = ends;
    entry.bytes = bytes.slice(start + at.local, start + at.local + ENDS_BYTES);
    entry.localPort = bytes[start + at.localPort]! | (bytes[start + at.localPort + 1]! << 8);
    entry.peerPort = bytes[start + at.peerPort]! | (bytes[start + at.peerPort + 1]! << 8);
    entry.localText = undefined;
    entry.peerText = undefined;
  };

  const add = (bytes: Uint8Array, words: Uint32Array, base: number): Entry | undefined => {
    const start = base * 4;
    const transport = transports[bytes[start + at.transport]!];
    const family = families[bytes[start + at.family]!];
    if (transport === undefined || family === undefined) return undefined;
    const flags = words[base + word.flags]!;
    const pid = words[base + word.pid]!;
    return {
      id: String(bigintOf(words, base + word.id)),
      transport,
      family,
      role: 'unknown',
      state: undefined,
      pid,
      cgroupId: bigintOf(words, base + word.cgroupId),
      netnsCookie: bigintOf(words, base + word.netnsCookie),
      beganNs: (flags & sessionFlag.hasStart) === 0 ? undefined : bigintOf(words, base + word.startNs),
      sentBytes: undefined,
      receivedBytes: undefined,
      sentRate: 0,
      receivedRate: 0,
      idLo: words[base + word.id]!,
      idHi: words[base + word.id + 1]!,
      // the upper bits of an address in the kernel are all the same
      sk: (words[base + word.sk + 1]! & 0xffff) * HIGH + words[base + word.sk]!,
      cgroup: numberOf(words, base + word.cgroupId),
      netns: words[base + word.netns]!,
      owner: ownerAt(bytes, words, base, pid),
      seen: 0,
      ends: 0,
      bytes: NO_BYTES,
      localPort: 0,
      peerPort: 0,
      isDual: false,
      stateNumber: -1,
      localText: undefined,
      peerText: undefined,
    };
  };

  /** What may have changed since the look before. */
  const renew = (entry: Entry, bytes: Uint8Array, words: Uint32Array, base: number, seconds: number): void => {
    const start = base * 4;
    const flags = words[base + word.flags]!;
    const ends = mixEnds(words, base, words[base + ((at.localPort - 2) >> 2)]! ^ (words[base + (at.peerPort >> 2)]! & 0xffff) ^ (flags & sessionFlag.localDual)); // prettier-ignore
    if (ends !== entry.ends || entry.seen === 0) {
      takeEnds(entry, bytes, base, ends);
      entry.isDual = (flags & sessionFlag.localDual) !== 0;
    }
    const state = bytes[start + at.state]!;
    if (state !== entry.stateNumber) {
      entry.stateNumber = state;
      entry.state = hasStateOf(bytes[start + at.transport]!) ? states[state] : undefined;
    }
    entry.role = roles[bytes[start + at.role]!] ?? 'unknown';
    const pid = words[base + word.pid]!;
    // nobody: it may be just changing hands
    if (pid !== 0 && (pid !== entry.pid || words[base + word.ownerStartNs]! !== entry.owner.startLo)) {
      entry.pid = pid;
      entry.owner = ownerAt(bytes, words, base, pid);
    }
    entry.owner.seen = looks;
    const cgroup = numberOf(words, base + word.cgroupId);
    if (cgroup !== entry.cgroup) {
      entry.cgroup = cgroup;
      entry.cgroupId = bigintOf(words, base + word.cgroupId);
    }
    if ((flags & sessionFlag.hasBytes) !== 0) {
      const sent = numberOf(words, base + word.sent);
      const received = numberOf(words, base + word.received);
      const isFirst = entry.seen === 0 || seconds <= 0 || entry.sentBytes === undefined;
      entry.sentRate = isFirst ? 0 : Math.max(0, sent - entry.sentBytes!) / seconds;
      entry.receivedRate = isFirst ? 0 : Math.max(0, received - entry.receivedBytes!) / seconds;
      entry.sentBytes = sent;
      entry.receivedBytes = received;
    }
    entry.seen = looks;
  };

  const take = async (bytes: Uint8Array, seconds: number, found: Entry[]): Promise<void> => {
    const words = wordsOf(bytes);
    for (let base = 0, rows = 1; base < words.length; base += WORDS, rows++) {
      if (rows % ROWS_AT_ONCE === 0) await setImmediate();
      const [lo, hi] = [words[base + word.id]!, words[base + word.id + 1]!];
      const key = (hi & KEY_HIGH_BITS) * HIGH + lo;
      let entry = entries.get(key);
      if (entry === undefined || entry.idHi !== hi) {
        entry = add(bytes, words, base);
        if (entry === undefined) continue;
        entries.set(key, entry);
        if (entry.netns !== 0 && !cookies.has(entry.netns)) cookies.set(entry.netns, entry.netnsCookie);
      } else if (entry.seen === looks) {
        continue; // it moved while the walk went on
      }
      renew(entry, bytes, words, base, seconds);
      found.push(entry);
    }
  };

  return {
    async update(parts, sinceMs) {
      looks++;
      const found: Entry[] = [];
      for (const bytes of parts) await take(bytes, sinceMs / 1000, found);
      if (entries.size !== found.length) for (const [key, entry] of entries) if (entry.seen !== looks) entries.delete(key);
      if (looks % LOOKS_PER_OWNERS === 0) {
        for (const [key, owner] of owners) if (owner.seen !== looks) owners.delete(key);
        cookies = new Map(found.map((entry) => [entry.netns, entry.netnsCookie]));
      }
      return found;
    },
    *owners() {
      for (const owner of owners.values()) if (owner.seen === looks) yield owner;
    },
    cookies: () => cookies,
    clear() {
      entries.clear();
      owners.clear();
      cookies.clear();
    },
  };
};
