/** Filter rules that run in the kernel: what comes is what would come without them, and rules change while calls are made. */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isCallEvent } from '../../support/calls.ts';
import { heldIds } from '../harness/leftovers.ts';
import type { Event, Pipeline } from '../harness/pipeline.ts';
import type { Context, Scenario } from '../harness/scenario.ts';
import { compareRules } from '../rules/compare.ts';
import { openRulesOfKernel } from '../rules/judge.ts';
import { startWithCalls } from './calls.ts';

type Filter = Readonly<Record<string, unknown>>;

const filterOf = (stages: Readonly<Record<string, unknown>>): Filter => ({ preset: 'none', ...stages });

const filters: readonly (readonly [name: string, filter: (folder: string) => Filter])[] = [
  [
    'who',
    () =>
      filterOf({
        process: { drop: [{ comm: 'calls', uid: 4711 }, { executable: '/nowhere/*' }], keep: [{ parent_pid: 1 }] },
        context: {
          drop: [
            { executable: '/*', uid: 0, event: 'ringtail.file.open' },
            { comm: 'calls*', event: 'ringtail.network.send' },
          ],
        },
      }),
  ],
  [
    'paths',
    (folder) =>
      filterOf({
        context: {
          drop: [{ path: [`${folder}/*`, '/dev/*'] }],
          keep: [{ path: `${folder}/f*` }, { result: 'failure', event: 'ringtail.file.open' }],
        },
      }),
  ],
  [
    'results',
    () =>
      filterOf({
        context: {
          drop: [{ result: ['ENOENT', 'EBADF'] }, { event: 'ringtail.network.send', result: 'success' }],
          keep: [{ event: 'ringtail.file.unlink' }],
        },
      }),
  ],
  [
    'peers',
    () => filterOf({ context: { drop: [{ address: ['127.0.0.0/8', '::1/128'] }], keep: [{ event: 'ringtail.network.connect' }] } }),
  ],
];

/** Reads and writes of others would drown them. */
const followed = { calls: ['files', 'network', 'process'], rate_limit: { enabled: false } } as const;

const rulesInKernel = ({ log }: Pipeline): number => {
  const line = log.findLast(({ fields }) => fields['receiver'] === 'syscalls' && 'rules_in_kernel' in fields);
  return Number(line?.fields['rules_in_kernel'] ?? 0);
};

const sumOf = (pipeline: Pipeline, name: string, labels: Readonly<Record<string, string>>): number =>
  pipeline.counters
    .samples()
    .filter((sample) => sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value))
    .reduce((sum, { value }) => sum + value, 0);

/** What two runs of a program have in common: numbers of processes, files and ports differ. */
const alike = ({ name, attributes }: Event, folder: string): string => {
  const place = (attribute: string) =>
    String(attributes[attribute] ?? '')
      .replaceAll(folder, '')
      .replaceAll(/\d+/g, 'N');
  const result = attributes['error.type'] ?? 'success';
  const requested = String(attributes['ringtail.io.requested'] ?? '');
  return [name, attributes['ringtail.syscall.name'], result, place('file.path'), place('network.peer.address'), requested].join(' ');
};

const tell = async (context: Context, filter: Filter, name: string, behind: boolean) => {
  const folder = join(context.folder, name);
  mkdirSync(folder);
  const pipeline = await startWithCalls(context.start, followed, { filter, ...(behind ? { filterBehind: true } : {}) });
  const { pid, code } = await context.run('calls', [folder, '2'], { cwd: folder });
  assert.equal(code, 0);
  await pipeline.settle();
  const events = pipeline.events.filter((event) => isCallEvent(event.name) && event.attributes['process.pid'] === pid);
  const result = {
    texts: events.map((event) => alike(event, folder)).toSorted(),
    inKernel: rulesInKernel(pipeline),
    dropped: sumOf(pipeline, 'ringtail_rule_matches', { where: 'kernel' }),
  };
  await pipeline.stop();
  return result;
};

