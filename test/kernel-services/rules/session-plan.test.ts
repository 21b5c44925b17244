/** Which rules about sessions the kernel evaluates, and as what. */
import { describe, expect, it } from 'vitest';
import { createCounters } from '../../../src/core/counters.ts';
import type { AddressTest, PortTest, Rule, RuleSet } from '../../../src/core/rules.ts';
import { mapLayout, sessionRuleFlag, sessionWant } from '../../../src/kernel/layouts.gen.ts';
import { planSessionRules, SESSION_RULE_LIMITS } from '../../../src/kernel/sockets/rule-plan.ts';
import { createSessionRules, encodeSessionRules } from '../../../src/kernel/sockets/rules.ts';
import { eventName } from '../../../src/otlp/names.ts';

const exact = (text: string) => ({ type: 'exact', text }) as const;
const prefix = (text: string) => ({ type: 'prefix', text }) as const;
const glob = (text: string) => ({ type: 'glob', text }) as const;
const port = (min: number, max = min): PortTest => ({ text: String(min), min, max });
const v4 = (bits: number, ...bytes: number[]): AddressTest => ({ text: '', bytes: Uint8Array.from(bytes), bits });
const net10 = v4(8, 10, 0, 0, 0);

const rule = (action: Rule['action'], tests: Rule['tests'], id: string = action): Rule => ({ id, stage: 'context', action, tests });
const setOf = (rules: readonly Rule[], neverDrop: RuleSet['neverDrop'] = []): RuleSet => ({ rules, neverDrop, hasMore: false });
const whyOf = (rules: readonly Rule[], neverDrop: RuleSet['neverDrop'] = []) =>
  planSessionRules([setOf(rules, neverDrop)]).report.places.map(({ where, why }) => why ?? where);

const WHO = 'who owns a session is compared in user space only';

describe('a drop rule', () => {
  it.each<[string, Rule['tests'], string]>([
    ['of the peer', { address: [net10], port: [port(443)] }, 'kernel'],
    ['of both ends', { address: [net10], localPort: [port(1, 1023)] }, 'kernel'],
    ['of an event', { event: [exact(eventName.sessionStart)] }, 'kernel'],
    ['of a glob of events', { event: [glob('*.session.?tart')] }, 'kernel'],
    ['of other events', { event: [exact(eventName.networkConnect)], port: [port(1)] }, 'it is about no event of a session'],
    ['of a path', { path: [prefix('/')] }, 'it is about no event of a session'],
    ['of a size', { size: [{ text: '1', min: 1, max: 1 }] }, 'it is about no event of a session'],
    ['of a process', { comm: [exact('sh')], port: [port(1)] }, WHO],
    ['of a user', { uid: [0], port: [port(1)] }, WHO],
    ['of a result', { result: [{ text: 'success', type: 'success', errno: 0 }] }, 'results of sessions are compared in user space only'],
    [
      'of a result that no event has',
      { event: [exact(eventName.sessionStart)], result: [{ text: 'success', type: 'success', errno: 0 }] },
      'it is about no event of a session',
    ],
    [
      'of 65 ports apart',
      { port: Array.from({ length: 65 }, (_, index) => port(2 * index + 1)) },
      'there are more alternatives than the 64 that the kernel side has room for',
    ],
    ['of 65 ports side by side', { port: Array.from({ length: 65 }, (_, index) => port(index + 1)) }, 'kernel'],
  ])('%s: %s', (_, tests, where) => {
    expect(whyOf([rule('drop', tests)])).toEqual([where]);
  });

  it('of the first stage is about processes', () => {
    expect(whyOf([{ ...rule('drop', { comm: [exact('sh')] }), stage: 'process' }])).toEqual([WHO]);
  });
});

