import { describe, expect, it } from 'vitest';
import type { Rule, RuleSet } from '../../../src/core/rules.ts';
import { RULE_LIMITS } from '../../../src/kernel/calls/rules/limits.ts';
import { planRules } from '../../../src/kernel/calls/rules/plan.ts';
import { eventKind } from '../../../src/kernel/layouts.gen.ts';
import { eventName } from '../../../src/otlp/names.ts';

const exact = (text: string) => ({ type: 'exact', text }) as const;
const port = (number: number) => ({ text: String(number), min: number, max: number });
const prefix = (text: string) => ({ type: 'prefix', text }) as const;
const glob = (text: string) => ({ type: 'glob', text }) as const;

type Short = readonly [action: Rule['action'], tests: Rule['tests'], stage?: Rule['stage']];
const setOf = (rules: readonly Short[], name = 'filter', neverDrop: RuleSet['neverDrop'] = []): RuleSet => ({
  rules: rules.map(([action, tests, stage = 'context'], index) => ({ id: `${name} ${action}[${index}]`, stage, action, tests })),
  neverDrop,
  hasMore: false,
});
const placesOf = (rules: readonly Short[]) => planRules([setOf(rules)]).report.places.map(({ where, why }) => why ?? where);

describe('what the kernel takes', () => {
  it.each<readonly [name: string, tests: Rule['tests'], place: string]>([
    ['a name', { comm: [exact('sshd')] }, 'kernel'],
    ['a name of 15 bytes', { comm: [prefix('x'.repeat(15))] }, 'kernel'],
    ['a name of 16 bytes', { comm: [prefix('x'.repeat(16))] }, 'a text of comm has 16 bytes, and the kernel compares 15'],
    ['a name of 8 letters and 16 bytes', { comm: [exact('é'.repeat(8))] }, 'a text of comm has 16 bytes, and the kernel compares 15'],
    ['a path of 250 bytes', { path: [prefix(`/${'x'.repeat(249)}`)] }, 'kernel'],
    ['a path of 251 bytes', { path: [prefix(`/${'x'.repeat(250)}`)] }, 'a text of path has 251 bytes, and the kernel compares 250'],
    ['a glob', { path: [prefix('/a'), glob('*.log')] }, 'the glob "*.log" of path is neither a whole text nor its beginning'],
    ['a glob of names of events', { event: [glob('ringtail.*.open')] }, 'kernel'],
    ['an event that is no call', { event: [exact(eventName.processExec)] }, 'it is about no event of a system call'],
    ['a path of a connection', { event: [exact(eventName.networkConnect)], path: [exact('/a')] }, 'it is about no event of a system call'],
    ['a path and an address', { port: [port(53)], path: [exact('/a')] }, 'it is about no event of a system call'],
    ['numbers', { uid: [0], pid: [1], parentPid: [2] }, 'kernel'],
    ['flags', { kernelThread: true, nestedPidNamespace: false }, 'kernel'],
    ['a result', { result: [{ text: 'ENOENT', type: 'error', errno: 2 }] }, 'kernel'],
    ['an address', { address: [{ text: '10.0.0.0/8', bytes: Uint8Array.of(10, 0, 0, 0), bits: 8 }], port: [port(53)] }, 'kernel'],
    ['a range of ports', { port: [{ text: '1000-2023', min: 1000, max: 2023 }] }, 'kernel'],
    ['a wide range', { port: [{ text: '1000-2024', min: 1000, max: 2024 }] }, 'the range 1000-2024 of port holds more than 1024'],
    ['this end', { localPort: [port(22)] }, 'ports of this end of a call are compared in user space only'],
    ['a user', { user: [exact('root')] }, 'names of users are known in user space only'],
    ['a parent', { parent: [exact('/a')] }, 'executables of parents are known in user space only'],
    ['a cgroup', { cgroup: [exact('/a')] }, 'paths of cgroups are known in user space only'],
    ['a container', { container: [exact('a')] }, 'containers are known in user space only'],
    ['a size', { path: [exact('/a')], size: [{ text: '<100', max: 99 }] }, 'sizes are compared in user space only'],
  ])('%s', (_, tests, place) => expect(placesOf([['drop', tests]])).toEqual([place]));

  it('all of a preset', () => {
    const paths = ['/usr/lib', '/lib', '/sys/', '/proc/', '/run/', '/dev/pts/'].map(prefix);
    const plan = planRules([
      setOf([
        ['drop', { executable: [prefix('/usr/lib/systemd/'), exact('/usr/bin/node_exporter')] }, 'process'],
        ['drop', { kernelThread: true, comm: [prefix('kworker')] }, 'process'],
        ['drop', { event: [prefix('ringtail.file.')], path: paths }],
      ]),
    ]);
    expect(plan.report.places.map(({ where }) => where)).toEqual(['kernel', 'kernel', 'kernel']);
    expect(plan.classes).toHaveLength(3);
  });
});