const same = ([name, filter]: (typeof filters)[number]): Scenario => ({
  name: `rules: the same comes whether the kernel evaluates them or not, by ${name}`,
  rungs: ['tp_btf', 'raw_tp'],
  async run(context) {
    const pushed = await tell(context, filter(join(context.folder, 'a')), 'a', false);
    const plain = await tell(context, filter(join(context.folder, 'b')), 'b', true);
    assert(pushed.inKernel > 0 && pushed.dropped > 0, `${pushed.inKernel} rules in the kernel, ${pushed.dropped} records dropped`);
    assert.equal(plain.dropped, 0);
    assert(plain.texts.length > 0, 'nothing is left');
    assert.deepEqual(pushed.texts, plain.texts);
  },
});

const RELOADS = 8;
const OPENS = 3000;
/** Under one generation each. */
const FEW_OPENS = 100;
const RATE = 1000;

const thousand = Array.from({ length: 1000 }, (_, index) => ({ path: `/srv/data-${index}/*` }));

const reloads: Scenario = {
  name: 'rules: a thousand come and go while calls are made: nothing is lost, nothing is detached, each record is judged once',
  async run({ folder, start, run }) {
    const both = { path: `${folder}/both-*` };
    const few = filterOf({ context: { drop: [both] } });
    const many = filterOf({ context: { drop: [both, { path: `${folder}/sometimes-*` }, ...thousand] } });
    const pipeline = await startWithCalls(
      start,
      { calls: ['openat'], rate_limit: { enabled: false } },
      { filter: few, ringBytes: 64 << 20 },
    );
    const links = heldIds().link.toSorted((a, b) => a - b);
    const working = Promise.all(
      ['kept', 'both', 'sometimes'].map((name) => run('busy', ['-', 'open', join(folder, name), String(OPENS), String(RATE)])),
    );
    const state = { isOver: false };
    const done = working.then(() => (state.isOver = true));
    let reloaded = 0;
    for (; reloaded < RELOADS || !state.isOver; reloaded++) {
      const { result, message } = await pipeline.reload({ filter: reloaded % 2 === 0 ? many : few });
      assert.equal(result, 'applied', message);
    }
    await done;
    for (const filter of [few, many]) {
      await pipeline.reload({ filter });
      await run('busy', ['-', 'open', join(folder, 'sometimes'), String(FEW_OPENS), String(RATE)]);
      // whatever it was when they were made, user space judges by what it has when they come
      await pipeline.settle();
    }
    assert.deepEqual(
      heldIds().link.toSorted((a, b) => a - b),
      links,
    );

    const pathsOf = (name: string): readonly string[] =>
      pipeline
        .find('ringtail.file.open')
        .map(({ attributes }) => String(attributes['file.path']))
        .filter((path) => path.startsWith(`${folder}/${name}-`));
    assert.equal(new Set(pathsOf('kept')).size, OPENS);
    assert.equal(pathsOf('kept').length, OPENS);
    assert.equal(pathsOf('both').length, 0);
    const sometimes = pathsOf('sometimes').length;
    const matched = (rule: string, where: string) => sumOf(pipeline, 'ringtail_rule_matches', { rule, where });
    const dropped = (rule: string) => matched(rule, 'kernel') + matched(rule, 'user');
    console.log(
      `${reloaded} reloads; ${sometimes} of ${OPENS} came, ${matched('filter context.drop[1]', 'kernel')} were dropped in the kernel`,
    );
    assert.equal(sometimes + dropped('filter context.drop[1]'), OPENS + 2 * FEW_OPENS);
    assert(sometimes >= FEW_OPENS && matched('filter context.drop[1]', 'kernel') >= FEW_OPENS, 'one generation judged all');
    assert.equal(dropped('filter context.drop[0]'), OPENS);
    assert.equal(sumOf(pipeline, 'ringtail_kernel_events', { outcome: 'lost' }), 0);
  },
};

const verdicts: Scenario = {
  name: 'rules: random ones say the same of random records in the kernel and in user space',
  async run({ program }) {
    const kernel = openRulesOfKernel(dirname(program('busy')));
    try {
      await compareRules(kernel, 16, 4711);
    } finally {
      kernel.close();
    }
  },
};

export const callRuleScenarios: readonly Scenario[] = [...filters.map(same), reloads, verdicts];
