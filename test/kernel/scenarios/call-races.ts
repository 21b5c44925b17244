/**
 * What other threads change while a call runs: a record says what was done, or that it does not know. What can still be had wrong without a mark is printed
 * with its rate; docs/security.md tells users.
 */
import assert from 'node:assert/strict';
import { betweenMarks, describeCall, expectCalls, toldCalls, type SeenCall } from '../../support/calls.ts';
import type { Context, Facts, Scenario } from '../harness/scenario.ts';
import { startWithCalls } from './calls.ts';

const EMULATED = process.env['RINGTAIL_GUEST'] !== undefined;
/** Under emulation a call takes a hundred times as long. */
const roundsOf = (here: number): number => (EMULATED ? here / 50 : here);

const UNVERIFIED = 'ringtail.unverified';

type Run = { readonly facts: Facts; readonly seen: readonly SeenCall[] };

/** Runs a case with a ring that has room for all of it; gives the records of its main thread between the marks. */
const raced = async ({ folder, start, run }: Context, which: string, rounds: number, calls: readonly string[]): Promise<Run> => {
  const pipeline = await startWithCalls(start, { calls, rate_limit: { enabled: false } }, { ringBytes: 64 << 20 });
  const facts = await run('races', [which, String(rounds)], { cwd: folder });
  await pipeline.settle();
  assert.equal(facts.code, 0);
  return { facts, seen: betweenMarks(pipeline.events.filter(({ attributes }) => attributes['ringtail.thread.id'] === facts.pid)) };
};

const attribute = (record: SeenCall, name: string): unknown => record.attributes[name];
const isMarked = (record: SeenCall): boolean => attribute(record, UNVERIFIED) === true;
const share = (part: number, all: number): string => `${part} of ${all} (${((100 * part) / all).toPrecision(2)} %)`;
const first = (records: readonly SeenCall[]): string => records.slice(0, 3).map(describeCall).join('\n');

const flip: Scenario = {
  name: 'calls: a path that changes in memory: the record names the file that was opened',
  async run(context) {
    const rounds = roundsOf(100_000);
    const { facts, seen } = await raced(context, 'flip', rounds, ['openat', 'unlinkat']);
    assert.equal(seen.length, rounds);
    const wanted = new Map(
      facts.lines
        .filter(([word]) => word === 'opened')
        .map(([, name, inode, times]) => [`${context.folder}/${name} ${inode}`, Number(times)]),
    );
    const found = new Map<string, number>();
    for (const record of seen) {
      const file = `${String(attribute(record, 'file.path'))} ${String(attribute(record, 'file.inode'))}`;
      found.set(file, (found.get(file) ?? 0) + 1);
    }
    assert.deepEqual([...found].toSorted(), [...wanted].filter(([, times]) => times > 0).toSorted());
    const needless = seen.filter(isMarked).length;
    console.log(`flipped paths: all of ${rounds} right; marked although right: ${share(needless, rounds)}`);
  },
};

const absent: Scenario = {
  name: 'calls: a path on a page that is not in memory is told',
  async run({ folder, start, run }) {
    const pipeline = await startWithCalls(start, { calls: ['files'], rate_limit: { enabled: false } });
    const facts = await run('races', ['absent', '1'], { cwd: folder });
    await pipeline.settle();
    const told = toldCalls(facts.lines);
    assert.equal(told.length, 3);
    expectCalls(told, pipeline.events);
  },
};

const vanish: Scenario = {
  name: 'calls: a path whose page is thrown away again and again: the right path, or none',
  async run(context) {
    const rounds = roundsOf(20_000);
    const { facts, seen } = await raced(context, 'vanish', rounds, ['openat', 'unlinkat']);
    assert.deepEqual(facts.all('failed'), [[rounds]]);
    assert.equal(seen.length, rounds);
    const wrong = seen.filter(
      (record) => ![undefined, 'missing'].includes(attribute(record, 'ringtail.file.requested') as string | undefined),
    );
    assert.equal(wrong.length, 0, first(wrong));
    const none = seen.filter((record) => attribute(record, 'ringtail.file.requested') === undefined);
    const guessed = none.filter((record) => ![undefined, context.folder].includes(attribute(record, 'file.path') as string | undefined));
    assert.equal(guessed.length, 0, first(guessed));
    console.log(`pages of paths thrown away: without a path ${share(none.length, rounds)}`);
  },
};

