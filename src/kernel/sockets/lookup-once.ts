/**
 * One look at all sockets of this host, for a command that ends afterwards: the iterator of open sockets knows all who hold one, the maps of a Ringtail that
 * runs know since when, how much and whom else; procfs stands in for both.
 */
import { networkInterfaces } from 'node:os';
import { messageOf } from '../../core/errors.ts';
import { buildPath, loadAddon, type Addon, type NativeError } from '../addon.ts';
import { mapLayout, sessionFlag, sessionKnownBy, sessionState } from '../layouts.gen.ts';
import { keptTypes } from './kernel-types.ts';
import type { OpenSocket, SocketHolder } from './open-socket.ts';
import { answers, entryMatches, portOf, sameAddress, transportOf, type MatchOptions, type SocketQuestion } from './question.ts';
import { decodeHolders, decodeSessions, type SessionEntry } from './session-entries.ts';

/** An open socket with all who hold it; of a datagram socket one for each peer that is known. */
export type FoundSocket = OpenSocket &
  Partial<Pick<SessionEntry, 'sk' | 'cookie' | 'id' | 'owner' | 'role' | 'beganNs' | 'sentBytes' | 'receivedBytes'>> & {
    /** `enum session_known_by`. */
    readonly knownBy: number;
  };

/** Where was looked, in words, and why not better. */
export type LookReport = {
  /** `maps`: those of a Ringtail that runs. */
  readonly source: 'maps' | 'iterator' | 'procfs';
  readonly used: boolean;
  /** One sentence; empty when there is nothing to say. */
  readonly note: string;
};

export type LookResult = { readonly sockets: readonly FoundSocket[]; readonly reports: readonly LookReport[] };

export type LookOptions = {
  /** Prefix of /proc. */
  readonly root?: string;
  /** undefined: it is loaded; null: the kernel is not asked. */
  readonly addon?: Pick<Addon, 'namedMaps' | 'runOnce'> | null;
};

/** Of what the iterator writes: 240,000 descriptors of sockets. */
const MOST_BYTES = 64 * 2 ** 20;

const refusal = (error: unknown): string => {
  const code = (error as NativeError).code;
  return code === 'EPERM' || code === 'EACCES' ? 'it needs root' : messageOf(error);
};

/** Sockets with all their holders, the first one in front. */
const withHolders = (entries: readonly SessionEntry[]): Map<bigint, FoundSocket> => {
  const found = new Map<bigint, FoundSocket>();
  const shared = new Map<bigint, SocketHolder[]>();
  for (const entry of entries) {
    const known = found.get(entry.sk);
    if (known === undefined) {
      found.set(entry.sk, entry);
      continue;
    }
    const holders = shared.get(entry.sk) ?? [...known.holders];
    shared.set(entry.sk, holders);
    for (const holder of entry.holders) if (!holders.some(({ pid, fd }) => pid === holder.pid && fd === holder.fd)) holders.push(holder);
  }
  for (const [sk, holders] of shared) {
    holders.sort((a, b) => Number((a.startNs ?? 0n) - (b.startNs ?? 0n)) || a.pid - b.pid || a.fd - b.fd);
    found.set(sk, { ...found.get(sk)!, owner: undefined, holders });
  }
  return found;
};

const isSame = (a: FoundSocket, b: SessionEntry): boolean =>
  a.cookie === undefined || a.cookie === 0n || b.cookie === 0n || a.cookie === b.cookie;

/** What the maps know beyond what the iterator saw. An owner that holds it no more is none. */
const enriched = (seen: FoundSocket, entry: SessionEntry): FoundSocket => {
  const { owner } = entry;
  const holds = owner !== undefined && seen.holders.some(({ pid, startNs }) => pid === owner.pid && startNs === owner.startNs);
  return {
    ...seen,
    id: entry.id,
    role: entry.role,
    beganNs: entry.beganNs,
    sentBytes: seen.sentBytes ?? entry.sentBytes,
    receivedBytes: seen.receivedBytes ?? entry.receivedBytes,
    ...(holds
      ? {
          owner,
          knownBy: entry.knownBy,
          holders: [...seen.holders.filter(({ pid }) => pid === owner.pid), ...seen.holders.filter(({ pid }) => pid !== owner.pid)],
        }
      : {}),
  };
};

const samePeer = (socket: OpenSocket, entry: OpenSocket): boolean =>
  socket.peerPort === entry.peerPort && socket.peer.length === entry.peer.length && sameAddress(socket.peer, entry.peer);

/** The sockets of the iterator and the entries of the maps as one list. Exported for tests. */
export const merge = (seen: ReadonlyMap<bigint, FoundSocket> | undefined, entries: readonly SessionEntry[]): readonly FoundSocket[] => {
  if (entries.length === 0) return [...(seen?.values() ?? [])];
  const result = new Map<string, FoundSocket>();
  for (const [sk, socket] of seen ?? []) result.set(`${sk}`, socket);
  for (const entry of entries) {
    if ((entry.flags & sessionFlag.isClosed) !== 0 || entry.state === sessionState.tcpClosed) continue;
    const key = `${entry.sk}`;
    const socket = result.get(key);
    const isFlow = entry.protocol === 'udp' && (entry.flags & sessionFlag.isSocket) === 0;
    if (socket !== undefined && isSame(socket, entry) && (!isFlow || samePeer(socket, entry))) result.set(key, enriched(socket, entry));
    else if (socket !== undefined && isSame(socket, entry)) {
      const merged = enriched(
        { ...socket, sentBytes: undefined, receivedBytes: undefined, peer: entry.peer, peerPort: entry.peerPort },
        entry,
      );
      result.set(`${key} ${Buffer.from(entry.peer).toString('hex')} ${entry.peerPort}`, merged);
    } else if (socket === undefined) {
      const name = isFlow ? `${key} ${Buffer.from(entry.peer).toString('hex')} ${entry.peerPort}` : key;
      result.set(name, entry);
    }
  }
  return [...result.values()];
};

