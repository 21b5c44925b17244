/** The books balance, also when something is lost. */
import assert from 'node:assert/strict';
import { eventKind } from '../../../src/kernel/layouts.gen.ts';
import { kernelRungs, type Scenario } from '../harness/scenario.ts';
import { EXEC, EXIT, FORK, LOSS } from './expect.ts';

/** All that the receiver makes events of; others may try to run what is not there meanwhile. */
const lossKinds = [eventKind.fork, eventKind.exec, eventKind.exit, eventKind.execFailed];

const heldUp: Scenario = {
  name: 'a ring of 64 KiB that nobody reads: what was seen is written or lost, and the loss is told',
  rungs: kernelRungs,
  everywhere: true,
  async run({ start, run, program }) {
    const pipeline = await start({ ringBytes: 64 << 10 });
    const ring = pipeline.kernel.ring()!;
    const beforeMs = Date.now();
    ring.pause(true);
    const facts = await run('execs', ['children', '1000', program('quick')]);
    ring.counters.refresh();
    const counts = lossKinds.map((kind) => ring.counters.of(kind));
    for (const { seen, filtered, limited, aggregated, lost, written } of counts) {
      assert.equal(limited + aggregated, 0);
      assert.equal(seen, filtered + lost + written);
    }
    for (const { seen, filtered } of counts.slice(0, 3)) assert(seen - filtered >= 1000);
    const lost = counts.reduce((sum, count) => sum + count.lost, 0);
    assert(lost > 2000, `the ring is far too small, and yet only ${lost} were lost`);
    ring.pause(false);
    await pipeline.settle();
    const told = () => pipeline.find(LOSS).reduce((sum, { attributes }) => sum + Number(attributes['ringtail.lost']), 0);
    await pipeline.until('the loss to be told', () => told() >= lost);
    for (const { name, attributes } of pipeline.find(LOSS)) {
      assert.equal(name, LOSS);
      assert.equal(attributes['ringtail.reason'], 'ring_full');
      assert.equal(attributes['ringtail.receiver'], 'process');
      const [from, to] = [attributes['ringtail.window.start'], attributes['ringtail.window.end']].map((text) => Date.parse(String(text)));
      assert(from! <= to! && to! >= beforeMs && to! <= Date.now(), 'a window of now');
      assert.equal(attributes['process.pid'], undefined, 'nobody did it');
    }
    // what did come is right: each child at most once, with its own number
    const pids = new Set(facts.all('child').map(([pid]) => pid));
    for (const name of [EXEC, EXIT]) {
      const found = pipeline.find(name).filter(({ attributes }) => pids.has(attributes['process.pid'] as number));
      assert.equal(new Set(found.map(({ attributes }) => attributes['process.pid'])).size, found.length);
    }
    await pipeline.stop();
    ring.counters.refresh();
    const after = lossKinds.reduce((sum, kind) => sum + ring.counters.of(kind).lost, 0);
    const byReason = pipeline
      .find(LOSS)
      .map(({ attributes }) => `${String(attributes['ringtail.reason'])} ${String(attributes['ringtail.lost'])}`);
    assert.equal(told(), after, `to the unit: ${byReason.join(', ')}`);
    const came = pipeline.events.filter(({ name }) => [EXEC, EXIT, FORK].includes(name)).length;
    assert(came > 0);
  },
};

const starved: Scenario = {
  name: 'nothing is lost while the ring has room for what waits',
  async run({ start, run, program }) {
    const pipeline = await start({ ringBytes: 8 << 20 });
    const ring = pipeline.kernel.ring()!;
    ring.pause(true);
    const facts = await run('execs', ['children', '1000', program('quick')]);
    ring.pause(false);
    await pipeline.settle();
    assert.equal(ring.counters.total('lost'), 0);
    for (const child of facts.all('child')) {
      assert.equal(pipeline.find(EXEC, { 'process.pid': child[0]! }).length, 1);
      assert.equal(pipeline.find(EXIT, { 'process.pid': child[0]! }).length, 1);
    }
    assert.deepEqual(pipeline.find(LOSS), []);
  },
};

const stopHeldUp: Scenario = {
  name: 'a stop brings through what waits in the ring',
  async run({ start, run, program }) {
    const pipeline = await start();
    pipeline.kernel.ring()!.pause(true);
    const facts = await run('execs', ['children', '200', program('quick')]);
    const early = pipeline.events.length;
    await pipeline.stop();
    assert(pipeline.events.length >= early + 600);
    for (const child of facts.all('child')) assert.equal(pipeline.find(EXIT, { 'process.pid': child[0]! }).length, 1);
  },
};

export const lossScenarios: readonly Scenario[] = [heldUp, starved, stopHeldUp];
