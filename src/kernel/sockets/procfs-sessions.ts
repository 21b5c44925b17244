/** Sessions as two looks at the open sockets tell them: what began, what changed and what ended between them. */
import { randomBytes } from 'node:crypto';
import { sessionRole, sessionState } from '../layouts.gen.ts';
import type { SocketHolder } from './open-socket.ts';
import type { TableSocket } from './procfs/tables.ts';

export type ProcfsSession = {
  readonly id: bigint;
  /** As it was seen last. */
  socket: TableSocket;
  /** `enum session_role`; only what was seen. */
  role: number;
  /** The last one that is known. */
  owner: SocketHolder | undefined;
  /** Nobody was found to hold it when that was looked for last. */
  isUnheld: boolean;
  /** It was established, whether that was told or was before the first look. */
  isStarted: boolean;
};

export type SessionChange = {
  readonly kind: 'start' | 'state' | 'end' | 'listen';
  readonly session: ProcfsSession;
  /** `enum session_state`, at that change. */
  readonly state: number;
  readonly oldState: number;
};

export type SessionTracker = {
  /** Begins a look. */
  begin(): void;
  /** A socket is there. `isOld`: it was before anybody looked for such, so nothing is told of its beginning. */
  see(socket: TableSocket, isOld: boolean): void;
  /** Those that were not seen since `begin`. */
  missing(): readonly ProcfsSession[];
  /** One of them is still there although it was not seen. */
  keep(session: ProcfsSession): void;
  /** Ends a look: what was not seen has ended. */
  finish(): readonly SessionChange[];
  /** Forgets sessions without a word. */
  forget(isUnwanted: (socket: TableSocket) => boolean): void;
  /** Those of sockets that a process has, by inode. */
  readonly byInode: ReadonlyMap<number, ProcfsSession>;
  /** All of them. */
  sessions(): Iterable<ProcfsSession>;
  readonly size: number;
  /** Sockets that were left out of the last look because there are more than `maxSessions`. */
  readonly skipped: number;
};

type Entry = { readonly session: ProcfsSession; seenAt: number };

const { tcpEstablished, tcpSynSent, tcpSynReceived, tcpNewSynReceived, tcpTimeWait, tcpClosed, tcpCloseWait, tcpListen } = sessionState;

/** A new session is known by these when there is no descriptor: it waits for accept. Whom a process let go of is in another state. */
export const isUnaccepted = ({ protocol, inode, state }: TableSocket): boolean =>
  protocol === 'tcp' && inode === 0 && (state === tcpEstablished || state === tcpCloseWait);

/** TIME_WAIT is no socket any more, SYN_RECV none yet; a unix socket that is not connected has nobody to talk to. */
const isSession = ({ protocol, state }: TableSocket): boolean => {
  if (protocol === 'tcp') return state !== tcpTimeWait && state !== tcpSynReceived && state !== tcpNewSynReceived && state !== tcpClosed;
  if (protocol === 'unix') return state !== sessionState.none;
  return protocol !== 'packet';
};

const isSame = (a: TableSocket, b: TableSocket): boolean =>
  a.protocol === b.protocol &&
  a.family === b.family &&
  a.localPort === b.localPort &&
  a.peerPort === b.peerPort &&
  (a.state === tcpListen) === (b.state === tcpListen) &&
  Buffer.compare(a.peer, b.peer) === 0 &&
  Buffer.compare(a.local, b.local) === 0;

const tupleOf = ({ netns, local, localPort, peer, peerPort }: TableSocket): string =>
  `${netns} ${Buffer.from(local).toString('latin1')} ${localPort} ${Buffer.from(peer).toString('latin1')} ${peerPort}`;

/** What a socket tells by itself; which side began what is established is told by nothing. */
const roleOf = (socket: TableSocket): number => {
  if (socket.state === tcpListen || isUnaccepted(socket)) return sessionRole.server;
  return socket.protocol === 'tcp' && socket.state === tcpSynSent ? sessionRole.client : sessionRole.unknown;
};

const newId = (): bigint => randomBytes(8).readBigUInt64LE();

