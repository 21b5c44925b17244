import { describe, expect, it } from 'vitest';
import { sessionRole, sessionState } from '../../../src/kernel/layouts.gen.ts';
import { createSessionTracker, type SessionTracker } from '../../../src/kernel/sockets/procfs-sessions.ts';
import type { TableSocket } from '../../../src/kernel/sockets/procfs/tables.ts';

const { tcpEstablished, tcpSynSent, tcpSynReceived, tcpFinWait1, tcpFinWait2, tcpTimeWait, tcpCloseWait, tcpListen, none } = sessionState;
const NOTHING = new Uint8Array(0);

const tcp = (state: number, more: Partial<TableSocket> = {}): TableSocket => ({
  protocol: 'tcp',
  family: 'ipv4',
  local: Uint8Array.of(10, 0, 0, 1),
  localPort: 1000,
  peer: Uint8Array.of(10, 0, 0, 2),
  peerPort: 80,
  isDual: false,
  state,
  inode: 5,
  uid: 0,
  netns: 1,
  zone: undefined,
  txQueue: 0,
  rxQueue: 0,
  ...more,
});
const listener = (more: Partial<TableSocket> = {}) => tcp(tcpListen, { peer: NOTHING, peerPort: 0, inode: 6, ...more });
const udp = (more: Partial<TableSocket> = {}) => tcp(none, { protocol: 'udp', ...more });

/** A look after the other, each told as `start 0>1` with the state before and after. */
const looks =
  (tracker: SessionTracker) =>
  (sockets: readonly TableSocket[], isOld = false) => {
    tracker.begin();
    for (const socket of sockets) tracker.see(socket, isOld);
    return tracker.finish();
  };
const create = (maxSessions = 100) => {
  const tracker = createSessionTracker({ maxSessions: () => maxSessions });
  const look = looks(tracker);
  const tell = (sockets: readonly TableSocket[], isOld = false) =>
    look(sockets, isOld).map(({ kind, oldState, state }) => `${kind} ${oldState}>${state}`);
  return { tracker, look, tell };
};

describe('sessions of procfs', () => {
  it('have no beginning when they were open before, and do have an end', () => {
    const { tell } = create();
    expect(tell([tcp(tcpEstablished), listener(), udp({ inode: 7 })], true)).toEqual([]);
    expect(tell([tcp(tcpFinWait1), listener(), udp({ inode: 7 })])).toEqual(['state 1>4']);
    expect(tell([])).toEqual(['state 4>7', 'end 4>7', 'state 10>7', 'end 0>0']);
    expect(tell([])).toEqual([]);
  });

  it('begin, change and end', () => {
    const { tell, tracker } = create();
    tell([]);
    expect(tell([tcp(tcpEstablished), listener(), udp({ inode: 7 })])).toEqual([
      'state 0>1',
      'start 0>1',
      'state 0>10',
      'listen 0>10',
      'start 0>0',
    ]);
    expect(tell([tcp(tcpEstablished), listener(), udp({ inode: 7 })])).toEqual([]);
    expect(tracker.size).toBe(3);
  });

  it('that were seen under way are of a client, and begin when they are established', () => {
    const { look, tell } = create();
    expect(tell([tcp(tcpSynSent)])).toEqual(['state 0>2']);
    const changes = look([tcp(tcpEstablished)]);
    expect(changes.map(({ kind, session }) => [kind, session.role])).toEqual([
      ['state', sessionRole.client],
      ['start', sessionRole.client],
    ]);
  });

  it('are of a server when they listen', () => {
    const { look } = create();
    expect(look([listener()]).map(({ session }) => session.role)).toEqual([sessionRole.server, sessionRole.server]);
  });

  it('that were never established have an end alone', () => {
    const { tell } = create();
    tell([tcp(tcpSynSent)]);
    expect(tell([])).toEqual(['state 2>7', 'end 2>7']);
  });

  it('that wait for accept are of a server, and stay what they are when they are accepted', () => {
    const { look, tell } = create();
    const [, started] = look([tcp(tcpEstablished, { inode: 0 })]);
    expect([started!.kind, started!.session.role]).toEqual(['start', sessionRole.server]);
    expect(tell([tcp(tcpEstablished, { inode: 9 })])).toEqual([]);
    const ended = look([]).at(-1)!;
    expect([ended.kind, ended.session.id]).toEqual(['end', started!.session.id]);
  });

  it('go on when their process lets go of them, until TIME_WAIT', () => {
    const { look, tell } = create();
    const [, started] = look([tcp(tcpEstablished)]);
    expect(tell([tcp(tcpFinWait2, { inode: 0 })])).toEqual(['state 1>5']);
    const ended = look([tcp(tcpTimeWait, { inode: 0 })]).at(-1)!;
    expect([ended.kind, ended.session.id]).toEqual(['end', started!.session.id]);
  });

  it.each([
    ['a connection by another process with the same addresses', tcp(tcpEstablished, { inode: 8 })],
    ['another connection through the same socket', tcp(tcpEstablished, { peerPort: 81 })],
    ['one that waits for accept with the same addresses', tcp(tcpCloseWait, { inode: 0 })],
    ['the same addresses in another namespace', tcp(tcpEstablished, { inode: 8, netns: 2 })],
  ])('are not the same as %s', (_, other) => {
    const { look } = create();
    const before = look([tcp(tcpEstablished)])[1]!.session.id;
    const changes = look([other]);
    expect(
      changes
        .filter(({ kind }) => kind !== 'state')
        .map(({ kind, session }) => [kind, session.id === before])
        .toSorted(),
    ).toEqual([
      ['end', true],
      ['start', false],
    ]);
  });

  it('are as many as there may be', () => {
    const { tracker, tell } = create(2);
    tell([tcp(tcpEstablished), listener(), udp({ inode: 7 })]);
    expect([tracker.size, tracker.skipped]).toEqual([2, 1]);
    expect(tell([listener(), udp({ inode: 7 })])).toEqual(['state 1>7', 'end 1>7']);
    expect(tell([listener(), udp({ inode: 7 })])).toEqual(['start 0>0']);
    expect(tracker.skipped).toBe(0);
  });

  it.each([
    ['half open', tcp(tcpSynReceived, { inode: 0 })],
    ['in TIME_WAIT', tcp(tcpTimeWait, { inode: 0 })],
    ['a unix socket without a peer', udp({ protocol: 'unix', family: 'unix' })],
    ['a packet socket', udp({ protocol: 'packet', family: 'packet' })],
  ])('are none while they are %s', (_, socket) => {
    const { tell, tracker } = create();
    expect(tell([socket])).toEqual([]);
    expect(tracker.size).toBe(0);
  });

  it('stay when somebody knows that they are still there, and can be forgotten', () => {
    const { tracker, tell } = create();
    tell([tcp(tcpEstablished), tcp(tcpFinWait2, { inode: 0, localPort: 2 })]);
    tracker.begin();
    expect(tracker.missing().length).toBe(2);
    for (const session of tracker.missing()) tracker.keep(session);
    expect(tracker.finish()).toEqual([]);
    tracker.forget(({ inode }) => inode === 5);
    expect(Array.from(tracker.sessions(), ({ socket }) => socket.inode)).toEqual([0]);
    expect(tracker.byInode.size).toBe(0);
  });
});
