/** What people see of a session: made when somebody looks, and kept with the session until it changes. */
import { headFlag } from '../../kernel/layouts.gen.ts';
import type { LiveSockets } from '../../kernel/sockets/live.ts';
import type { MapEntries } from '../../kernel/addon.ts';
import type { UserQuestion } from '../../kernel/users.ts';
import { addressText, hostPortText } from '../../otlp/field-text.ts';
import { decodeKeepingBytes } from '../../text/escape.ts';
import type { Names } from '../shared/names.ts';
import type { Entry, Owner } from './store.ts';
import type { SessionDetails } from './types.ts';

/** A process may become another program: its path is asked for again after this. */
const PATH_MS = 5_000;
/** Names of users beyond which all are forgotten; more than any host has at one time. */
const MAX_USERS = 10_000;
const ADDRESS_BYTES = 16;
const IPV4_BYTES = 4;

export type DetailsOptions = {
  readonly live: Pick<LiveSockets, 'executable'>;
  readonly names: () => Pick<Names, 'containerOf' | 'cgroupPath'> | undefined;
  readonly lookupUser: (question: UserQuestion) => Promise<string | undefined>;
  /** Entries of `unix_sessions`; undefined: there are none. */
  readonly unixNames: () => MapEntries | undefined;
  readonly nowMs: () => number;
};

export type DetailsMaker = {
  /** Of an entry of the last look. */
  of(entry: Entry): SessionDetails;
  /** Behind each look: asks for users that are new among the owners, and waits a moment for them. */
  learn(owners: Iterable<Owner>): Promise<void>;
  clear(): void;
};

/** The first look waits so long for names of users; those that come later stand in the next one. */
const USERS_WAIT_MS = 50;

const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);
const isLinkLocal = (address: Uint8Array): boolean => address[0] === 0xfe && (address[1]! & 0xc0) === 0x80;

const zoneOf = (bytes: Uint8Array): Uint8Array => {
  const zone = bytes.subarray(2 * ADDRESS_BYTES);
  const end = zone.indexOf(0);
  return end < 0 ? zone : zone.subarray(0, end);
};

const hasPorts = ({ transport }: Entry): boolean => transport === 'tcp' || transport === 'udp';

const endOf = (entry: Entry, place: number, port: number): string => {
  const address = entry.bytes.subarray(place, place + (entry.family === 'ipv4' ? IPV4_BYTES : ADDRESS_BYTES));
  const zone = isLinkLocal(address) && address.length === ADDRESS_BYTES ? zoneOf(entry.bytes) : undefined;
  const text = addressText(zone === undefined ? address : Buffer.concat([address, zone]), decodeKeepingBytes) ?? '';
  return hostPortText(text, hasPorts(entry) && port > 0 ? port : undefined);
};

const localOf = (entry: Entry): string =>
  entry.isDual ? hostPortText('*', entry.localPort || undefined) : endOf(entry, 0, entry.localPort);

const peerOf = (entry: Entry): string => {
  const isNobody = entry.peerPort === 0 && isZero(entry.bytes.subarray(ADDRESS_BYTES, 2 * ADDRESS_BYTES));
  return isNobody ? '' : endOf(entry, ADDRESS_BYTES, entry.peerPort);
};

type UnixEnds = { readonly local: string; readonly peer: string };
const NO_ENDS: UnixEnds = { local: '', peer: '' };
const unixAt = { local: 16, peer: 16 + 108 } as const;
const SK_KEY_BYTES = 8;

/** `struct unix_ends` by the address of the socket; an abstract name begins with `@`, as `ss` shows it. */
const readUnixNames = ({ count, keys, values, valueBytes }: MapEntries): ReadonlyMap<number, UnixEnds> => {
  const found = new Map<number, UnixEnds>();
  for (let index = 0; index < count; index++) {
    const value = values.subarray(index * valueBytes, (index + 1) * valueBytes);
    const nameAt = (start: number, length: number): string => {
      const name = decodeKeepingBytes(value.subarray(start, start + length));
      return name.startsWith('\0') ? `@${name.slice(1)}` : name;
    };
    const sk = keys.readUIntLE(index * SK_KEY_BYTES, 6);
    found.set(sk, { local: nameAt(unixAt.local, value.readUInt32LE(0)), peer: nameAt(unixAt.peer, value.readUInt32LE(4)) });
  }
  return found;
};

