import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { map, Subject } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';
import { rowsOf, type Batch } from '../../../src/core/batch.ts';
import { createCounters } from '../../../src/core/counters.ts';
import { Refusal } from '../../../src/core/errors.ts';
import type { MetricBatch } from '../../../src/core/metric-batch.ts';
import { createRateLimit } from '../../../src/core/rate-limit.ts';
import { availableMemoryBytes, ownAnonymousBytes } from '../../../src/kernel/procfs/own-memory.ts';
import { memoryLimiterConfig } from '../../../src/processors/memory-limiter/config.ts';
import { createGarbageCollector } from '../../../src/processors/memory-limiter/garbage.ts';
import { memoryLimiterProcessor } from '../../../src/processors/memory-limiter/index.ts';
import { createLimiter } from '../../../src/processors/memory-limiter/limiter.ts';
import { limitsOf } from '../../../src/processors/memory-limiter/limits.ts';
import { computeLedger } from '../../../src/service/ledger.ts';
import { connectPipeline } from '../../../src/service/pipeline.ts';
import { flows } from '../../../src/service/signals.ts';
import { settingsFor, textBatch, until } from '../../exporters/support.ts';
import { metricsOf, recordingLogger } from '../../service/fakes.ts';

const MIB = 2 ** 20;

const setUp = () => {
  const logger = recordingLogger();
  const world = { bytes: 0, afterGc: undefined as number | undefined, collections: 0, nowMs: 0 };
  const limiter = createLimiter({
    limits: { softBytes: 80, hardBytes: 100 },
    gcIntervalSoftMs: 10_000,
    gcIntervalHardMs: 1000,
    readBytes: () => world.bytes,
    collectGarbage: createGarbageCollector(
      () => world.nowMs,
      () => {
        world.collections++;
        world.bytes = world.afterGc ?? world.bytes;
      },
    ),
    nowMs: () => world.nowMs,
    logger,
  });
  const checkAt = (nowMs: number, bytes: number) => {
    world.nowMs = nowMs;
    world.bytes = bytes;
    limiter.check();
  };
  return { logger, world, limiter, checkAt, lines: () => logger.lines.map(({ level, message }) => `${level} ${message.slice(0, 30)}`) };
};

describe('the limiter', () => {
  it('refuses above the soft limit until it is below, and says so once each', () => {
    const { limiter, checkAt, logger } = setUp();
    const states: boolean[] = [];
    for (const [nowMs, bytes] of [[0, 80], [1000, 81], [2000, 90], [3000, 200], [4000, 80], [5000, 10], [6000, 81]] as const) {
      checkAt(nowMs, bytes);
      if (limiter.isRefusing()) limiter.refused(5);
      states.push(limiter.isRefusing());
      expect(limiter.health()).toMatchObject({
        status: limiter.isRefusing() ? 'recoverable' : 'ok',
        details: { memory_bytes: bytes, soft_limit_bytes: 80, hard_limit_bytes: 100 },
      });
    } // prettier-ignore
    expect(states).toEqual([false, true, true, true, false, false, true]);
    expect(logger.lines.map(({ level, fields }) => [level, fields['memory_bytes'], fields['refused_records']])).toEqual([
      ['warn', 81, undefined],
      ['info', 80, 15],
      ['warn', 81, undefined],
    ]);
  });

  it('collects garbage at most as often as it may, and looks again before it refuses', () => {
    const { limiter, checkAt, world } = setUp();
    world.afterGc = 50;
    checkAt(0, 85);
    expect([world.collections, limiter.isRefusing()]).toEqual([1, false]);
    world.afterGc = undefined;
    checkAt(9000, 85);
    expect([world.collections, limiter.isRefusing()]).toEqual([1, true]);
    checkAt(9100, 101);
    expect(world.collections).toBe(2);
    checkAt(9900, 101);
    expect(world.collections).toBe(2);
    checkAt(10_100, 101);
    expect(world.collections).toBe(3);
    checkAt(20_200, 85);
    expect(world.collections).toBe(4);
    expect(limiter.isRefusing()).toBe(true);
  });

  it('sees real memory come and go', async () => {
    const before = ownAnonymousBytes();
    const logger = recordingLogger();
    const limiter = createLimiter({
      limits: { softBytes: before + 100 * MIB, hardBytes: before + 150 * MIB },
      gcIntervalSoftMs: 0,
      gcIntervalHardMs: 0,
      readBytes: ownAnonymousBytes,
      collectGarbage: createGarbageCollector(),
      nowMs: () => performance.now(),
      logger,
    });
    let ballast: Buffer | undefined = Buffer.alloc(200 * MIB, 1);
    limiter.check();
    expect(limiter.isRefusing()).toBe(true);
    expect(ballast.length).toBe(200 * MIB);
    ballast = undefined;
    await until(() => (limiter.check(), !limiter.isRefusing()));
    expect(logger.lines.map(({ level }) => level)).toEqual(['warn', 'info']);
  }, 30_000);
});