describe('what protects', () => {
  const path = { path: [prefix('/a')] };

  it('a keep rule that the kernel cannot evaluate keeps the drops of its stage in user space', () => {
    expect(
      placesOf([
        ['drop', path],
        ['drop', { uid: [1] }, 'process'],
        ['keep', { user: [exact('root')] }],
      ]),
    ).toEqual([
      'filter keep[2] may keep it, and names of users are known in user space only',
      'kernel',
      'names of users are known in user space only',
    ]);
  });
  it('of a keep rule that it can evaluate in part, the kernel takes that part', () => {
    const plan = planRules([
      setOf([
        ['drop', path],
        ['keep', { user: [exact('root')], event: [exact(eventName.fileOpen)] }],
      ]),
    ]);
    expect(plan.report.places.map(({ where }) => where)).toEqual(['kernel', 'user']);
    expect(plan.classes.map(({ action }) => action)).toEqual(['drop', 'keep']);
    expect(plan.classes[1]!.members[0]!.tests).toEqual({ texts: {}, numbers: {}, kinds: 1 << eventKind.open });
  });
  it('never_drop protects a kind whatever other filters say', () => {
    const { droppable } = planRules([
      setOf([['drop', path]], 'a', [exact(eventName.fileOpen)]),
      setOf([['drop', path]], 'b', [prefix('ringtail.network.')]),
    ]);
    const kinds = Object.values(eventKind).filter((kind) => (droppable >>> kind) & 1);
    expect(kinds).toEqual([eventKind.read, eventKind.write, eventKind.unlink, eventKind.callFailed]);
  });
  it('never_drop of everything leaves all in user space', () => {
    const plan = planRules([setOf([['drop', path]], 'a', [prefix('')])]);
    expect(plan.classes).toEqual([]);
    expect(plan.report.places).toEqual([{ rule: 'a drop[0]', where: 'user', why: 'every event of a system call is in never_drop' }]);
  });
});

describe('several pipelines', () => {
  const a = setOf([['drop', { comm: [exact('a')] }]], 'filter/a');
  const b = setOf([['drop', { comm: [exact('b')] }]], 'filter/b');

  it('that begin with the same filter are as one', () => {
    const plan = planRules([a, structuredClone(a)]);
    expect(plan.filters).toBe(1);
    expect(plan.report.places).toHaveLength(1);
  });
  it('that begin with others are judged by each', () => {
    const plan = planRules([a, b]);
    expect(plan.filters).toBe(2);
    expect(plan.classes.map(({ filter }) => filter)).toEqual([0, 1]);
  });
  it('nothing is pushed when one begins without a filter', () => {
    const { report, classes } = planRules([a, undefined]);
    expect(classes).toEqual([]);
    expect(report.refused).toBe('a pipeline wants everything');
    expect(report.places.map(({ where }) => where)).toEqual(['user']);
  });
  it('nothing is pushed when there are more than four filters', () => {
    const sets = Array.from({ length: 5 }, (_, index) => setOf([['drop', { comm: [exact(`${index}`)] }]], `filter/${index}`));
    expect(planRules(sets).report.refused).toBe('pipelines begin with more than 4 different filters');
    expect(planRules(sets.slice(1)).report.refused).toBeUndefined();
  });
  it('nothing is pushed when one of the filters has nothing for the kernel', () => {
    const glassy = setOf([['drop', { path: [glob('*.log')] }]], 'filter/glob');
    expect(planRules([a, glassy]).report.refused).toBe(
      'a pipeline begins with a filter of which the kernel can evaluate nothing (filter/glob)',
    );
  });
  it('no pipeline, no rules', () => {
    expect(planRules([])).toEqual({ report: { places: [] }, classes: [], filters: 0, droppable: 0 });
    expect(planRules([undefined]).report).toEqual({ places: [], refused: 'no pipeline begins with a filter' });
  });
});