describe('a keep rule', () => {
  const drop = rule('drop', { port: [port(443)] });
  it.each<[string, Rule['tests'], readonly string[]]>([
    ['of an address', { address: [net10] }, ['kernel', 'kernel']],
    ['of a process too: without that it keeps more', { comm: [exact('sh')], address: [net10] }, ['kernel', WHO]],
    ['of a process alone keeps everything', { comm: [exact('sh')] }, [`keep may keep it, and ${WHO}`, WHO]],
    ['of all events keeps everything', { event: [prefix('ringtail.session.')] }, ['keep may keep it', 'kernel']],
    ['of other events', { path: [prefix('/')] }, ['kernel', 'it is about no event of a session']],
    [
      'with too many alternatives keeps everything',
      { port: Array.from({ length: 65 }, (_, index) => port(2 * index + 1)) },
      ['keep may keep it', 'there are more alternatives than the 64 that the kernel side has room for'],
    ],
  ])('%s', (_, tests, places) => {
    expect(whyOf([drop, rule('keep', tests)])).toEqual(places);
  });

  it('keeps the records that it is about from the kernel, and no others', () => {
    const keep = rule('keep', { event: [exact(eventName.sessionEnd)], comm: [exact('sh')] });
    const { alternatives, report } = planSessionRules([setOf([drop, keep])]);
    expect(alternatives.map(({ kinds }) => kinds)).toEqual([sessionWant.start | sessionWant.state | sessionWant.listen]);
    expect(report.places.map(({ where }) => where)).toEqual(['kernel', 'user']);
  });

  it('of the first stage keeps nothing from the second', () => {
    const keep: Rule = { ...rule('keep', { comm: [exact('sh')] }), stage: 'process' };
    expect(whyOf([keep, drop])).toEqual([WHO, 'kernel']);
  });
});

it('never_drop takes its events out', () => {
  const drop = rule('drop', { port: [port(443)] });
  const { alternatives } = planSessionRules([setOf([drop], [exact(eventName.sessionStart), glob('*.e?d')])]);
  expect(alternatives[0]!.kinds).toBe(sessionWant.state | sessionWant.listen);
  expect(whyOf([drop], [prefix('ringtail.session.')])).toEqual(['never_drop protects its events']);
});

describe('pipelines', () => {
  const drop = setOf([rule('drop', { port: [port(1)] }, 'filter/a context.drop[0]')]);
  const other = setOf([rule('drop', { port: [port(2)] }, 'filter/b context.drop[0]')]);
  const idle = setOf([rule('drop', { comm: [exact('sh')] }, 'filter/c context.drop[0]')]);

  it.each<[string, readonly (RuleSet | undefined)[], string | undefined, number]>([
    ['none', [], undefined, 0],
    ['one', [drop], undefined, 1],
    ['the same twice', [drop, structuredClone(drop)], undefined, 1],
    ['two', [drop, other], undefined, 2],
    ['one without a filter', [drop, undefined], 'a pipeline wants everything', 0],
    ['none with a filter', [undefined], 'no pipeline begins with a filter', 0],
    ['one that drops nothing here', [drop, idle], 'a pipeline begins with a filter of which the kernel can evaluate nothing (filter/c)', 0],
    [
      'five',
      [1, 2, 3, 4, 5].map((number) => setOf([rule('drop', { port: [port(number)] })])),
      'pipelines begin with more than 4 different filters',
      0,
    ],
  ])('%s', (_, ruleSets, refused, sets) => {
    const plan = planSessionRules(ruleSets);
    expect([plan.report.refused, plan.sets]).toEqual([refused, sets]);
    expect(plan.alternatives.length > 0).toBe(sets > 0);
    expect(new Set(plan.report.places.map(({ where, why }) => why ?? where))).toEqual(
      new Set(ruleSets.every((set) => set === undefined) ? [] : [refused ?? 'kernel']),
    );
  });

  it('share the room: who comes last stays in user space, and keep rules go first', () => {
    const many = (action: Rule['action'], count: number, id: string) =>
      rule(action, { port: Array.from({ length: count }, (_, index) => port(2 * index + 1)) }, id);
    const { report, alternatives } = planSessionRules([setOf([many('drop', 40, 'a'), many('drop', 20, 'b'), many('keep', 30, 'c')])]);
    expect(report.places.map(({ where }) => where)).toEqual(['user', 'kernel', 'kernel']);
    expect(alternatives.length).toBeLessThanOrEqual(SESSION_RULE_LIMITS.entries);
  });
});

