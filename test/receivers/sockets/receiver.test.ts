import type { Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { Batch } from '../../../src/core/batch.ts';
import { createCounters } from '../../../src/core/counters.ts';
import type { RuleSet } from '../../../src/core/rules.ts';
import { createHub, type Hub } from '../../../src/kernel/hub.ts';
import { eventKind, netTransport, sessionKnownBy } from '../../../src/kernel/layouts.gen.ts';
import type { SocketNeeds, SocketsStatus } from '../../../src/kernel/sockets/needs.ts';
import { statesOf } from '../../../src/receivers/shared/session-names.ts';
import { socketsConfig } from '../../../src/receivers/sockets/config.ts';
import { socketsReceiver } from '../../../src/receivers/sockets/index.ts';
import { needsOf } from '../../../src/receivers/sockets/needs.ts';
import { recordingLogger } from '../../service/fakes.ts';
import { client, eventsOf, frameOf } from './support.ts';

const ruleSet = (id: string): RuleSet => ({
  rules: [{ id, stage: 'process', action: 'drop', tests: { uid: [7] } }],
  neverDrop: [],
  hasMore: false,
});

const best: SocketsStatus = {
  rung: 'ebpf',
  notes: [],
  hooks: [
    { hook: 'tcp', rung: 'tp_btf', note: '' },
    { hook: 'udp', rung: 'length', note: '' },
  ],
  pushDown: { places: [] },
};
const none: SocketsStatus = { rung: 'none', notes: ['/proc cannot be read'], hooks: [], pushDown: { places: [] } };

/** A receiver beside a kernel side that notes what it is asked for. */
const createReceiver = (input: unknown, status: Partial<SocketsStatus> = {}) => {
  const logger = recordingLogger();
  const hub: Hub = createHub({ gate: { admit: () => undefined }, logger });
  const claims: { needs: SocketNeeds; ended: boolean }[] = [];
  const kernel = {
    hub,
    onQuiet: () => () => {},
    gate: { require: () => () => {} },
    processes: { resolve: () => Uint32Array.of(0, 7), isNamed: (slot: number) => slot === 7 },
    cgroups: { path: () => undefined },
    socketMaps: { read: () => undefined, walk: async () => false, walkNamespaces: async () => false, timeWait: async () => undefined },
    sockets: (): SocketsStatus => ({ ...best, ...status }),
    needSockets(needs: SocketNeeds) {
      const claim = { needs, ended: false };
      claims.push(claim);
      return { change: (next: SocketNeeds) => void (claim.needs = next), end: () => void (claim.ended = true) };
    },
  };
  const config = socketsConfig.parse(input);
  const counters = createCounters();
  const settings = { id: 'sockets/x', logger, counters, version: '1', resource: [], kernel };
  const receiver = socketsReceiver.create(settings as never, config as never);
  return { receiver, hub, claims, logger, config, counters };
};

describe('the receiver', () => {
  it('asks for its sessions while somebody listens', () => {
    const { receiver, claims, config } = createReceiver({ events: ['end', 'state'], states: ['closed'], protocols: ['tcp'] });
    expect(claims).toEqual([]);
    const first = receiver.logs$!.subscribe();
    const second = receiver.logs$!.subscribe();
    expect(claims).toEqual([
      {
        ended: false,
        needs: { ...needsOf(config), events: new Set(['end', 'state']), states: statesOf(['closed']), counted: false, ruleSets: [] },
      },
    ]);
    first.unsubscribe();
    expect(claims[0]!.ended).toBe(false);
    second.unsubscribe();
    expect(claims[0]!.ended).toBe(true);
  });

  it('asks for no states when none are told', () => {
    const { receiver, claims } = createReceiver({});
    receiver.logs$!.subscribe();
    expect(claims[0]!.needs.states).toEqual(new Set());
  });

  it('hands on the rules of the pipelines, those from before the first listener too', () => {
    const { receiver, claims } = createReceiver({});
    receiver.narrow!([ruleSet('a')]);
    receiver.logs$!.subscribe();
    expect(claims[0]!.needs.ruleSets).toEqual([ruleSet('a')]);
    receiver.narrow!([ruleSet('b'), undefined]);
    expect(claims[0]!.needs.ruleSets).toEqual([ruleSet('b'), undefined]);
    expect(claims[0]!.needs.events.has('start')).toBe(true);
  });

  it('shows its own sessions of what others asked for too', () => {
    const { receiver, hub } = createReceiver({ protocols: ['udp'], events: ['start'] });
    const batches: Batch[] = [];
    receiver.logs$!.subscribe((batch) => batches.push(batch));
    const udp = { ...client, transport: netTransport.udp, flags: 0, peerPort: 53 };
    const records = [eventKind.sessionStart, eventKind.sessionEnd].flatMap((kind) => [{ kind }, { kind, columns: udp }]);
    hub.deliver(frameOf(records), () => {});
    expect(eventsOf(batches)).toMatchObject([{ event: 'ringtail.session.start', attributes: { 'network.peer.port': 53 } }]);
    expect(batches.map(({ receiver: id }) => id)).toEqual(['sockets/x']);
  });

  it('counts how well the owners of what it shows are known', () => {
    const { receiver, hub, counters } = createReceiver({ protocols: ['tcp'] });
    receiver.logs$!.subscribe();
    const udp = { ...client, transport: netTransport.udp };
    const nobody = { ...client, family: 10, knownBy: sessionKnownBy.not };
    const known = { pid: 8 };
    const records = [
      { kind: eventKind.sessionStart },
      { kind: eventKind.sessionStart, actor: known },
      { kind: eventKind.sessionEnd, actor: known },
      { kind: eventKind.sessionEnd, columns: udp },
      { kind: eventKind.sessionEnd, columns: nobody, actor: known },
      { kind: eventKind.sessionListen, actor: known },
    ];
    hub.deliver(frameOf(records), () => {});
    const told = counters.samples().filter(({ name }) => name === 'ringtail_attribution');
    expect(told.map(({ labels, value }) => `${Object.values(labels).join(' ')} ${value}`).toSorted()).toEqual([
      'ebpf named tcp ipv4 2',
      'ebpf unnamed tcp ipv4 1',
      'none unnamed tcp ipv6 1',
    ]);
  });

  it('tells losses of its kinds', () => {
    const { receiver, hub } = createReceiver({ events: ['end'] });
    const batches: Batch[] = [];
    receiver.logs$!.subscribe((batch) => batches.push(batch));
    const lostByKind = new Map([
      [eventKind.sessionStart, 100],
      [eventKind.sessionEnd, 3],
    ]);
    hub.tellLoss({ reason: 'ring_full', lostByKind, startMs: 0, endMs: 1000 });
    expect(eventsOf(batches)).toMatchObject([
      { event: 'ringtail.loss', attributes: { 'ringtail.receiver': 'sockets/x', 'ringtail.reason': 'ring_full', 'ringtail.lost': 3 } },
    ]);
  });

  it('tells before it runs which rules the kernel takes', () => {
    const config = socketsConfig.parse({}) as never;
    const byPort: RuleSet = {
      rules: [
        { id: 'a', stage: 'context', action: 'drop', tests: { event: [{ text: 'ringtail.session.start' }], port: [{ min: 53, max: 53 }] } },
      ],
      neverDrop: [],
      hasMore: false,
    } as never;
    expect(socketsReceiver.pushDown!(config, [byPort]).places).toEqual([{ rule: 'a', where: 'kernel' }]);
    expect(socketsReceiver.pushDown!(config, [ruleSet('b')]).places).toMatchObject([{ rule: 'b', where: 'user' }]);
  });

  it('says at the start what it stands on', async () => {
    const { receiver, logger } = createReceiver({});
    receiver.logs$!.subscribe();
    await receiver.start();
    expect(logger.lines).toEqual([
      {
        level: 'info',
        message: 'receiver started',
        fields: { receiver: 'sockets/x', rung: 'ebpf', hooks: { tcp: 'tp_btf', udp: 'length' } },
      },
    ]);
    expect(receiver.health!()).toEqual({ status: 'ok', message: '', details: { rung: 'ebpf', hook_tcp: 'tp_btf', hook_udp: 'length' } });
  });

  it('says what is not as good as it could be', async () => {
    const status: Partial<SocketsStatus> = {
      notes: ['there is no cgroup v2'],
      hooks: [
        { hook: 'tcp', rung: 'tp_btf', note: '' },
        { hook: 'peer', rung: 'none', note: 'datagrams have no peer' },
      ],
      pushDown: { places: [{ rule: 'filter network.drop[0]', where: 'kernel' }] },
    };
    const { receiver, logger } = createReceiver({}, status);
    receiver.logs$!.subscribe();
    await receiver.start();
    expect(logger.lines[0]!.fields).toEqual({
      receiver: 'sockets/x',
      rung: 'ebpf',
      hooks: { tcp: 'tp_btf', peer: 'none' },
      notes: ['there is no cgroup v2', 'peer by none: datagrams have no peer'],
      rules_in_kernel: 1,
      rules_in_user_space: 0,
    });
    expect(receiver.health!()).toEqual({
      status: 'ok',
      message: 'there is no cgroup v2; peer by none: datagrams have no peer',
      details: { rung: 'ebpf', hook_tcp: 'tp_btf', hook_peer: 'none' },
    });
  });

  it('asks for no record where there are metrics alone', () => {
    const { receiver, claims, config } = createReceiver({ protocols: ['udp'] });
    const subscription = receiver.metrics$!.subscribe();
    expect(claims).toEqual([
      { ended: false, needs: { ...needsOf(config), events: new Set(), states: new Set(), counted: true, ruleSets: [] } },
    ]);
    subscription.unsubscribe();
    expect(claims[0]!.ended).toBe(true);
  });

  it.each([
    ['/proc', /^\/proc is not a cgroup of the v2 hierarchy; /],
    ['/no/such/cgroup', /^the cgroup \/no\/such\/cgroup cannot be used: ENOENT/],
  ])('does not start with %s as its cgroup, which validate tells too', async (cgroup, reason) => {
    const { receiver, config } = createReceiver({ cgroup });
    await expect(receiver.start()).rejects.toThrow(reason);
    expect(socketsReceiver.hostNeeds!(config as never)).toContainEqual({ kind: 'cgroup', path: cgroup, option: ['cgroup'] });
  });

  it.each(['logs$', 'metrics$'] as const)('is not well where nothing tells of sockets, once somebody listens to %s', async (signal) => {
    const { receiver, logger } = createReceiver({}, none);
    expect(receiver.health!().status).toBe('ok');
    const listened$: Observable<unknown> = receiver[signal]!;
    const subscription = listened$.subscribe();
    await receiver.start();
    expect(receiver.health!()).toMatchObject({ status: 'failed', message: '/proc cannot be read' });
    expect(logger.lines[0]).toMatchObject({ level: 'warn', message: 'this host tells of no sockets' });
    subscription.unsubscribe();
    expect(receiver.health!().status).toBe('ok');
  });
});