describe('what is too much', () => {
  it('rules that differ in one field share a bit: ten thousand of them take one', () => {
    const rules = Array.from({ length: 10_000 }, (_, i): Short => [
      'drop',
      { event: [exact(eventName.fileOpen)], path: [prefix(`/${i}/`)] },
    ]);
    const start = performance.now();
    const plan = planRules([setOf(rules)]);
    expect(performance.now() - start).toBeLessThan(5000);
    expect(plan.classes).toHaveLength(1);
    expect(plan.report.places.every(({ where }) => where === 'kernel')).toBe(true);
  });
  it('more rules than counters', () => {
    const rules = Array.from({ length: RULE_LIMITS.rules + 1 }, (_, i): Short => ['drop', { path: [prefix(`/${i}/`)] }]);
    const { places } = planRules([setOf(rules)]).report;
    expect(places.filter(({ where }) => where === 'kernel')).toHaveLength(RULE_LIMITS.rules);
    expect(places.at(-1)!.why).toBe('there are more than 10239 rules');
  });
  it('more kinds of rules than bits', () => {
    const rules = Array.from({ length: 70 }, (_, i): Short => ['drop', { comm: [exact(`c${i}`)], uid: [i] }]);
    const plan = planRules([setOf(rules)]);
    expect(plan.classes).toHaveLength(64);
    expect(plan.report.places.slice(64).every(({ where }) => where === 'user')).toBe(true);
  });
  it('more kinds of keep rules than bits leave all drops in user space', () => {
    const rules = Array.from({ length: 64 }, (_, i): Short => ['keep', { comm: [exact(`c${i}`)], uid: [i] }]);
    const plan = planRules([setOf([['drop', { pid: [1] }], ...rules])]);
    expect(plan.classes).toEqual([]);
    expect(plan.report.places[0]!.why).toBe('there are more than 63 kinds of keep rules');
  });
  it('more classes of one field than slots', () => {
    const rules = Array.from({ length: 20 }, (_, i): Short => ['drop', { path: [prefix(`/${i}/`)], uid: [i >> 1] }]);
    const { places } = planRules([setOf(rules)]).report;
    expect(places.map(({ where }) => where)).toEqual([...Array(16).fill('kernel'), ...Array(4).fill('user')]);
  });
  it('texts that begin with many others', () => {
    const rules = Array.from({ length: 20 }, (_, i): Short => ['drop', { path: [prefix('/x'.repeat(i + 1))] }]);
    const { places } = planRules([setOf(rules)]).report;
    expect(places.filter(({ where }) => where === 'kernel')).toHaveLength(17);
    expect(places.at(-1)!.why).toBe('a text of path begins with more than 16 others');
  });
  it('more alternatives than entries', () => {
    const uids = Array.from({ length: 4 }, (_, i) => i);
    const plan = planRules(
      [
        setOf([
          ['drop', { uid: uids }],
          ['drop', { uid: [9] }],
        ]),
      ],
      { ...RULE_LIMITS, entries: 4 },
    );
    expect(plan.report.places.map(({ why }) => why)).toEqual([undefined, 'there are more than 4 alternatives of uid']);
  });
});