const at = mapLayout.sessionRule;
const entriesIn = (bytes: Uint8Array) => {
  const view = new DataView(bytes.buffer);
  return Array.from({ length: view.getUint32(mapLayout.sessionRuleSet.rules, true) }, (_, index) => {
    const place = mapLayout.sessionRuleSet.entries + at.size * index;
    const hex = (offset: number) => Buffer.from(bytes.subarray(place + offset, place + offset + 16)).toString('hex');
    return {
      address: hex(at.address),
      mask: hex(at.mask),
      ports: [view.getUint16(place + at.portMin, true), view.getUint16(place + at.portMax, true)],
      flags: view.getUint16(place + at.flags, true),
      kinds: view.getUint16(place + at.kinds, true),
      number: view.getUint16(place + at.number, true),
    };
  });
};

it('entries hold networks under their masks, and the ends of a rule side by side', () => {
  const plan = planSessionRules([
    setOf([
      rule('drop', {
        address: [v4(12, 10, 0xff, 1, 1), { text: '', bytes: new Uint8Array(16).fill(0xff), bits: 9 }],
        localPort: [port(1, 9)],
      }),
      rule('keep', { event: [exact(eventName.sessionEnd)], port: [port(5), port(6)] }),
    ]),
  ]);
  const { drop, address, ports, local, more } = sessionRuleFlag;
  const all = sessionWant.start | sessionWant.state | sessionWant.end | sessionWant.listen;
  const localEnd = {
    address: '0'.repeat(32),
    mask: '0'.repeat(32),
    ports: [1, 9],
    flags: drop | ports | local | more,
    kinds: all,
    number: 7,
  };
  const peer = { ports: [0, 65_535], flags: drop | address, kinds: all, number: 7 };
  expect(entriesIn(encodeSessionRules(plan, () => 7))).toEqual([
    localEnd,
    { ...peer, address: `${'0'.repeat(20)}ffff0af00000`, mask: `${'f'.repeat(26)}f00000` },
    localEnd,
    { ...peer, address: `ff80${'0'.repeat(28)}`, mask: `ff80${'0'.repeat(28)}` },
    { address: '0'.repeat(32), mask: '0'.repeat(32), ports: [5, 6], flags: ports, kinds: sessionWant.end, number: 0 },
  ]);
});

describe('rules in force', () => {
  const createFake = () => {
    const swaps: number[] = [];
    let fails = false;
    return {
      swaps,
      fail: (value: boolean) => void (fails = value),
      session: {
        async swapInner(_: number, map: string, value?: Uint8Array) {
          if (fails) throw new Error('no memory');
          swaps.push(value === undefined ? 0 : entriesIn(value).length);
          expect(map).toBe('session_rules');
        },
        readEntries: () => ({ count: 0, keyBytes: 4, valueBytes: 8, keys: Buffer.alloc(0), values: Buffer.alloc(0) }),
      },
    };
  };
  const drop = (...ports: number[]) => setOf([rule('drop', { port: ports.map((number) => port(number)) })]);

  it('are exchanged when they differ, and taken out when there are none', async () => {
    const { session, swaps } = createFake();
    const counters = createCounters();
    const rules = createSessionRules({ session, object: 1, counters });
    await rules.set([]);
    expect(swaps).toEqual([]);
    await Promise.all([rules.set([drop(1)]), rules.set([drop(1, 3)]), rules.set([drop(1, 3)])]);
    expect(swaps).toEqual([1, 2]);
    expect(counters.samples().map(({ labels }) => labels)).toEqual([{ rule: 'drop', where: 'kernel' }]);
    await rules.set([drop(1, 3), undefined]);
    await rules.set([undefined]);
    expect(swaps).toEqual([1, 2, 0]);
    rules.close();
  });

  it('stay those of before when the kernel refuses others', async () => {
    const { session, swaps, fail } = createFake();
    const rules = createSessionRules({ session, object: 1, counters: createCounters() });
    await rules.set([drop(1)]);
    fail(true);
    await expect(rules.set([drop(5)])).rejects.toThrow('no memory');
    fail(false);
    await rules.set([drop(5)]);
    expect(swaps).toEqual([1, 1]);
  });
});
