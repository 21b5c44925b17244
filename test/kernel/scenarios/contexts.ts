/** Log records carry the trace that their thread is in, as a pinned map of another program says. */
import assert from 'node:assert/strict';
import { mkdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { EXEC, EXIT, FORK, pidOf } from './expect.ts';
import { startWithCalls } from './calls.ts';
import type { Event, Pipeline } from '../harness/pipeline.ts';
import type { Context, Facts, Scenario } from '../harness/scenario.ts';

const NONE = '-';
const idsOf = ({ traceId, spanId }: Event): string => `${traceId || NONE} ${spanId || NONE}`;

/** A BPF file system in the folder, with the folder of the map; gone when `work` ends. */
const withPins = async ({ folder, run }: Context, work: (pin: string) => Promise<void>): Promise<void> => {
  const mount = join(folder, 'bpf');
  mkdirSync(mount);
  await run('contexts', ['mount', mount]);
  try {
    mkdirSync(join(mount, 'otel'));
    await work(join(mount, 'otel', 'traces_ctx_v1'));
  } finally {
    await run('contexts', ['unmount', mount]);
  }
};

/** Every open, write and close of the workload has what it was told to have, and what its process did has too. */
const expectContexts = ({ events }: Pipeline, { pid, lines }: Facts, isUsed = true): void => {
  const told = (word: string) => lines.filter(([first]) => first === word).map(([, name = '', thread = '', ...ids]) => ({ name, thread, ids: isUsed ? ids.join(' ') : `${NONE} ${NONE}` }));
  const own = events.filter((event) => pidOf(event) === pid);
  const ofCall = (name: string, file: string) => own.find((event) => event.name === name && event.attributes['file.name'] === file);
  const ofPath = (name: string, file: string) => own.find((event) => event.name === name && String(event.attributes['file.path']).endsWith(`/${file}`));
  const calls = told('call');
  assert.equal(calls.length, 6);
  for (const { name, thread, ids } of calls) {
    const [opened, written] = [ofCall('ringtail.file.open', name), ofPath('ringtail.file.write', name)];
    assert(opened !== undefined && written !== undefined, `${name} was opened and written`);
    assert.deepEqual([idsOf(opened), idsOf(written)], [ids, ids], name);
    assert.equal(String(opened.attributes['ringtail.thread.id']), thread);
  }
  const inSecond = calls.find(({ name }) => name === 'second')!.ids;
  const find = (name: string, of: number, failed = false) => events.find((event) => event.name === name && pidOf(event) === of && (event.attributes['error.type'] !== undefined) === failed);
  const fork = own.find((event) => event.name === FORK && event.attributes['ringtail.child.thread'] !== true);
  assert.deepEqual([find(EXEC, pid, true), ofPath('ringtail.file.unlink', 'second'), fork].map((event) => event && idsOf(event)), [inSecond, inSecond, inSecond]);
  const [child] = told('program');
  assert.equal(idsOf(find(EXEC, Number(child!.thread))!), child!.ids, 'an exec has what its thread had before it');
  assert.equal(idsOf(find(EXIT, pid)!), told('exit')[0]!.ids);
}; // prettier-ignore

const pinned: Scenario = {
  name: 'contexts: records carry the trace of their thread, while the map comes, changes, goes and is another',
  async run(context) {
    const { start, run, folder } = context;
    await withPins(context, async (pin) => {
      const files = join(folder, 'files');
      mkdirSync(files);
      const options = { traceContext: pin, receiver: { failed_execs: true } };
      const pipeline = await startWithCalls(start, { calls: ['files', 'io'], rate_limit: { enabled: false } }, options);
      const used = () => pipeline.kernel.ring()!.contexts.mapId();
      const round = async (isUsed: boolean): Promise<void> => {
        const facts = await run('contexts', ['run', pin, files], { cwd: folder });
        assert.equal(facts.code, 0);
        await pipeline.settle();
        expectContexts(pipeline, facts, isUsed);
      };
      assert.equal(used(), 0, 'it is not there yet');
      await run('contexts', ['pin', pin]);
      await pipeline.until('the map to be found', () => used() !== 0);
      await round(true);
      const first = used();
      unlinkSync(pin);
      await run('contexts', ['pin', pin]);
      await pipeline.until('the other map', () => used() !== first && used() !== 0);
      await round(true);
      unlinkSync(pin);
      await pipeline.until('it to be gone', () => used() === 0);
      await run('contexts', ['pin', pin, '32']);
      const told = () => pipeline.log.filter(({ level, message }) => level === 'warn' && message.includes('trace contexts'));
      await pipeline.until('a map of another shape to be told', () => told().length > 0);
      assert.match(told()[0]!.message, /has values of 32 bytes and not 24/);
      assert.equal(used(), 0);
      await pipeline.stop();
    });
  },
};

export const contextScenarios: readonly Scenario[] = [pinned];