const fromMaps = (addon: Pick<Addon, 'namedMaps'>, question: SocketQuestion): readonly SessionEntry[] | undefined => {
  const valueBytes = mapLayout.session.size;
  const match = entryMatches(question);
  const sessions = addon.namedMaps({ name: 'sessions', keyBytes: 8, valueBytes, match });
  if (sessions.length === 0) return undefined;
  const flows = addon.namedMaps({ name: 'flows', keyBytes: mapLayout.flowKey.size, valueBytes, match });
  return [...sessions, ...flows].flatMap(decodeSessions);
};

const fromIterator = (addon: Pick<Addon, 'runOnce'>, question: SocketQuestion): readonly SessionEntry[] => {
  const types = keptTypes('who');
  const output = addon.runOnce(
    {
      path: buildPath('bpf/who.bpf.o'),
      ...(types === undefined ? {} : { types }),
      programs: ['on_descriptor'],
      options: { only_port: portOf(question), only_transport: transportOf(question) },
      mapEntries: { events: 4096 },
    },
    MOST_BYTES,
  );
  return decodeHolders(output);
};

/** Addresses of this host, as bytes; those of 127.0.0.0/8 are too. */
const ownAddresses = (parse: (text: string) => Uint8Array | undefined): ((address: Uint8Array) => boolean) => {
  const own: Uint8Array[] = [];
  for (const list of Object.values(networkInterfaces()))
    for (const { address } of list ?? []) {
      const bytes = parse(address);
      if (bytes !== undefined) own.push(bytes);
    }
  return (address) => (address.length === 4 && address[0] === 127) || own.some((mine) => sameAddress(mine, address));
};

const fromProcfs = async (root: string, report: (note: string) => void): Promise<readonly FoundSocket[]> => {
  const { readSockets } = await import('./procfs/sockets.ts');
  const sockets = await readSockets({
    root,
    onDenied: (processes) => report(`what ${processes} processes of other users hold cannot be seen without root`),
  });
  return sockets.map((socket) => ({ ...socket, knownBy: sessionKnownBy.byProcfs }));
};

/** What is in the tables of all network namespaces, without asking who holds it: nobody does. */
const withoutHolders = async (root: string): Promise<readonly FoundSocket[]> => {
  const { listProcesses, readNamespaces } = await import('./procfs/namespaces.ts');
  const { readNamespaceTables, socketTables } = await import('./procfs/tables.ts');
  const { createBreath } = await import('./procfs/breath.ts');
  const breath = createBreath();
  const tables = socketTables.filter((table) => table !== 'unix' && table !== 'packet');
  const found: FoundSocket[] = [];
  for (const namespace of await readNamespaces(root, listProcesses(root) ?? [], breath))
    for (const socket of (await readNamespaceTables(namespace, tables, breath)).sockets)
      found.push({ ...socket, holders: [], knownBy: sessionKnownBy.byProcfs });
  return found;
};

/** Looks everywhere that is needed; never throws for what a source does not give. */
export const lookOnce = async (
  question: SocketQuestion,
  options: LookOptions & { readonly parse: (text: string) => Uint8Array | undefined },
): Promise<LookResult> => {
  const { root = '' } = options;
  const reports: LookReport[] = [];
  let seen: Map<bigint, FoundSocket> | undefined;
  let entries: readonly SessionEntry[] | undefined;
  let addon: LookOptions['addon'] = options.addon;
  if (addon === undefined)
    try {
      addon = loadAddon();
    } catch (error) {
      addon = null;
      reports.push({ source: 'iterator', used: false, note: messageOf(error) });
    }
  if (addon !== null) {
    try {
      seen = withHolders(fromIterator(addon, question));
      reports.push({ source: 'iterator', used: true, note: '' });
    } catch (error) {
      reports.push({ source: 'iterator', used: false, note: refusal(error) });
    }
    try {
      // After the iterator: what closes in between is in neither place twice, what opens is in the maps.
      entries = fromMaps(addon, question);
      reports.push({ source: 'maps', used: entries !== undefined, note: entries === undefined ? 'no Ringtail follows sockets here' : '' });
    } catch (error) {
      reports.push({ source: 'maps', used: false, note: refusal(error) });
    }
  }
  const isOwn =
    question.local?.address !== undefined || question.either?.some(({ address }) => address !== undefined)
      ? ownAddresses(options.parse)
      : undefined;
  const match: MatchOptions = isOwn === undefined ? {} : { isOwn };
  const select = (sockets: readonly FoundSocket[]): readonly FoundSocket[] => sockets.filter((socket) => answers(question, socket, match));
  let sockets = seen === undefined && entries === undefined ? [] : select(merge(seen, entries ?? []));
  // Who has no descriptor (waiting for accept, closing) is not among what the iterator met.
  if (sockets.length === 0) {
    let note = '';
    sockets = select(seen === undefined ? await fromProcfs(root, (denied) => (note = denied)) : await withoutHolders(root));
    reports.push({ source: 'procfs', used: true, note });
  }
  return { sockets, reports };
};
