import { describe, expect, it } from 'vitest';
import { NO_ACTOR } from '../../../src/core/batch.ts';
import {
  eventKind,
  netFlag,
  netTransport,
  sessionFlag,
  sessionKnownBy,
  sessionRole,
  sessionState,
} from '../../../src/kernel/layouts.gen.ts';
import { sessionStateNames } from '../../../src/kernel/sockets/needs.ts';
import { connectionStates, statesOf } from '../../../src/receivers/shared/session-names.ts';
import { client, curl, deliver, endOf, eventOf, eventsOf, frameOf, server, startOf, v4, v6, type Columns } from './support.ts';

const { sessionStart, sessionState: sessionStateKind, sessionEnd, sessionListen } = eventKind;

const head = {
  'process.pid': 4242,
  'process.parent_pid': 0,
  'process.user.id': 0,
  'ringtail.thread.id': 4242,
  'process.creation.time': '2026-11-18T11:06:40.000005Z',
  'ringtail.thread.comm': 'curl',
};
const identity = { 'ringtail.session.id': '18364758544493064720', 'ringtail.attribution': 'ebpf' };
const tcp = { 'network.type': 'ipv4', 'network.transport': 'tcp', 'ringtail.netns.cookie': 4096, 'ringtail.cgroup.id': 77 };
const namesWith = (attributes: object, pattern: RegExp): readonly string[] => Object.keys(attributes).filter((name) => pattern.test(name));