describe('memory_limiter in a pipeline', () => {
  const run = (component: { logs?: unknown }) => {
    const counters = createCounters();
    const logger = recordingLogger();
    const source$ = new Subject<Batch>();
    const taken: Batch[] = [];
    let refused = 0;
    connectPipeline({
      id: 'logs',
      flow: flows.logs,
      sources: [source$],
      processors: [{ id: 'memory_limiter', component: component as never }],
      exporters: [{ id: 'sink', component: { start: async () => {}, stop: async () => {}, logs: (batch) => void taken.push(batch) } }],
      counters,
      logger,
      rateLimit: createRateLimit(),
      onRefused: () => refused++,
    });
    const books = () => computeLedger(counters.samples()).rows.find(({ book }) => book === 'pipeline')!;
    return { source$, taken, logger, books, refused: () => refused };
  };
  const processorWith = (config: object) =>
    memoryLimiterProcessor.create(settingsFor('memory_limiter').settings, memoryLimiterConfig.parse(config) as never);

  it('refuses everything under a limit that cannot be kept; the books balance', async () => {
    const processor = processorWith({ limit_mib: 1 });
    await processor.start();
    const { source$, taken, logger, books, refused } = run(processor);
    for (let i = 0; i < 10; i++) source$.next(textBatch(7));
    expect(taken).toEqual([]);
    expect(books()).toMatchObject({ total: 70, parts: { refused: 70, accepted: 0, filtered: 0 }, difference: 0 });
    expect(refused()).toBe(10);
    expect(logger.lines).toEqual([]); // the limiter tells, once; not the pipeline of each batch
    expect(processor.health!()).toMatchObject({ status: 'recoverable', details: { refused_records: 70 } });
    await processor.stop(0);
  });

  it('refuses metrics as well, and counts their points', async () => {
    const processor = processorWith({ limit_mib: 1 });
    await processor.start();
    const source$ = new Subject<MetricBatch>();
    const errors: unknown[] = [];
    processor.metrics!(source$).subscribe({ error: (error) => void errors.push(error) });
    source$.next(metricsOf(3));
    expect(errors).toEqual([expect.any(Refusal)]);
    expect(processor.health!()).toMatchObject({ details: { refused_records: 3 } });
    await processor.stop(0);
  });

  it('takes everything under one that is far away', async () => {
    const processor = processorWith({ limit_percentage: 100, spike_limit_percentage: 1 });
    await processor.start();
    const { source$, taken, books } = run(processor);
    source$.next(textBatch(7));
    expect(taken.map(rowsOf)).toEqual([7]);
    expect(books()).toMatchObject({ parts: { refused: 0, accepted: 7 } });
    expect(processor.health!().status).toBe('ok');
    await processor.stop(0);
  });

  it('goes on where it ended once records are taken again', () => {
    let refusing = false;
    const refusal = new Refusal('full');
    const { source$, taken, books } = run({
      logs: (input$: Subject<Batch>) =>
        input$.pipe(
          map((batch) => {
            if (refusing) throw refusal;
            return batch;
          }),
        ),
    });
    for (const state of [false, true, true, false, true, false]) {
      refusing = state;
      source$.next(textBatch(2));
    }
    expect(taken.length).toBe(3);
    expect(books()).toMatchObject({ total: 12, parts: { refused: 6, accepted: 6 }, difference: 0 });
  });
});

