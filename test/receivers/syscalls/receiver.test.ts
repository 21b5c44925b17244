import type { Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { Batch } from '../../../src/core/batch.ts';
import { createCounters } from '../../../src/core/counters.ts';
import type { RuleSet } from '../../../src/core/rules.ts';
import type { CallNeeds, CallsStatus } from '../../../src/kernel/calls/needs.ts';
import { createHub, type Hub } from '../../../src/kernel/hub.ts';
import { eventKind } from '../../../src/kernel/layouts.gen.ts';
import { syscallsReceiver } from '../../../src/receivers/syscalls/index.ts';
import { syscallsConfig } from '../../../src/receivers/syscalls/config.ts';
import { recordingLogger } from '../../service/fakes.ts';
import { deliver, eventsOf, frameOf } from './support.ts';

const ruleSet = (id: string): RuleSet => ({
  rules: [{ id, stage: 'process', action: 'drop', tests: { uid: [7] } }],
  neverDrop: [],
  hasMore: false,
});

/** A receiver beside a kernel side that notes what it is asked for. */
const createReceiver = (input: unknown, status: Partial<CallsStatus> = {}) => {
  const logger = recordingLogger();
  const hub: Hub = createHub({ gate: { admit: () => undefined }, logger });
  const claims: { needs: CallNeeds; ended: boolean }[] = [];
  const kernel = {
    hub,
    callMaps: { read: () => undefined, take: () => undefined },
    onQuiet: () => () => {},
    gate: { require: () => () => {} },
    calls: (): CallsStatus => ({ rung: 'tp_btf', notes: [], pushDown: { places: [] }, ...status }),
    needCalls(needs: CallNeeds) {
      const claim = { needs, ended: false };
      claims.push(claim);
      return { change: (next: CallNeeds) => void (claim.needs = next), end: () => void (claim.ended = true) };
    },
  };
  const settings = { id: 'syscalls/x', logger, counters: createCounters(), version: '1', resource: [], kernel };
  const receiver = syscallsReceiver.create(settings as never, syscallsConfig.parse(input) as never);
  return { receiver, hub, claims, logger };
};

const mixed = () =>
  frameOf([
    { kind: eventKind.open, call: 'openat', columns: { ret: 3, path: '/a' } },
    { kind: eventKind.open, call: 'creat', columns: { ret: 4, path: '/b' } },
    { kind: eventKind.open, call: 'openat', columns: { ret: 5, path: '/c' } },
    { kind: eventKind.read, call: 'read', columns: { ret: 1 } },
    { kind: eventKind.callFailed, call: 'fork', columns: { ret: -11 } },
  ]);

describe('the receiver', () => {
  it('asks for its calls while somebody listens', () => {
    const { receiver, claims } = createReceiver({
      calls: ['openat', 'process'],
      rate_limit: { per: 'cgroup' },
      aggregate: { enabled: true },
    });
    expect(claims).toEqual([]);
    const first = receiver.logs$!.subscribe();
    const second = receiver.logs$!.subscribe();
    expect(claims).toEqual([
      {
        ended: false,
        needs: {
          events: new Set(['openat']),
          failures: new Set(['clone', 'clone3', 'fork', 'vfork']),
          limit: { per: 'cgroup', perSecond: 20_000, burst: 40_000 },
          aggregateWindowMs: 10_000,
          counted: new Set(),
          ruleSets: [],
        },
      },
    ]);
    first.unsubscribe();
    expect(claims[0]!.ended).toBe(false);
    second.unsubscribe();
    expect(claims[0]!.ended).toBe(true);
  });

  it('asks for no limit when it is switched off', () => {
    const { receiver, claims } = createReceiver({ rate_limit: { enabled: false } });
    receiver.logs$!.subscribe();
    expect(claims[0]!.needs).toMatchObject({ limit: undefined, aggregateWindowMs: undefined });
  });

  it('hands on the rules of the pipelines, those from before the first listener too', () => {
    const { receiver, claims } = createReceiver({});
    receiver.narrow!([ruleSet('a')]);
    receiver.logs$!.subscribe();
    expect(claims[0]!.needs.ruleSets).toEqual([ruleSet('a')]);
    receiver.narrow!([ruleSet('b'), undefined]);
    expect(claims[0]!.needs.ruleSets).toEqual([ruleSet('b'), undefined]);
    expect(claims[0]!.needs.events.has('openat')).toBe(true);
  });

  it('shows its own calls of what others asked for too', () => {
    const { receiver, hub } = createReceiver({ calls: ['creat', 'process'] });
    const batches: Batch[] = [];
    receiver.logs$!.subscribe((batch) => batches.push(batch));
    hub.deliver(mixed(), () => {});
    expect(eventsOf(batches).map(({ event, attributes }) => [event, attributes['file.path']])).toEqual([
      ['ringtail.file.open', '/b'],
      ['ringtail.syscall.failed', undefined],
    ]);
    expect(batches.every(({ receiver: id }) => id === 'syscalls/x')).toBe(true);
  });

  it('selects nothing when all rows are its own, and gives no empty batch', () => {
    expect(deliver(mixed(), { calls: new Set(['openat', 'creat']) }).map(({ selection }) => selection)).toEqual([undefined]);
    expect(deliver(mixed(), { calls: new Set(['openat2']) })).toEqual([]);
  });

  it('tells losses of its kinds', () => {
    const { receiver, hub } = createReceiver({ calls: ['openat'] });
    const batches: Batch[] = [];
    receiver.logs$!.subscribe((batch) => batches.push(batch));
    const lostByKind = new Map([
      [eventKind.open, 3],
      [eventKind.read, 100],
    ]);
    hub.tellLoss({ reason: 'rate_limited', lostByKind, startMs: 0, endMs: 1000 });
    expect(eventsOf(batches)).toMatchObject([
      { event: 'ringtail.loss', attributes: { 'ringtail.receiver': 'syscalls/x', 'ringtail.reason': 'rate_limited', 'ringtail.lost': 3 } },
    ]);
  });

  it('says at the start on which rung it stands, and where rules run', async () => {
    const places = [
      { rule: 'filter process.drop[0]', where: 'kernel' },
      { rule: 'filter process.drop[1]', where: 'user', why: 'a glob' },
      { rule: 'filter process.drop[2]', where: 'kernel' },
    ] as const;
    const { receiver, logger } = createReceiver({}, { rung: 'raw_tp', notes: ['tp_btf: no'], pushDown: { places } });
    receiver.logs$!.subscribe();
    await receiver.start();
    expect(logger.lines).toEqual([
      {
        level: 'info',
        message: 'receiver started',
        fields: { receiver: 'syscalls/x', rung: 'raw_tp', notes: ['tp_btf: no'], rules_in_kernel: 2, rules_in_user_space: 1 },
      },
    ]);
    expect(receiver.health!()).toEqual({ status: 'ok', message: 'tp_btf: no', details: { rung: 'raw_tp' } });
  });

  it('says why no rule runs in the kernel, when there are rules', async () => {
    const refused = 'a pipeline wants everything';
    const started = async (places: CallsStatus['pushDown']['places']) => {
      const { receiver, logger } = createReceiver({}, { pushDown: { places, refused } });
      receiver.logs$!.subscribe();
      await receiver.start();
      return logger.lines[0]!.fields;
    };
    expect(await started([])).toEqual({ receiver: 'syscalls/x', rung: 'tp_btf' });
    expect(await started([{ rule: 'filter process.drop[0]', where: 'user', why: refused }])).toMatchObject({
      rules_in_kernel: 0,
      rules_in_user_space: 1,
      rules_not_pushed_down: refused,
    });
  });

  it('tells before it runs which rules the kernel takes', () => {
    const config = syscallsConfig.parse({}) as never;
    const report = syscallsReceiver.pushDown!(config, [ruleSet('a')]);
    expect(report.places).toEqual([{ rule: 'a', where: 'kernel' }]);
    expect(syscallsReceiver.pushDown!(config, [ruleSet('a'), undefined])).toMatchObject({
      places: [{ rule: 'a', where: 'user' }],
      refused: expect.any(String),
    });
  });

  it.each(['logs$', 'metrics$'] as const)('is not well on a kernel that tells of no calls, once somebody listens to %s', async (signal) => {
    const { receiver, logger } = createReceiver({}, { rung: 'none', notes: ['procfs tells of no system calls'] });
    expect(receiver.health!().status).toBe('ok');
    const listened$: Observable<unknown> = receiver[signal]!;
    const subscription = listened$.subscribe();
    await receiver.start();
    expect(receiver.health!()).toMatchObject({ status: 'failed', message: 'procfs tells of no system calls' });
    expect(logger.lines[0]).toMatchObject({ level: 'warn', message: 'this kernel tells of no system calls' });
    subscription.unsubscribe();
    expect(receiver.health!().status).toBe('ok');
  });
});