describe('a session', () => {
  it('that this host began has a client here', () => {
    expect(eventOf({ kind: sessionStart })).toEqual({
      event: 'ringtail.session.start',
      attributes: {
        ...head,
        ...identity,
        ...tcp,
        'ringtail.session.role': 'client',
        'client.address': '10.0.0.1',
        'client.port': 41_234,
        'server.address': '192.0.2.7',
        'server.port': 443,
        'network.local.address': '10.0.0.1',
        'network.local.port': 41_234,
        'network.peer.address': '192.0.2.7',
        'network.peer.port': 443,
        'network.connection.state': 'established',
      },
    });
  });

  it('that the other end began has a server here', () => {
    expect(startOf(server)).toEqual({
      ...head,
      ...identity,
      ...tcp,
      'ringtail.session.role': 'server',
      'client.address': '10.0.0.1',
      'client.port': 41_234,
      'server.address': '192.0.2.7',
      'server.port': 443,
      'network.local.address': '192.0.2.7',
      'network.local.port': 443,
      'network.peer.address': '10.0.0.1',
      'network.peer.port': 41_234,
      'network.connection.state': 'established',
    });
  });

  it('whose beginning nobody saw has a source and a destination', () => {
    const attributes = endOf({ ...client, flags: sessionFlag.hasState, role: sessionRole.unknown, knownBy: sessionKnownBy.byIterator });
    expect(attributes).toMatchObject({
      'ringtail.session.role': 'unknown',
      'ringtail.attribution': 'iterator',
      'source.address': '10.0.0.1',
      'source.port': 41_234,
      'destination.address': '192.0.2.7',
      'destination.port': 443,
    });
    expect(namesWith(attributes, /^(client|server)\.|duration/)).toEqual([]);
  });

  it('ends with what went through it', () => {
    const flags = client['flags'] as number;
    const ended: Columns = {
      ...client,
      flags: flags | sessionFlag.hasBytes | sessionFlag.hasUnacked,
      state: sessionState.tcpClosed,
      oldState: sessionState.tcpLastAck,
      sent: 5_000_000_000n,
      received: 34n,
      unacked: 7n,
      retransmits: 2,
      durationNs: 120_000_000n,
      error: -104,
    };
    expect(endOf(ended)).toMatchObject({
      'network.connection.state': 'closed',
      'ringtail.session.previous_state': 'last_ack',
      'ringtail.session.bytes_sent': 5_000_000_000,
      'ringtail.session.bytes_received': 34,
      'ringtail.session.bytes_unacknowledged': 7,
      'ringtail.session.retransmits': 2,
      'ringtail.duration_ns': 120_000_000,
      'error.type': 'ECONNRESET',
    });
    // the same columns without the flags that make them count
    expect(namesWith(endOf({ ...ended, flags: sessionFlag.isClient, error: 0 }), /bytes|retransmits|duration|error|state/)).toEqual([]);
  });

  it('that failed has no bytes and a reason', () => {
    const attributes = endOf({ ...client, state: sessionState.tcpClosed, error: -111, localPort: 0, local: '' });
    expect(attributes).toMatchObject({
      'error.type': 'ECONNREFUSED',
      'network.connection.state': 'closed',
      'ringtail.session.previous_state': 'syn_sent',
      'server.port': 443,
    });
    expect(namesWith(attributes, /bytes|local|^client/)).toEqual([]);
  });

  it('changes its state', () => {
    const { event, attributes } = eventOf({
      kind: sessionStateKind,
      columns: { ...client, state: sessionState.tcpFinWait1, oldState: sessionState.tcpEstablished },
    });
    expect(event).toBe('ringtail.session.state');
    expect(attributes).toMatchObject({ 'network.connection.state': 'fin_wait_1', 'ringtail.session.previous_state': 'established' });
  });

  it('is listened for', () => {
    const columns: Columns = {
      ...server,
      state: sessionState.tcpListen,
      oldState: sessionState.tcpClosed,
      local: '*',
      localPort: 8080,
      peer: '',
      peerPort: 0,
      family: 10,
    };
    const { event, attributes } = eventOf({ kind: sessionListen, columns });
    expect(event).toBe('ringtail.session.listen');
    expect(attributes).toMatchObject({
      'network.type': 'ipv6',
      'network.local.address': '*',
      'network.local.port': 8080,
      'server.address': '*',
      'server.port': 8080,
      'network.connection.state': 'listen',
    });
    expect(namesWith(attributes, /peer|^client/)).toEqual([]);
  });

  it('of UDP has no state', () => {
    const flags = sessionFlag.isClient | sessionFlag.hasBytes;
    const attributes = endOf({ ...client, transport: netTransport.udp, flags, sent: 1n, received: 0n });
    expect(attributes).toMatchObject({
      'network.transport': 'udp',
      'ringtail.session.bytes_sent': 1,
      'ringtail.session.bytes_received': 0,
    });
    expect(namesWith(attributes, /state|retransmits/)).toEqual([]);
  });

  it.each([
    [netTransport.icmp, 'icmp'],
    [netTransport.raw, 'raw'],
  ])('of %i has a protocol, and no transport and ports', (transport, name) => {
    const attributes = startOf({ ...client, transport, flags: sessionFlag.isClient, localPort: 1 });
    expect(attributes).toMatchObject({
      'ringtail.network.protocol': name,
      'client.address': '10.0.0.1',
      'network.peer.address': '192.0.2.7',
    });
    expect(namesWith(attributes, /transport|port|state/)).toEqual([]);
  });

  it('of unix has paths', () => {
    const columns: Columns = {
      ...client,
      family: 1,
      transport: netTransport.unix,
      netFlags: netFlag.isUnix,
      flags: sessionFlag.isClient,
      local: '',
      peer: '\0bus',
    };
    const attributes = startOf(columns);
    expect(attributes).toMatchObject({ 'network.transport': 'unix', 'network.peer.address': '@bus', 'server.address': '@bus' });
    expect(namesWith(attributes, /type|\.port$|local/)).toEqual([]);
  });

  it.each([
    [v6('fe80000000000000000000000000abcd', 'eth0'), 'fe80::abcd%eth0'],
    [v6('00000000000000000000ffff01020304'), '::ffff:1.2.3.4'],
    [v6(''), undefined],
    [v6('0'), '::'],
    [v4('0.0.0.0'), '0.0.0.0'],
  ])('has addresses as ss shows them: %j', (address, text) => {
    const bytes = text === undefined ? new Uint8Array(0) : address;
    const attributes = startOf({ ...client, family: 10, peer: bytes });
    expect(attributes['network.peer.address']).toBe(text);
    expect(attributes['server.address']).toBe(text);
  });

  it('tells what its cgroup and namespace are when they are known', () => {
    expect(namesWith(startOf({ ...client, cgroupId: 0n, netnsCookie: 0n }), /cgroup|netns/)).toEqual([]);
    expect(startOf({ ...client, cgroupId: 2n ** 33n + 1n })['ringtail.cgroup.id']).toBe(2 ** 33 + 1);
  });
});

