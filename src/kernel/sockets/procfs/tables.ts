/** All tables of sockets of one network namespace. */
import { isZero } from '../../../core/bytes.ts';
import { sessionState } from '../../layouts.gen.ts';
import type { ReadFailure } from '../../procfs/read.ts';
import type { OpenSocket } from '../open-socket.ts';
import type { Breath } from './breath.ts';
import { createInetParser } from './inet-table.ts';
import { readLines, type LinesResult, type OnLine } from './lines.ts';
import type { NetworkNamespace } from './namespaces.ts';
import { parsePacketRow, parseUnixRow } from './unix-table.ts';
import { addressKey, isLinkLocal, readZones } from './zones.ts';

/** A socket without those who hold it. */
export type TableSocket = Omit<OpenSocket, 'holders'>;

export const socketTables = [
  'tcp',
  'tcp6',
  'udp',
  'udp6',
  'udplite',
  'udplite6',
  'icmp',
  'icmp6',
  'raw',
  'raw6',
  'unix',
  'packet',
] as const;
export type SocketTable = (typeof socketTables)[number];

export type NamespaceTables = {
  readonly sockets: readonly TableSocket[];
  /** Tables that could not be read to their end, and why; `gone`: this kernel has none of that kind, or nobody is in the namespace any more. */
  readonly unread: ReadonlyMap<SocketTable, ReadFailure['reason']>;
};

export type TablesOptions = {
  /** Busy hosts have tens of thousands of these, which are no sockets any more. */
  readonly withoutTimeWait?: boolean;
};

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Take = (socket: TableSocket) => void;

const NOTHING = new Uint8Array(0);
const protocols = { tcp: 'tcp', udp: 'udp', udplite: 'udp', icmp: 'icmp', raw: 'raw' } as const;
type InetTable = keyof typeof protocols;
/** The state of a datagram socket that has a peer. */
const CONNECTED = 1;
/** IPPROTO_ICMP, IPPROTO_ICMPV6: raw sockets of these count as ICMP, as in transport_of() of bpf/socket_fields.bpf.h. */
const icmpProtocols: ReadonlySet<number> = new Set([1, 58]);

/** Rows that follow each other often have the same address: it is kept once then. */
const createKeeper = () => {
  let last: Uint8Array = NOTHING;
  return (address: Uint8Array): Uint8Array => {
    for (let n = 0; n < address.length; n++) if (last[n] !== address[n]) return (last = address.slice());
    return last;
  };
};

const protocolOf = (table: InetTable, number: number): OpenSocket['protocol'] =>
  table === 'raw' && icmpProtocols.has(number) ? 'icmp' : protocols[table];

const inetReader = (
  table: InetTable,
  family: 'ipv4' | 'ipv6',
  netns: number,
  { withoutTimeWait = false }: TablesOptions,
  take: Take,
): OnLine => {
  const parser = createInetParser(family === 'ipv4' ? 4 : 16);
  const { row } = parser;
  const [keepLocal, keepPeer] = [createKeeper(), createKeeper()];
  const isTcp = table === 'tcp';
  const hasPorts = isTcp || protocols[table] === 'udp';
  return (bytes, start, end) => {
    if (!parser.parse(bytes, start, end)) return;
    if (withoutTimeWait && isTcp && row.state === sessionState.tcpTimeWait) return;
    const hasPeer = isTcp ? row.peerPort !== 0 : row.state === CONNECTED;
    const lostOwner = row.inode === 0 && row.state === sessionState.tcpTimeWait;
    take({
      protocol: protocolOf(table, row.localPort),
      family,
      local: keepLocal(row.local),
      localPort: hasPorts ? row.localPort : 0,
      peer: hasPeer ? keepPeer(row.peer) : NOTHING,
      peerPort: hasPorts && hasPeer ? row.peerPort : 0,
      isDual: false,
      state: isTcp ? row.state : sessionState.none,
      inode: row.inode,
      uid: lostOwner ? undefined : row.uid,
      netns,
      zone: undefined,
      txQueue: row.txQueue,
      rxQueue: row.rxQueue,
    });
  };
};

const unixState = (listens: boolean, isConnected: boolean, isStream: boolean): number => {
  if (!isStream) return sessionState.none;
  if (listens) return sessionState.tcpListen;
  return isConnected ? sessionState.tcpEstablished : sessionState.none;
};

const nameless = { localPort: 0, peer: NOTHING, peerPort: 0, isDual: false, zone: undefined, txQueue: 0 } as const;