/** Opens of one file while another thread puts another one behind its number. */
const swapped =
  (which: 'swap' | 'twin', judge: (wrong: readonly SeenCall[], given: number) => void): Scenario['run'] =>
  async (context) => {
    const rounds = roundsOf(100_000);
    const { facts, seen } = await raced(context, which, rounds, ['openat', 'unlinkat']);
    assert.equal(seen.length, rounds);
    const [mine, theirs] = facts.lines
      .filter(([word]) => word === 'file')
      .map(([, name, inode]) => ({ path: `${context.folder}/${name}`, inode }));
    const isOf = (record: SeenCall, file: typeof mine) =>
      attribute(record, 'file.path') === file!.path && attribute(record, 'file.inode') === file!.inode;
    const strange = seen.filter((record) => !isOf(record, mine) && !isOf(record, theirs) && attribute(record, 'file.path') !== undefined);
    assert.equal(strange.length, 0, `neither the one nor the other:\n${first(strange)}`);
    const wrong = seen.filter((record) => !isOf(record, mine));
    const given = facts.all('swapped')[0]![0]!;
    console.log(
      `${which}: the opener itself was given another file ${share(given, rounds)}; records of another file ${share(wrong.length, rounds)}, without a mark ${share(wrong.filter((record) => !isMarked(record)).length, rounds)}`,
    );
    judge(wrong, given);
  };

const swap: Scenario = {
  name: 'calls: another file behind the number before the open is over: marked',
  run: swapped('swap', (wrong) => {
    const unmarked = wrong.filter((record) => !isMarked(record));
    assert.equal(unmarked.length, 0, first(unmarked));
  }),
};

const twin: Scenario = {
  name: 'calls: another file of the same name, opened in the same way: told only when the number stood for it',
  run: swapped('twin', (wrong, given) => {
    assert(wrong.length <= given, `the caller was given another file ${given} times, and ${wrong.length} were told`);
  }),
};

const exchange: Scenario = {
  name: 'calls: another file behind the number of a read: how often it is told instead',
  async run(context) {
    const rounds = roundsOf(100_000);
    const { facts, seen } = await raced(context, 'exchange', rounds, ['pread64', 'unlinkat']);
    assert.equal(seen.length, rounds);
    const got = seen.filter((record) => Number(attribute(record, 'ringtail.syscall.return')) > 0).length;
    assert.deepEqual(facts.all('got'), [[got]]);
    const truth = (record: SeenCall) => `${context.folder}/${Number(attribute(record, 'ringtail.syscall.return')) > 0 ? 'full' : 'empty'}`;
    const strange = seen.filter(
      (record) =>
        ![`${context.folder}/full`, `${context.folder}/empty`, undefined].includes(attribute(record, 'file.path') as string | undefined),
    );
    assert.equal(strange.length, 0, first(strange));
    const wrong = seen.filter((record) => attribute(record, 'file.path') !== truth(record));
    const unmarked = wrong.filter((record) => !isMarked(record));
    console.log(
      `exchanged under reads: records of the other file ${share(wrong.length, rounds)}, without a mark ${share(unmarked.length, rounds)}; marked ${share(seen.filter(isMarked).length, rounds)}`,
    );
  },
};

const storm: Scenario = {
  name: 'calls: folders that are renamed all the time: no path that never was, unless marked',
  async run(context) {
    const rounds = roundsOf(100_000);
    const { facts, seen } = await raced(context, 'storm', rounds, ['pread64', 'unlinkat']);
    assert.equal(seen.length, rounds);
    assert(facts.all('moved')[0]![0]! > 0);
    const paths = new Set([`${context.folder}/a1/leaf/file`, `${context.folder}/b2/other/file`]);
    const torn = seen.filter((record) => !paths.has(String(attribute(record, 'file.path'))));
    const unmarked = torn.filter((record) => !isMarked(record));
    assert.equal(unmarked.length, 0, first(unmarked));
    console.log(
      `rename storm, ${facts.all('moved')[0]![0]} renames: torn and marked ${share(torn.length, rounds)}; marked in all ${share(seen.filter(isMarked).length, rounds)}`,
    );
  },
};

export const callRaceScenarios: readonly Scenario[] = [flip, absent, vanish, swap, twin, exchange, storm];