describe('the owner', () => {
  it.each([
    [sessionKnownBy.byEvent, 'ebpf'],
    [sessionKnownBy.byIterator, 'iterator'],
    [sessionKnownBy.byProcfs, 'procfs'],
    [sessionKnownBy.byListener, 'ebpf'],
  ])('known by %i is told as %s', (knownBy, name) => {
    expect(startOf({ ...client, knownBy })).toMatchObject({ 'ringtail.attribution': name, 'process.pid': 4242 });
  });

  it('that nobody knows has nothing of a process', () => {
    const frame = frameOf([
      { kind: sessionEnd, columns: { ...client, knownBy: sessionKnownBy.not }, actor: { pid: 0 } },
      { kind: sessionEnd, columns: client },
    ]);
    const [nobody, somebody] = eventsOf(deliver(frame));
    expect(nobody!.attributes).toMatchObject({ 'ringtail.attribution': 'none', 'ringtail.cgroup.id': 77 });
    expect(namesWith(nobody!.attributes, /^process|thread/)).toEqual([]);
    expect(somebody!.attributes).toMatchObject(head);
    // the columns of the kernel are as they were
    expect(frame.batches[0]!.actor).not.toContain(NO_ACTOR);
  });

  it('costs nothing where everybody is known', () => {
    const frame = frameOf([{ kind: sessionEnd }]);
    expect(deliver(frame)[0]!.actor).toBe(frame.batches[0]!.actor);
  });
});

describe('an instance', () => {
  const frame = frameOf([
    { kind: sessionStart },
    { kind: sessionStart, columns: { ...client, family: 10, peer: v6('20010db8') } },
    { kind: sessionStart, columns: { ...client, transport: netTransport.udp } },
    { kind: sessionStart, columns: { ...client, flags: (client['flags'] as number) | sessionFlag.isLoopback } },
    { kind: sessionStart, columns: { ...client, family: 1, transport: netTransport.unix, netFlags: netFlag.isUnix } },
    { kind: sessionStateKind },
    { kind: sessionStateKind, columns: { ...client, state: sessionState.tcpClosed } },
    { kind: sessionEnd, actor: { ...curl, pid: 7 } },
  ]);
  const rows = (options: Parameters<typeof deliver>[1]) =>
    deliver(frame, options).map(
      ({ kind, selection, rows: all }) => `${kind.eventName.slice(17)} ${selection === undefined ? `all ${all}` : [...selection].join()}`,
    );

  it.each([
    [{}, ['start all 5', 'state all 2', 'end all 1']],
    [{ events: new Set(['end'] as const) }, ['end all 1']],
    [{ protocols: new Set(['udp'] as const) }, ['start 2']],
    [{ protocols: new Set(['tcp', 'unix'] as const) }, ['start 0,1,3,4', 'state all 2', 'end all 1']],
    // what is of neither family is not asked for its family
    [{ families: new Set(['ipv6'] as const) }, ['start 1,4']],
    [{ families: new Set(['ipv4'] as const) }, ['start 0,2,3,4', 'state all 2', 'end all 1']],
    [{ loopback: false }, ['start 0,1,2,4', 'state all 2', 'end all 1']],
    [{ states: statesOf(['closed']) }, ['start all 5', 'state 1', 'end all 1']],
  ])('that asks for %j shows no others', (options, shown) => {
    expect(rows(options)).toEqual(shown);
  });
});

it('states have every name, and a name all its numbers', () => {
  expect([...new Set(sessionStateNames.values())].toSorted()).toEqual([...connectionStates].toSorted());
  expect([...statesOf(['syn_received'])]).toEqual([sessionState.tcpSynReceived, sessionState.tcpNewSynReceived]);
  expect(statesOf(connectionStates)).toEqual(new Set(sessionStateNames.keys()));
});