export const createSessionTracker = (options: { readonly maxSessions: () => number }): SessionTracker => {
  const byInode = new Map<number, Entry>();
  /** Without a descriptor: not accepted yet, or let go of. */
  const byTuple = new Map<string, Entry>();
  const inodeSessions = new Map<number, ProcfsSession>();
  let looks = 0;
  let skipped = 0;
  let changes: SessionChange[] = [];
  /** New ones of the current look without a descriptor, which may be known by another name. */
  let strays: { readonly socket: TableSocket; readonly isOld: boolean }[] = [];

  const tell = (kind: SessionChange['kind'], session: ProcfsSession, state: number, oldState: number): void =>
    void changes.push({ kind, session, state, oldState });

  const put = (entry: Entry): void => {
    const { socket } = entry.session;
    if (socket.inode === 0) byTuple.set(tupleOf(socket), entry);
    else {
      byInode.set(socket.inode, entry);
      inodeSessions.set(socket.inode, entry.session);
    }
  };
  const drop = ({ session: { socket } }: Entry): void => {
    if (socket.inode === 0) byTuple.delete(tupleOf(socket));
    else {
      byInode.delete(socket.inode);
      inodeSessions.delete(socket.inode);
    }
  };

  /** What a session reached: established, or a socket that listens. */
  const reach = (session: ProcfsSession, state: number, oldState: number): void => {
    if (session.socket.protocol === 'tcp') tell('state', session, state, oldState);
    if (state === tcpListen) tell('listen', session, state, oldState);
    else if (!session.isStarted && state !== tcpSynSent) {
      session.isStarted = true;
      tell('start', session, state, oldState);
    }
  };

  const add = (socket: TableSocket, isOld: boolean): void => {
    if (byInode.size + byTuple.size >= options.maxSessions()) {
      skipped++;
      return;
    }
    const role = roleOf(socket);
    const session: ProcfsSession = {
      id: newId(),
      socket,
      role,
      owner: undefined,
      isUnheld: false,
      isStarted: isOld && socket.state !== tcpSynSent,
    };
    put({ session, seenAt: looks });
    if (!isOld) reach(session, socket.state, sessionState.none);
  };

  const update = (entry: Entry, socket: TableSocket): void => {
    const { session } = entry;
    const before = session.socket.state;
    entry.seenAt = looks;
    session.socket = socket;
    if (socket.state !== before) reach(session, socket.state, before);
  };

  const end = (entry: Entry): void => {
    const { session } = entry;
    const { protocol, state } = session.socket;
    drop(entry);
    if (protocol === 'tcp') tell('state', session, tcpClosed, state);
    if (state !== tcpListen) tell('end', session, protocol === 'tcp' ? tcpClosed : sessionState.none, state);
  };

  /** The same connection with a descriptor that it had not, or without the one that it had. */
  const adopt = (entry: Entry, socket: TableSocket): void => {
    drop(entry);
    update(entry, socket);
    put(entry);
  };

  const entries = function* (): Iterable<Entry> {
    yield* byInode.values();
    yield* byTuple.values();
  };

  /** Connections whose process let go of them: known by their descriptor until now. */
  const placeStrays = (): void => {
    if (strays.length === 0) return;
    const open = new Map<string, Entry>();
    for (const entry of byInode.values())
      if (entry.seenAt !== looks && entry.session.socket.protocol === 'tcp') open.set(tupleOf(entry.session.socket), entry);
    for (const { socket, isOld } of strays) {
      const known = isUnaccepted(socket) ? undefined : open.get(tupleOf(socket));
      if (known === undefined) add(socket, isOld);
      else adopt(known, socket);
    }
    strays = [];
  };

  return {
    begin() {
      looks++;
      skipped = 0;
      changes = [];
      strays = [];
    },
    see(socket, isOld) {
      if (!isSession(socket)) return;
      if (socket.inode === 0) {
        const known = socket.protocol === 'tcp' ? byTuple.get(tupleOf(socket)) : undefined;
        if (known !== undefined) update(known, socket);
        else if (socket.protocol === 'tcp') strays.push({ socket, isOld });
        return;
      }
      const known = byInode.get(socket.inode);
      if (known !== undefined && isSame(known.session.socket, socket)) return update(known, socket);
      if (known !== undefined) end(known);
      const waiting = socket.protocol === 'tcp' && byTuple.size > 0 ? byTuple.get(tupleOf(socket)) : undefined;
      if (waiting !== undefined && isUnaccepted(waiting.session.socket)) adopt(waiting, socket);
      else add(socket, isOld);
    },
    missing() {
      placeStrays();
      return Array.from(entries())
        .filter(({ seenAt }) => seenAt !== looks)
        .map(({ session }) => session);
    },
    keep(session) {
      const { socket } = session;
      const entry = socket.inode === 0 ? byTuple.get(tupleOf(socket)) : byInode.get(socket.inode);
      if (entry !== undefined) entry.seenAt = looks;
    },
    finish() {
      placeStrays();
      for (const entry of Array.from(entries())) if (entry.seenAt !== looks) end(entry);
      return changes;
    },
    forget(isUnwanted) {
      for (const entry of Array.from(entries())) if (isUnwanted(entry.session.socket)) drop(entry);
    },
    byInode: inodeSessions,
    *sessions() {
      for (const { session } of entries()) yield session;
    },
    get size() {
      return byInode.size + byTuple.size;
    },
    get skipped() {
      return skipped;
    },
  };
};
