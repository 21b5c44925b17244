import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ConfigError } from '../../src/core/errors.ts';
import { MAX_RETIRING } from '../../src/service/retirement.ts';
import { createReloadWorld, type Options, type Shape } from './reload-world.ts';

const plain: Shape = {
  receivers: { r: { version: 1 } },
  processors: { p: { version: 1 } },
  exporters: { e: { version: 1 } },
  extensions: { x: { version: 1 } },
  pipelines: { logs: { receivers: ['r'], processors: ['p'], exporters: ['e'] } },
};

/** What a batch goes through, without the numbers of instances. */
const pathsOf = ({ pipelines }: Shape): readonly string[] =>
  Object.values(pipelines)
    .flatMap(({ receivers, processors, exporters }) =>
      receivers.flatMap((receiver) => exporters.map((exporter) => [receiver, ...processors, exporter].join(' > '))),
    )
    .toSorted();

const options = fc.record({ version: fc.integer({ min: 1, max: 2 }), failsToStart: fc.boolean().map((fails) => fails) });
/** One start in twelve fails, in all. */
const shapes = (mayFail: boolean): fc.Arbitrary<Shape> => {
  const own: fc.Arbitrary<Options> = mayFail
    ? fc.record({ version: fc.integer({ min: 1, max: 2 }), failsToStart: fc.integer({ min: 0, max: 30 }).map((n) => n === 0) })
    : options.map(({ version }) => ({ version }));
  const three = (type: string) => fc.record({ [type]: own, [`${type}/b`]: own, [`${type}/c`]: own });
  const some = (type: string, minLength: number) => fc.subarray([type, `${type}/b`, `${type}/c`], { minLength });
  const pipeline = fc.record({
    receivers: some('r', 1),
    processors: some('p', 0).chain((ids) => fc.shuffledSubarray(ids, { minLength: ids.length })),
    exporters: some('e', 1),
  });
  return fc.record({
    receivers: three('r'),
    processors: three('p'),
    exporters: three('e'),
    extensions: fc.dictionary(fc.constantFrom('x', 'x/b'), own, { maxKeys: 2 }),
    pipelines: fc.dictionary(fc.constantFrom('logs', 'logs/b', 'logs/c'), pipeline, { minKeys: 1, maxKeys: 3 }),
  });
};

const withoutNumbers = (arrival: string): string => arrival.replace(/^\d+ /, '').replaceAll(/@\d+/g, '');