const questionOf = ({ uid, pid, startNs, flags }: Owner): UserQuestion =>
  (flags & headFlag.nestedPidNs) === 0 ? { uid } : { uid, process: { pid, startNs } };

export const createDetails = ({ live, names, lookupUser, unixNames, nowMs }: DetailsOptions): DetailsMaker => {
  let unix: ReadonlyMap<number, UnixEnds> | undefined;
  /** Of one look. */
  let places = new Map<number, Pick<SessionDetails, 'container' | 'cgroup'>>();
  const hostUsers = new Map<number, string>();

  const placeOf = ({ cgroup, cgroupId }: Entry): Pick<SessionDetails, 'container' | 'cgroup'> => {
    let place = places.get(cgroup);
    if (place === undefined) {
      const known = names();
      place = { container: known?.containerOf(cgroupId), cgroup: known?.cgroupPath(cgroupId) ?? '' };
      places.set(cgroup, place);
    }
    return place;
  };

  const processOf = (owner: Owner): string => {
    if (owner.pid === 0) return '';
    const now = nowMs();
    if (now - owner.pathMs > PATH_MS) {
      owner.pathMs = now;
      // who is gone keeps what it was
      owner.path = live.executable(owner.pid, owner.startNs) ?? owner.path;
    }
    return owner.path ?? owner.comm;
  };

  const unixEndsOf = ({ sk }: Entry): UnixEnds => {
    if (unix === undefined) {
      const entries = unixNames();
      unix = entries === undefined ? new Map() : readUnixNames(entries);
    }
    return unix.get(sk) ?? NO_ENDS;
  };

  const endsOf = (entry: Entry): UnixEnds => {
    if (entry.localText === undefined || entry.peerText === undefined) {
      const isUnix = entry.family === 'unix';
      const { local, peer } = isUnix ? unixEndsOf(entry) : { local: localOf(entry), peer: peerOf(entry) };
      entry.localText = local;
      entry.peerText = peer;
    }
    return { local: entry.localText, peer: entry.peerText };
  };

  const learnUser = async (owner: Owner): Promise<void> => {
    const question = questionOf(owner);
    const name = (await lookupUser(question).catch(() => undefined)) ?? '';
    owner.user = name === '' ? String(owner.uid) : name;
    if (question.process === undefined) hostUsers.set(owner.uid, owner.user);
  };

  return {
    of(entry) {
      const { owner } = entry;
      const { local, peer } = endsOf(entry);
      const { container, cgroup } = placeOf(entry);
      return { local, peer, process: processOf(owner), user: owner.user ?? String(owner.uid), uid: owner.uid, container, cgroup };
    },
    async learn(owners) {
      unix = undefined;
      places = new Map();
      if (hostUsers.size > MAX_USERS) hostUsers.clear();
      const asked: Promise<void>[] = [];
      for (const owner of owners) {
        if (owner.user !== undefined) continue;
        const known = (owner.flags & headFlag.nestedPidNs) === 0 ? hostUsers.get(owner.uid) : undefined;
        owner.user = known ?? String(owner.uid);
        if (known === undefined) asked.push(learnUser(owner));
      }
      if (asked.length === 0) return;
      const late = Promise.withResolvers<void>();
      const timer = setTimeout(late.resolve, USERS_WAIT_MS);
      await Promise.race([late.promise, Promise.all(asked)]);
      clearTimeout(timer);
    },
    clear() {
      hostUsers.clear();
      places = new Map();
      unix = undefined;
    },
  };
};
