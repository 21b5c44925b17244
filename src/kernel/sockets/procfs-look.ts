/** One look at the tables of sockets, for a tracker of sessions. */
import { readlinkSync } from 'node:fs';
import type { SocketNeeds } from './needs.ts';
import { isUnaccepted, type ProcfsSession, type SessionTracker } from './procfs-sessions.ts';
import type { Breath } from './procfs/breath.ts';
import { socketInode } from './procfs/holders.ts';
import type { NetworkNamespace } from './procfs/namespaces.ts';
import { readNamespaceTables, type SocketTable, type TableSocket } from './procfs/tables.ts';
import { sessionState } from '../layouts.gen.ts';

/** ICMP sockets may be raw ones; udplite counts as UDP. */
const tablesOfProtocol = {
  tcp: ['tcp'],
  udp: ['udp', 'udplite'],
  icmp: ['icmp', 'raw'],
  raw: ['raw'],
} as const;
type InetProtocol = keyof typeof tablesOfProtocol;

/** Tables that hold what is needed. Those of IPv4 also tell which wildcards of IPv6 take IPv4 too. */
export const tablesOf = ({ protocols, families }: SocketNeeds): readonly SocketTable[] => {
  const tables = new Set<SocketTable>();
  for (const protocol of protocols) {
    if (protocol === 'unix') tables.add('unix');
    else {
      for (const table of tablesOfProtocol[protocol as InetProtocol]) {
        if (families.size > 0) tables.add(table);
        if (families.has('ipv6')) tables.add(`${table}6`);
      }
    }
  }
  return [...tables];
};

export const isNeeded = ({ protocols, families }: SocketNeeds, { protocol, family }: TableSocket): boolean =>
  protocol !== 'packet' && protocols.has(protocol) && (family === 'unix' || (family !== 'packet' && families.has(family)));

const SESSIONS = { withoutTimeWait: true };

/** What is looked for; a kind that was not before has no beginnings that anybody could tell of. */
const kindOf = ({ protocol, family }: TableSocket): string => `${protocol} ${family}`;

/** Whether the descriptor that its owner had still is that socket. */
const isHeld = (root: string, { socket, owner }: ProcfsSession): boolean => {
  if (owner === undefined) return false;
  try {
    return socketInode(readlinkSync(`${root}/proc/${owner.pid}/fd/${owner.fd}`)) === socket.inode;
  } catch {
    return false;
  }
};

export type SocketLook = {
  /** Shows the tracker all that is open; between its `begin` and its `finish`. */
  read(namespaces: readonly NetworkNamespace[], needs: SocketNeeds, breath: Breath): Promise<void>;
  /** What is not needed any more is new when it is needed again. */
  forget(needs: SocketNeeds): void;
};

export const createSocketLook = (root: string, tracker: SessionTracker): SocketLook => {
  /** Kinds that were looked at before. */
  let known = new Set<string>();

  /** Reads tables again that are made while they change, so that a row which was left out by chance is no end. */
  const readAgain = async (doubtful: readonly ProcfsSession[], namespace: NetworkNamespace, needs: SocketNeeds, breath: Breath) => {
    const inodes = new Set(doubtful.map(({ socket }) => socket.inode));
    const wanted = new Set(doubtful.map(({ socket }) => kindOf(socket)));
    const { sockets } = await readNamespaceTables(namespace, tablesOf(needs), breath, SESSIONS);
    for (const socket of sockets) if (inodes.has(socket.inode) && wanted.has(kindOf(socket))) tracker.see(socket, false);
  };

  return {
    async read(namespaces, needs, breath) {
      const tables = tablesOf(needs);
      const unreadable = new Set<number>();
      const present = new Set<number>();
      const looked = new Set(known);
      for (const namespace of namespaces) {
        const { sockets, unread } = await readNamespaceTables(namespace, tables, breath, SESSIONS);
        if (unread.size < tables.length) present.add(namespace.netns);
        if ([...unread.values()].some((reason) => reason !== 'gone')) unreadable.add(namespace.netns);
        for (const socket of sockets) {
          if (!isNeeded(needs, socket)) continue;
          looked.add(kindOf(socket));
          tracker.see(socket, !known.has(kindOf(socket)));
          if (breath.isDue()) await breath.take();
        }
      }
      for (const protocol of needs.protocols)
        for (const family of protocol === 'unix' ? ['unix'] : needs.families) looked.add(`${protocol} ${family}`);
      known = looked;

      const doubtful = new Map<number, ProcfsSession[]>();
      for (const session of tracker.missing()) {
        const { socket, owner } = session;
        const held = isHeld(root, session);
        if (unreadable.has(socket.netns) || (held && !present.has(socket.netns))) tracker.keep(session);
        else if (present.has(socket.netns) && (held || owner === undefined || socket.inode === 0)) {
          const others = doubtful.get(socket.netns);
          if (others === undefined) doubtful.set(socket.netns, [session]);
          else others.push(session);
        }
        if (breath.isDue()) await breath.take();
      }
      for (const namespace of namespaces) {
        const sessions = doubtful.get(namespace.netns);
        if (sessions !== undefined) await readAgain(sessions, namespace, needs, breath);
      }
    },
    forget(needs) {
      tracker.forget((socket) => !isNeeded(needs, socket));
      known = new Set(
        Array.from(known).filter((kind) => {
          const [protocol, family] = kind.split(' ') as [TableSocket['protocol'], TableSocket['family']];
          return isNeeded(needs, { protocol, family } as TableSocket);
        }),
      );
    },
  };
};

/** The socket that a connection which nobody accepted yet waits at; undefined when there are several of different processes. */
export const listenerOf = ({ socket }: ProcfsSession, listeners: readonly ProcfsSession[]): ProcfsSession | undefined => {
  if (!isUnaccepted(socket)) return undefined;
  const atPort = listeners.filter(
    ({ socket: { netns, family, localPort } }) => netns === socket.netns && family === socket.family && localPort === socket.localPort,
  );
  const exact = atPort.filter((listener) => Buffer.compare(listener.socket.local, socket.local) === 0);
  const [first, ...others] = exact.length > 0 ? exact : atPort.filter((listener) => listener.socket.local.every((byte) => byte === 0));
  return first !== undefined && others.every(({ owner }) => owner?.pid === first.owner?.pid) ? first : undefined;
};

export const isListening = ({ socket }: ProcfsSession): boolean => socket.protocol === 'tcp' && socket.state === sessionState.tcpListen;