const unixReader =
  (netns: number, take: Take): OnLine =>
  (bytes, start, end) => {
    const row = parseUnixRow(bytes, start, end);
    if (row === undefined) return;
    const { path: local, inode } = row;
    const state = unixState(row.listens, row.isConnected, row.isStream);
    take({ ...nameless, protocol: 'unix', family: 'unix', local, state, inode, uid: undefined, netns, rxQueue: 0 });
  };

const packetReader =
  (netns: number, take: Take): OnLine =>
  (bytes, start, end) => {
    const row = parsePacketRow(bytes, start, end);
    if (row !== undefined)
      take({ ...nameless, protocol: 'packet', family: 'packet', local: NOTHING, state: sessionState.none, netns, ...row });
  };

const readerOf = (table: SocketTable, netns: number, options: TablesOptions, take: Take): OnLine => {
  if (table === 'unix') return unixReader(netns, take);
  if (table === 'packet') return packetReader(netns, take);
  return table.endsWith('6')
    ? inetReader(table.slice(0, -1) as InetTable, 'ipv6', netns, options, take)
    : inetReader(table as InetTable, 'ipv4', netns, options, take);
};

/** Through whichever process of the namespace is still there. */
const readOne = async (namespace: NetworkNamespace, table: SocketTable, breath: Breath, onLine: OnLine): Promise<LinesResult> => {
  let last: LinesResult = { ok: false, reason: 'gone' };
  for (const folder of namespace.folders) {
    const isStill = (): boolean => namespace.isStill(folder);
    last = await readLines(`${folder}/net/${table}`, breath, { hasTitle: true, isStill }, onLine);
    if (last.ok || last.reason === 'failed') return last;
  }
  return last;
};

/** Rows about one inode that are of one kind are one socket; a path can be made to look like a row about another's. */
const withoutDoubles = async (sockets: readonly Mutable<TableSocket>[], breath: Breath): Promise<readonly Mutable<TableSocket>[]> => {
  const byInode = new Map<number, Mutable<TableSocket>>();
  const kept: Mutable<TableSocket>[] = [];
  for (const socket of sockets) {
    const before = socket.inode === 0 ? undefined : byInode.get(socket.inode);
    if (before === undefined) {
      byInode.set(socket.inode, socket);
      kept.push(socket);
    } else if (socket.protocol === 'unix' && before.protocol === 'unix' && Buffer.compare(socket.local, before.local) !== 0) {
      before.local = NOTHING;
      before.state = Math.min(before.state, socket.state);
    }
    if (breath.isDue()) await breath.take();
  }
  return kept;
};

const portKey = ({ protocol, localPort }: TableSocket): string => `${protocol} ${localPort}`;

/**
 * Whether a wildcard of IPv6 takes IPv4 too is in no table. It does unless the socket was told otherwise, and who holds the same port for IPv4 as well
 * could not have without that, SO_REUSEPORT apart.
 */
const markDual = (sockets: readonly Mutable<TableSocket>[]): void => {
  const wildcards = sockets.filter(({ family, local, peer }) => family === 'ipv6' && peer.length === 0 && isZero(local));
  if (wildcards.length === 0) return;
  const taken = new Set<string>();
  for (const socket of sockets) {
    if (socket.family !== 'ipv4' || socket.peer.length > 0) continue;
    if (socket.state === sessionState.tcpListen || isZero(socket.local)) taken.add(portKey(socket));
  }
  for (const socket of wildcards) socket.isDual = socket.localPort === 0 || !taken.has(portKey(socket));
};

const markZones = async (sockets: readonly Mutable<TableSocket>[], { folders }: NetworkNamespace, breath: Breath): Promise<void> => {
  const scoped = sockets.filter(({ local }) => isLinkLocal(local));
  if (scoped.length === 0) return;
  for (const folder of folders) {
    const zones = await readZones(folder, breath);
    if (zones.size === 0) continue;
    for (const socket of scoped) socket.zone = zones.get(addressKey(socket.local));
    return;
  }
};

/** Sockets of the wanted tables. */
export const readNamespaceTables = async (
  namespace: NetworkNamespace,
  tables: readonly SocketTable[],
  breath: Breath,
  options: TablesOptions = {},
): Promise<NamespaceTables> => {
  const found: Mutable<TableSocket>[] = [];
  const unread = new Map<SocketTable, ReadFailure['reason']>();
  for (const table of tables) {
    const result = await readOne(
      namespace,
      table,
      breath,
      readerOf(table, namespace.netns, options, (socket) => found.push(socket)),
    );
    if (!result.ok) unread.set(table, result.reason);
  }
  const sockets = await withoutDoubles(found, breath);
  markDual(sockets);
  await markZones(sockets, namespace, breath);
  return { sockets, unread };
};