describe('limits', () => {
  it.each([
    [{ limit_mib: 100 }, 100, 80],
    [{ limit_mib: 100, spike_limit_mib: 30 }, 100, 70],
    [{ limit_percentage: 50 }, 500, 400],
    [{ limit_percentage: 50, spike_limit_percentage: 20 }, 500, 300],
    [{ limit_mib: 100, limit_percentage: 50, spike_limit_percentage: 20 }, 100, 80],
  ])('%j of 1000 MiB', (config, hardMib, softMib) => {
    const { hardBytes, softBytes } = limitsOf(memoryLimiterConfig.parse(config), () => 1000 * MIB);
    expect([hardBytes / MIB, softBytes / MIB]).toEqual([hardMib, softMib]);
  });

  it.each([
    [{}, 'limit_mib: needed, or limit_percentage'],
    [{ limit_mib: 10, spike_limit_mib: 10 }, 'spike_limit_mib: not less than limit_mib, which is 10'],
    [{ limit_percentage: 10, spike_limit_percentage: 20 }, 'spike_limit_percentage: not less than limit_percentage, which is 10'],
    [{ limit_mib: 10, check_interval: '1ms' }, 'check_interval: out of range; allowed is 10ms to 1m'],
  ])('refuses %j', (config, expected) => {
    const problems = memoryLimiterConfig.safeParse(config).error!.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
    expect(problems).toEqual([expected]);
  });

  it('needs to know the memory for a share of it', () => {
    expect(() => limitsOf(memoryLimiterConfig.parse({ limit_percentage: 5 }), () => undefined)).toThrow('cannot be found out');
  });
});

describe('memory of this process', () => {
  const folders: string[] = [];
  afterEach(() => {
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
  });
  const treeOf = (files: Readonly<Record<string, string>>) => {
    const root = mkdtempSync(join(tmpdir(), 'ringtail-memory-'));
    folders.push(root);
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    return { proc: join(root, 'proc'), cgroups: join(root, 'cg') };
  };
  const meminfo = { 'proc/meminfo': 'MemTotal:        2048 kB\nMemFree: 1 kB\n' };

  it.each([
    ['the host', { 'proc/self/cgroup': '0::/a\n' }, 2048 * 1024],
    ['the own cgroup', { 'proc/self/cgroup': '0::/a/b\n', 'cg/a/b/memory.max': '1000\n', 'cg/a/memory.max': 'max\n' }, 1000],
    ['one above', { 'proc/self/cgroup': '0::/a/b\n', 'cg/a/b/memory.max': 'max\n', 'cg/a/memory.max': '900\n' }, 900],
    ['the root of a container', { 'proc/self/cgroup': '0::/\n', 'cg/memory.max': '800\n' }, 800],
    [
      'version 1',
      { 'proc/self/cgroup': '4:cpu:/a\n3:memory:/x\n0::/a\n', 'cg/memory/x/memory.limit_in_bytes': '700\n', 'cg/a/memory.max': '5\n' },
      700,
    ],
    ['a limit above the memory', { 'proc/self/cgroup': '0::/a\n', 'cg/a/memory.max': '99999999999\n' }, 2048 * 1024],
  ])('is bounded by %s', (_, files, expected) => {
    expect(availableMemoryBytes(treeOf({ ...meminfo, ...files }))).toBe(expected);
  });

  it('is not known where nothing can be read', () => expect(availableMemoryBytes(treeOf({}))).toBeUndefined());

  it('is the anonymous part, else what is resident', () => {
    expect(ownAnonymousBytes(treeOf({ 'proc/self/status': 'VmRSS:\t 900 kB\nRssAnon:\t     300 kB\nRssFile:\t 5 kB\n' }))).toBe(300 * 1024);
    expect(ownAnonymousBytes(treeOf({}))).toBeGreaterThan(10 * MIB);
  });
});