describe('a stream of batches through reloads', () => {
  it('goes through one graph each, whole, whatever is reloaded and whatever fails', async () => {
    await fc.assert(
      fc.asyncProperty(shapes(false), fc.array(shapes(true), { minLength: 1, maxLength: 6 }), async (first, steps) => {
        const world = createReloadWorld();
        const service = world.createService(first);
        await service.start();
        let current = first;
        /** Batches that came while a reload was under way may go through either. */
        const allowed = new Map<number, readonly Shape[]>();
        let before = world.counts();
        const wrong: string[] = [];
        for (const next of steps) {
          const possible = [current, next];
          world.onMeanwhile(() => allowed.set(world.emit(), possible));
          const running = new Map(
            world.made.filter(({ running: runs }) => runs).map(({ kind, id, number }) => [`${kind} ${id} ${number}`, number]),
          );
          const { result, message } = await service.reload(async () => ({ config: world.configOf(next), resource: [] }));
          world.onMeanwhile(() => {});
          if (result !== 'refused') current = next;
          else if (!/^cannot start the (receiver|processor|exporter|extension) [rpex](\/[bc])?: no luck$/.test(message))
            wrong.push(message);
          allowed.set(world.emit(), [current]);

          const after = world.counts();
          for (const [name, value] of before) if (!(after.get(name)! >= value)) wrong.push(`${name} went back`);
          before = after;
          // who is of the graph runs; what was replaced does not
          const wanted = Object.values(current.pipelines);
          for (const { kind, id, number } of world.made.filter(({ running: runs }) => runs)) {
            const isNamed =
              kind === 'extension' ? id in current.extensions : wanted.some((pipeline) => pipeline[`${kind}s` as 'receivers'].includes(id));
            if (!isNamed) wrong.push(`${kind} ${id}@${number} runs and is not named`);
          }
          for (const [name, number] of result === 'refused' ? running : []) {
            // extensions may have been made anew
            if (!name.startsWith('extension') && !world.made[number]!.running) wrong.push(`${name} stopped in a refused reload`);
          }
        }
        const byBatch = Map.groupBy(world.arrivals, (arrival) => Number.parseInt(arrival, 10));
        for (const [number, graphs] of allowed) {
          const paths = (byBatch.get(number) ?? []).map(withoutNumbers).toSorted();
          expect(graphs.map(pathsOf)).toContainEqual(paths);
        }
        // of one batch, all receivers, processors and exporters of one id are one instance, but for a processor in several pipelines
        for (const arrivals of byBatch.values()) {
          const ends = arrivals.flatMap((arrival) => [arrival.split(' ')[1]!, arrival.split(' ').at(-1)!]);
          const names = new Set(ends.map((end) => end.split('@')[0]));
          expect(new Set(ends).size).toBe(names.size);
        }
        expect(wrong).toEqual([]);
        expect(world.arrivals.filter((arrival) => arrival.includes('does not run'))).toEqual([]);
        const ledger = await service.stop();
        expect(ledger.balanced).toBe(true);
        expect(world.listeners()).toBe(0);
        expect(world.made.filter(({ running: runs }) => runs)).toEqual([]);
        expect(world.made.filter(({ stops }) => stops > 1)).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });
});

/** Instances by `kind id` that run. */
const runningOf = (world: ReturnType<typeof createReloadWorld>): Record<string, number> =>
  Object.fromEntries(world.made.filter(({ running }) => running).map(({ kind, id, number }) => [`${kind} ${id}`, number]));

const started = async (shape: Shape = plain, kernel?: Parameters<ReturnType<typeof createReloadWorld>['createService']>[2]) => {
  const world = createReloadWorld();
  const service = world.createService(shape, [], kernel);
  await service.start();
  return {
    world,
    service,
    reload: (next: Shape, resource: readonly (readonly [string, string])[] = []) =>
      service.reload(async () => ({ config: world.configOf(next), resource })),
  };
};

describe('a reload', () => {
  it('keeps what is the same, and tells what is not', async () => {
    const { world, service, reload } = await started({
      ...plain,
      exporters: { e: { version: 1 }, 'e/b': { version: 1 } },
      pipelines: { logs: plain.pipelines['logs']!, 'logs/b': { receivers: ['r'], processors: ['p'], exporters: ['e/b'] } },
    });
    const before = runningOf(world);
    const outcome = await reload({
      ...plain,
      exporters: { e: { version: 1 }, 'e/b': { version: 2 }, 'e/c': { version: 1 } },
      pipelines: { logs: plain.pipelines['logs']!, 'logs/b': { receivers: ['r'], processors: [], exporters: ['e/b', 'e/c'] } },
    });
    expect(outcome).toMatchObject({
      result: 'applied',
      message: 'added exporter e/c; replaced exporter e/b; removed processor p of logs/b; pipelines logs/b',
    });
    expect(service.view.lastReload()).toBe(outcome);
    const after = runningOf(world);
    for (const name of ['receiver r', 'exporter e', 'extension x']) expect(after[name]).toBe(before[name]);
    expect(after['exporter e/b']).not.toBe(before['exporter e/b']);
    expect(service.view.pipelines().map(({ id, exporters }) => `${id}: ${exporters.join(' ')}`)).toEqual(['logs: e', 'logs/b: e/b e/c']);
    expect(await reload({ ...plain, pipelines: { 'logs/b': plain.pipelines['logs']! } })).toMatchObject({ result: 'applied' });
    expect((await service.stop()).balanced).toBe(true);
  });

  it('leaves those who look at pipelines, and none of them is a pipeline', async () => {
    const { world, service, reload } = await started();
    const seen: string[] = [];
    const untap = service.view.tap((pipeline, _batch, isFirst) => void seen.push(`${pipeline}${isFirst ? ', first' : ''}`));
    service.view.tap(() => {
      throw new Error('looked away');
    });
    world.emit();
    await reload({ ...plain, pipelines: { 'logs/b': plain.pipelines['logs']!, 'logs/a': plain.pipelines['logs']! } });
    world.emit();
    await reload({ ...plain, pipelines: { 'logs/a': plain.pipelines['logs']! } });
    world.emit();
    untap();
    world.emit();
    expect(seen).toEqual(['logs, first', 'logs/b, first', 'logs/a', 'logs/a, first']);
    expect(world.counts().get(JSON.stringify(['ringtail_tap_failures', {}]))).toBe(5);
    expect((await service.stop()).balanced).toBe(true);
  });

  it('of the same configuration changes nothing', async () => {
    const { world, service, reload } = await started();
    const before = runningOf(world);
    expect(await reload(structuredClone(plain))).toMatchObject({ result: 'unchanged' });
    expect(runningOf(world)).toEqual(before);
    expect(world.counts().get(JSON.stringify(['ringtail_config_reloads', { result: 'unchanged' }]))).toBe(1);
    await service.stop();
  });

  it('with another resource replaces all, for all were given the old one', async () => {
    const { world, service, reload } = await started();
    const before = runningOf(world);
    expect(await reload(plain, [['host.name', 'other']])).toMatchObject({ result: 'applied' });
    const after = runningOf(world);
    expect(Object.keys(after).toSorted()).toEqual(Object.keys(before).toSorted());
    for (const [name, number] of Object.entries(before)) expect(after[name]).not.toBe(number);
    await service.stop();
  });

  it('is refused when it changes the kernel side, and says which key', async () => {
    const { world, service } = await started();
    const config = world.configOf(plain);
    const other = { ...config, kernel: { ...config.kernel, ring_bytes: 4096, flush_rows: 1 } };
    expect(await service.reload(async () => ({ config: other, resource: [] }))).toMatchObject({
      result: 'refused',
      message: 'kernel.ring_bytes and kernel.flush_rows cannot change while Ringtail runs',
    });
    await service.stop();
  });

  it('of a wrong configuration is refused with every problem in the log', async () => {
    const { world, service } = await started();
    const outcome = await service.reload(() =>
      Promise.reject(new ConfigError('a.yaml has 2 errors', { problems: ['one', 'two'], advice: 'correct it' })),
    );
    expect(outcome).toMatchObject({ result: 'refused', message: 'a.yaml has 2 errors' });
    expect(world.logger.lines.at(-1)).toEqual({
      level: 'error',
      message: 'the new configuration was refused; everything goes on as before',
      fields: { error: 'a.yaml has 2 errors', advice: 'correct it', problems: ['one', 'two'] },
    });
    await service.stop();
  });

  it('commits what goes with it, or takes it back', async () => {
    const { world, service } = await started();
    const calls: string[] = [];
    const load = (shape: Shape) => async () => ({
      config: world.configOf(shape),
      resource: [],
      commit: () => void calls.push('commit'),
      abort: () => void calls.push('abort'),
    });
    await service.reload(load(plain));
    await service.reload(load({ ...plain, exporters: { e: { version: 2, failsToStart: true } } }));
    await service.reload(load({ ...plain, exporters: { e: { version: 2 } } }));
    expect(calls).toEqual(['commit', 'abort', 'commit']);
    await service.stop();
  });

  it('leads back when the kernel side cannot follow', async () => {
    let refuses = false;
    const asked: number[] = [];
    const kernel = {
      start: async () => {},
      stop: async () => {},
      async reconfigure() {
        asked.push(world.listeners());
        world.emit();
        if (refuses) throw new Error('no BTF');
      },
    };
    const { world, service, reload } = await started(plain, kernel);
    const before = runningOf(world);
    refuses = true;
    const next = { ...plain, receivers: { r: { version: 2 } }, exporters: { e: { version: 2 } } };
    expect(await reload(next)).toMatchObject({ result: 'refused', message: 'no BTF' });
    expect(asked).toEqual([1, 1]);
    expect(runningOf(world)).toEqual(before);
    // the first went through the new graph, which was there for a moment; the second did not
    const fresh = world.made.findLast(({ kind }) => kind === 'exporter')!;
    expect(fresh.number).not.toBe(before['exporter e']);
    expect(world.arrivals.map((arrival) => arrival.split(' > ').at(-1))).toEqual([`e@${fresh.number}`, `e@${before['exporter e']}`]);
    expect((await service.stop()).balanced).toBe(true);
  });

  it('gives the ports of an extension to its successor, and back when it fails later', async () => {
    const { world, service, reload } = await started();
    const order: string[] = [];
    world.onMeanwhile(() =>
      order.push(
        world.made
          .filter(({ kind, running }) => kind === 'extension' && running)
          .map(({ number }) => number)
          .join(','),
      ),
    );
    expect(await reload({ ...plain, extensions: { x: { version: 2 } } })).toMatchObject({ message: 'replaced extension x' });
    for (const running of order) expect(running.split(',').length).toBe(1);
    const before = runningOf(world);
    const failing = { ...plain, extensions: { x: { version: 3 } }, receivers: { r: { version: 2, failsToStart: true } } };
    expect(await reload(failing)).toMatchObject({ result: 'refused' });
    for (const running of order) expect(running.split(',').length).toBe(1);
    const after = runningOf(world);
    expect(after['extension x']).toBeDefined();
    expect({ ...after, 'extension x': 0 }).toEqual({ ...before, 'extension x': 0 });
    await service.stop();
  });

  it('requested while one waits is the same as that one', async () => {
    const { world, service } = await started();
    let loads = 0;
    const load = async () => {
      loads++;
      return { config: world.configOf(plain), resource: [] };
    };
    const requests = Array.from({ length: 20 }, () => service.reload(load));
    const outcomes = await Promise.all(requests);
    expect(loads).toBe(1);
    expect(new Set(outcomes).size).toBe(1);
    const second = service.reload(load);
    expect(await second).not.toBe(outcomes[0]);
    expect(loads).toBe(2);
    await service.stop();
  });

  it('that hangs does not hold up the stop, and comes to nothing afterwards', async () => {
    let letGo = (): void => {};
    const kernel = {
      start: async () => {},
      stop: async () => {},
      reconfigure: () => new Promise<void>((resolve) => (letGo = resolve)),
    };
    const { world, service, reload } = await started(plain, kernel);
    const hanging = reload({ ...plain, receivers: { r: { version: 2 } }, exporters: { e: { version: 2 } } });
    await vi.waitFor(() => expect(world.made.filter(({ running }) => running)).toHaveLength(5));
    expect((await service.stop()).balanced).toBe(true);
    letGo();
    expect(await hanging).toMatchObject({ result: 'refused', message: 'Ringtail is stopping' });
    expect([runningOf(world), world.listeners()]).toEqual([{}, 0]);
  });

  it('requested during the start waits for its end, and during the stop is refused', async () => {
    const world = createReloadWorld();
    const service = world.createService(plain);
    const next = { ...plain, exporters: { e: { version: 2 } } };
    const load = async () => ({ config: world.configOf(next), resource: [] });
    const early = service.reload(load);
    await service.start();
    expect(service.view.state()).toBe('ready');
    expect(await early).toMatchObject({ result: 'applied' });
    const during = service.reload(async () => ({ config: world.configOf(plain), resource: [] }));
    const stopped = service.stop();
    const late = service.reload(load);
    expect((await stopped).balanced).toBe(true);
    expect(['applied', 'refused']).toContain((await during).result);
    expect(await late).toMatchObject({ result: 'refused' });
    expect(runningOf(world)).toEqual({});
  });
});

describe('a replaced exporter', () => {
  afterEach(() => void vi.useRealTimers());

  it('stops when it holds nothing any more, and shares its books with its successor', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const { world, service, reload } = await started();
    world.hold(true);
    world.emit();
    world.emit();
    expect(await reload({ ...plain, exporters: { e: { version: 2 } } })).toMatchObject({ result: 'applied' });
    world.emit();
    const [old, fresh] = world.made.filter(({ kind }) => kind === 'exporter');
    const held = () => world.counters.samples().find(({ kind, name }) => kind === 'gauge' && name === 'ringtail_exporter_items')?.value;
    await vi.advanceTimersByTimeAsync(60_000);
    expect([old!.running, old!.held, fresh!.held]).toEqual([true, 2, 1]);
    expect(held()).toBe(3);
    expect(service.view.ledger().balanced).toBe(true);
    old!.held = 0;
    world.counters.counter('ringtail_exporter_items', { exporter: 'e', outcome: 'sent' }).value += 2;
    await vi.advanceTimersByTimeAsync(1000);
    expect([old!.running, old!.stops, fresh!.running]).toEqual([false, 1, true]);
    expect(held()).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
    expect(world.counters.counter('ringtail_exporter_items', { exporter: 'e', outcome: 'dropped' }).value).toBe(0);
    expect((await service.stop()).balanced).toBe(true);
  });

  it('is one of four at the most that wait like that', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const { world, service, reload } = await started();
    world.hold(true);
    for (let version = 2; version < 2 + MAX_RETIRING + 1; version++) {
      world.emit();
      await reload({ ...plain, exporters: { e: { version } } });
    }
    const exporters = world.made.filter(({ kind }) => kind === 'exporter');
    expect(exporters.map(({ running }) => running)).toEqual([false, ...Array.from({ length: MAX_RETIRING + 1 }, () => true)]);
    expect(world.logger.lines.filter(({ level }) => level === 'warn')).toMatchObject([{ fields: { component: 'e', records: 1 } }]);
    // the stop of the service ends them all, and the books say what was dropped
    const { balanced, rows } = await service.stop();
    expect(balanced).toBe(true);
    expect(rows.find(({ book }) => book === 'exporter')!.parts).toMatchObject({ dropped: MAX_RETIRING + 1, held: 0 });
  });
});
