/** Every record names the cgroup that the process was in at that moment, also when neither is there any more. */
import assert from 'node:assert/strict';
import { mkdirSync, rmdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { CgroupChange } from '../../../src/kernel/cgroup-types.ts';
import { findHierarchies } from '../../../src/kernel/procfs/mounts.ts';
import { cgroupOf, needUnified, numberOf, withCgroups, withLegacy } from '../harness/cgroups.ts';
import { startProgram } from '../harness/runner.ts';
import type { Pipeline } from '../harness/pipeline.ts';
import { kernelRungs, type Context, type Scenario } from '../harness/scenario.ts';
import { openKernel } from '../harness/session-sums.ts';
import { EXEC, EXIT, expectAttributes, expectExit, FORK } from './expect.ts';

const IS_GUEST = process.env['RINGTAIL_GUEST'] !== undefined;
/** Under emulation a process takes a hundred times as long. */
const LIVES = IS_GUEST ? 100 : 1_000;

/** A program that waits: `enter` moves it, `end` lets it make a child and end. */
const startWaiting = async ({ program }: Context, pipeline: Pipeline) => {
  const { child, ended, output } = startProgram(program('ends'), ['wait']);
  await pipeline.until('the program to wait', () => output() !== '');
  return {
    pid: child.pid!,
    enter: (...folders: readonly (string | Buffer)[]) => {
      for (const folder of folders) writeFileSync(Buffer.concat([Buffer.from(folder), Buffer.from('/cgroup.procs')]), String(child.pid));
    },
    async end() {
      child.stdin.end();
      const facts = await ended;
      await pipeline.settle();
      return facts;
    },
  };
};

const follow = ({ kernel }: Pipeline): readonly CgroupChange[] => {
  const changes: CgroupChange[] = [];
  kernel.cgroups.onChange((change) => changes.push(change));
  return changes;
};

const nested: Scenario = {
  name: 'cgroups: made before and after, nested, with odd names, moved through and removed',
  rungs: kernelRungs,
  everywhere: true,
  async run(context) {
    const top = await needUnified(context);
    const name = `/ringtail-cgroups-${process.pid}`;
    const odd = Buffer.concat([Buffer.from(`${top}${name}/a b/`), Buffer.from([0xff, 0x5c, 0x1b, 0xc3, 0xa9])]);
    await withCgroups([`${top}${name}`], async () => {
      const pipeline = await context.start();
      assert.equal(pipeline.kernel.ring()!.cgroups.status().rung, context.rung === 'tp_btf' ? 'tp_btf' : 'raw_tp');
      const changes = follow(pipeline);
      const folders = [`${top}${name}/a b`, odd];
      let ids: readonly number[] = [];
      let facts!: Awaited<ReturnType<Context['run']>>;
      await withCgroups(folders, async () => {
        ids = [`${top}${name}`, ...folders].map((folder) => numberOf(folder));
        const waiting = await startWaiting(context, pipeline);
        waiting.enter(`${top}${name}`, ...folders);
        facts = await waiting.end();
      });
      await pipeline.settle();
      const path = `${name}/a b/\ufffd\\\x1b\u00e9`;
      const made = facts.all('child')[0]!;
      for (const event of [
        pipeline.one(FORK, { 'process.pid': facts.pid }),
        expectExit(pipeline, made),
        expectExit(pipeline, [facts.pid, 0]),
      ])
        expectAttributes(event, { 'ringtail.cgroup.id': ids[2], 'process.linux.cgroup': path });
      expectAttributes(pipeline.one(EXEC, { 'process.pid': facts.pid }), await cgroupOf(process.pid));
      const paths = [name, `${name}/a b`, path];
      const told = (wanted: CgroupChange['kind']) =>
        changes
          .filter(({ kind, cgroup }) => kind === wanted && cgroup.path.startsWith(name))
          .map(({ cgroup, pid }) => [Number(cgroup.id), cgroup.path, pid]);
      const [inner, middle] = [[ids[2], path, process.pid], [ids[1], paths[1], process.pid]]; // prettier-ignore
      assert.deepEqual([told('made'), told('gone')], [[middle, inner], [inner, middle]]); // prettier-ignore
      assert.deepEqual(
        told('attached'),
        paths.map((one, index) => [ids[index], one, facts.pid]),
      );
      const gone = ids.map((id) => pipeline.kernel.cgroups.info(BigInt(id))?.goneAtMs !== undefined);
      assert.deepEqual(gone, [false, true, true]);
    });
  },
};

const legacy: Scenario = {
  name: 'cgroups: in a v1 hierarchy, of those that are in the root of v2; v2 for the others',
  rungs: kernelRungs,
  async run(context) {
    await withLegacy(context, async ({ number, place }) => {
      const name = `/ringtail-cgroups-${process.pid}`;
      const { unified } = await findHierarchies('');
      const pipeline = await context.start({ calls: { calls: ['read'] } });
      const folders = [`${place}${name}`, `${place}${name}/below`];
      await withCgroups(folders, async () => {
        const id = numberOf(folders[1]!, number);
        const waiting = await startWaiting(context, pipeline);
        waiting.enter(folders[1]!);
        const facts = await waiting.end();
        const reads = pipeline.find('ringtail.file.read', { 'process.pid': facts.pid, 'ringtail.fd': 0 });
        assert(reads.length > 0, 'it read that it may end');
        for (const event of [...reads, pipeline.one(FORK, { 'process.pid': facts.pid }), expectExit(pipeline, [facts.pid, 0])])
          expectAttributes(event, { 'ringtail.cgroup.id': id, 'process.linux.cgroup': `${name}/below` });
        assert.equal(pipeline.kernel.cgroups.info(BigInt(id))?.hierarchy, number);
        if (unified === undefined) return;
        await withCgroups([`${unified}${name}`], async () => {
          const other = await startWaiting(context, pipeline);
          other.enter(folders[1]!, `${unified}${name}`);
          const { pid } = await other.end();
          const wanted = { 'ringtail.cgroup.id': numberOf(`${unified}${name}`), 'process.linux.cgroup': name };
          expectAttributes(pipeline.one(EXIT, { 'process.pid': pid }), wanted);
        });
      });
      await pipeline.stop();
    });
  },
};

const mirrored: Scenario = {
  name: 'cgroups: v1 before v2 where an init system has its tree in both',
  async run(context) {
    const top = await needUnified(context);
    await withLegacy(context, async ({ number, place }) => {
      // a root in which systemd seems to be
      const root = join(context.folder, 'root');
      mkdirSync(join(root, top, 'init.scope'), { recursive: true });
      mkdirSync(join(root, dirname(place)), { recursive: true });
      symlinkSync('/proc', join(root, 'proc'));
      symlinkSync(place, join(root, place));
      const name = `/ringtail-cgroups-${process.pid}`;
      const pipeline = await context.start({ rootPath: root });
      await withCgroups([`${top}${name}`, `${place}${name}`], async () => {
        const [v2, v1] = [numberOf(`${top}${name}`), numberOf(`${place}${name}`, number)];
        const inBoth = await startWaiting(context, pipeline);
        inBoth.enter(`${top}${name}`, `${place}${name}`);
        const both = await inBoth.end();
        expectAttributes(pipeline.one(EXIT, { 'process.pid': both.pid }), { 'ringtail.cgroup.id': v1, 'process.linux.cgroup': name });
        const inV2 = await startWaiting(context, pipeline);
        inV2.enter(`${top}${name}`, place);
        const one = await inV2.end();
        expectAttributes(pipeline.one(EXIT, { 'process.pid': one.pid }), { 'ringtail.cgroup.id': v2, 'process.linux.cgroup': name });
      });
      await pipeline.stop();
    });
  },
};

const lives: Scenario = {
  name: `cgroups: ${LIVES} that last as long as the one process in each of them`,
  async run(context) {
    const top = await needUnified(context);
    const name = `/ringtail-cgroups-${process.pid}`;
    const pipeline = await context.start();
    await withCgroups([`${top}${name}`], async () => {
      const { code, lines } = await context.run('cgroup-lives', [`${top}${name}`, String(LIVES), '4']);
      assert.equal(code, 0);
      await pipeline.settle();
      assert.equal(lines.length, LIVES);
      const pathOf = (event: string) =>
        new Map(pipeline.find(event).map(({ attributes }) => [attributes['process.pid'], attributes['process.linux.cgroup']]));
      const [execs, exits] = [pathOf(EXEC), pathOf(EXIT)];
      const wrong = lines.filter(([pid, , id]) => execs.get(Number(pid)) !== `${name}/${id}` || exits.get(Number(pid)) !== `${name}/${id}`);
      assert.deepEqual(wrong, []);
      const left = Array.from(pipeline.kernel.cgroups.living()).filter(({ path }) => path.startsWith(`${name}/`));
      assert.deepEqual(left, []);
    });
  },
};

const lost: Scenario = {
  name: 'cgroups: what found no room in the ring is read',
  async run(context) {
    if (IS_GUEST) return context.skip('it takes too long under emulation');
    const top = await needUnified(context);
    const name = `/ringtail-cgroups-${process.pid}`;
    const pipeline = await context.start({ ringBytes: 64 << 10 });
    const ring = pipeline.kernel.ring()!;
    const folders = Array.from({ length: 800 }, (_, index) => `${top}${name}/${index}`);
    await withCgroups([`${top}${name}`], async () => {
      ring.pause(true);
      await withCgroups(folders, async () => {
        ring.pause(false);
        const numbers = folders.map((folder) => BigInt(numberOf(folder)));
        const isKnown = () => numbers.every((number, index) => pipeline.kernel.cgroups.path(number) === `${name}/${index}`);
        await pipeline.until('all to be known', isKnown);
        assert(ring.cgroupCounters()!.total('lost') > 0, 'nothing was lost');
        ring.pause(true);
      });
      ring.pause(false);
      const living = () => Array.from(pipeline.kernel.cgroups.living()).filter(({ path }) => path.startsWith(`${name}/`));
      await pipeline.until('none to be left', () => living().length === 0);
    });
  },
};

const later: Scenario = {
  name: 'cgroups: followed when somebody asks while the programs run, and read where the kernel does not tell',
  async run(context) {
    const top = await needUnified(context);
    const name = `/ringtail-cgroups-${process.pid}`;
    const { kernel } = openKernel();
    const endNeeds = kernel.needProcesses({ argsMaxBytes: 0, threads: false, failedExecs: false });
    await kernel.start();
    try {
      assert.equal(kernel.ring()!.cgroups.status().rung, 'none');
      await withCgroups([`${top}${name}`], async () => {
        const [id, below] = [BigInt(numberOf(`${top}${name}`)), `${top}${name}/below`];
        assert.equal(kernel.cgroups.path(id), undefined);
        const forget = kernel.gate.require('cgroup');
        await kernel.reconfigure();
        assert.equal(kernel.ring()!.cgroups.status().rung, 'tp_btf');
        assert.equal(kernel.cgroups.path(id), name);
        forget();
        mkdirSync(below);
        const number = BigInt(numberOf(below));
        rmdirSync(below);
        await kernel.caughtUp();
        // nobody asks any more, and what is known stays right
        assert.equal(kernel.cgroups.path(number), `${name}/below`);
        endNeeds();
        await kernel.reconfigure();
        mkdirSync(below);
        const unseen = BigInt(numberOf(below));
        try {
          const end = kernel.needProcesses({ argsMaxBytes: 0, threads: false, failedExecs: false });
          kernel.gate.require('cgroup');
          await kernel.reconfigure();
          assert.equal(kernel.cgroups.path(unseen), `${name}/below`, 'made while nobody followed');
          end();
        } finally {
          rmdirSync(below);
        }
      });
    } finally {
      await kernel.stop(5_000);
    }
  },
};

export const cgroupScenarios: readonly Scenario[] = [nested, legacy, mirrored, lives, lost, later];
