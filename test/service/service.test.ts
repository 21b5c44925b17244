import { filter, map, Observable, tap } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { type Batch, rowsOf } from '../../src/core/batch.ts';
import { ConfigError, KernelError, RuntimeError } from '../../src/core/errors.ts';
import { batchOf, createTestService, createWorld, firstRows } from './fakes.ts';

const one = `
receivers: {source: }
processors: {stage: }
exporters: {sink: }
service: {pipelines: {logs: {receivers: [source], processors: [stage], exporters: [sink]}}}
`;

const two = `
receivers: {source: , source/b: }
processors: {stage: , stage/half: {keep: 5}}
exporters: {sink: , sink/b: }
service:
  pipelines:
    logs: {receivers: [source], processors: [stage], exporters: [sink, sink/b]}
    logs/half: {receivers: [source, source/b], processors: [stage/half], exporters: [sink/b]}
`;

describe('the order of things', () => {
  it('starts exporters, processors, kernel, receivers, and stops the other way', async () => {
    const { service, world, logger } = createTestService(one);
    await service.start();
    expect(logger.lines.at(-1)).toEqual({
      level: 'info',
      message: 'ready',
      fields: { startup_ms: 0, pipelines: ['logs'], receivers: ['source'], exporters: ['sink'] },
    });
    await service.stop();
    expect(world.events).toEqual([
      'create sink',
      'create source',
      'create stage',
      'start sink',
      'start stage',
      'start kernel',
      'start source',
      'stop source',
      'stop kernel',
      'stop stage',
      'stop sink',
    ]);
  });

  it('shares receivers and exporters, and makes a processor for each pipeline', async () => {
    const { service, world } = createTestService(two.replace('[stage/half]', '[stage]').replace(', stage/half: {keep: 5}', ''));
    await service.start();
    expect(world.events.filter((event) => event.startsWith('create')).toSorted()).toEqual([
      'create sink',
      'create sink/b',
      'create source',
      'create source/b',
      'create stage',
      'create stage',
    ]);
    await service.stop();
  });

  it('lets rows through that come while receivers and kernel start and stop', async () => {
    const world = createWorld();
    const emit = (rows: number) => () => world.sources.get('source')!.next(batchOf(rows));
    world.hooks.set('start kernel', emit(1));
    world.hooks.set('start source', emit(2));
    world.hooks.set('stop source', emit(3));
    world.hooks.set('stop kernel', emit(4));
    world.hooks.set('stop stage', emit(100));
    const { service, rowsAt, pipelineBooks } = createTestService(one, world);
    await service.start();
    const ledger = await service.stop();
    expect(rowsAt('sink')).toEqual([1, 2, 3, 4]);
    expect(pipelineBooks('logs')).toEqual({ read: 10, filtered: 0, refused: 0, accepted: 10 });
    expect(ledger.balanced).toBe(true);
  });

  it.each(['sink', 'stage', 'kernel', 'source'])('stops what was started when %s fails to start', async (id) => {
    const world = createWorld();
    world.hooks.set(`start ${id}`, () => {
      throw new Error('no luck');
    });
    const { service, logger } = createTestService(one, world);
    await expect(service.start()).rejects.toThrow(RuntimeError);
    const started = world.events.filter((event) => event.startsWith('start')).map((event) => event.slice(6));
    const stopped = world.events.filter((event) => event.startsWith('stop')).map((event) => event.slice(5));
    expect(started.at(-1)).toBe(id);
    expect(stopped.toSorted()).toEqual(started.toSorted());
    expect(logger.lines.map(({ message }) => message)).not.toContain('ready');
    const events = [...world.events];
    await service.stop();
    expect(world.events).toEqual(events);
  });

  it('passes typed errors on as they are', async () => {
    const world = createWorld();
    world.hooks.set('start source', () => {
      throw new KernelError('no BTF', { advice: 'use a newer kernel' });
    });
    const { service } = createTestService(one, world);
    await expect(service.start()).rejects.toMatchObject({ exitCode: 3, message: 'no BTF' });
  });

  it('tells which component cannot be created', () => {
    const world = createWorld();
    world.hooks.set('create sink', () => {
      throw new Error('bad endpoint');
    });
    expect(() => createTestService(one, world)).toThrow('cannot create the exporter sink');
    world.hooks.set('create sink', () => {
      throw new ConfigError('bad endpoint');
    });
    expect(() => createTestService(one, world)).toThrow(ConfigError);
  });

  it('goes on stopping when one fails', async () => {
    const world = createWorld();
    world.hooks.set('stop source', () => {
      throw new Error('stuck');
    });
    const { service, logger } = createTestService(one, world);
    await service.start();
    await service.stop();
    expect(world.events.at(-1)).toBe('stop sink');
    expect(logger.lines).toContainEqual({
      level: 'error',
      message: 'a component failed to stop',
      fields: { component: 'source', error: 'stuck' },
    });
  });

  it('leaves one behind that does not stop in time', async () => {
    const world = createWorld();
    world.hooks.set('stop source', () => new Promise(() => {}));
    const { service, logger } = createTestService(one, world);
    await service.start();
    await service.stop(1);
    expect(world.events.at(-1)).toBe('stop sink');
    expect(logger.lines.map(({ message }) => message)).toContain('a component did not stop in time');
  });

  it('stops once, also while it starts', async () => {
    const world = createWorld();
    const gate = Promise.withResolvers<void>();
    world.hooks.set('start kernel', () => gate.promise);
    const { service } = createTestService(one, world);
    const starting = service.start();
    const stopping = service.stop();
    expect(service.stop()).toBe(stopping);
    expect(service.start()).toBe(starting);
    gate.resolve();
    await starting;
    await stopping;
    expect(world.events.filter((event) => event.startsWith('stop'))).toEqual(['stop source', 'stop kernel', 'stop stage', 'stop sink']);
  });
});

describe('the books', () => {
  it('balance over shared receivers, filters and pipelines', async () => {
    const { service, emit, pipelineBooks, rowsAt, valueOf, logger } = createTestService(two);
    await service.start();
    emit('source', 3);
    emit('source', 8);
    emit('source/b', 10);
    expect(rowsAt('sink')).toEqual([3, 8]);
    expect(rowsAt('sink/b')).toEqual([3, 3, 8, 5, 5]);
    expect(pipelineBooks('logs')).toEqual({ read: 11, filtered: 0, refused: 0, accepted: 11 });
    expect(pipelineBooks('logs/half')).toEqual({ read: 21, filtered: 8, refused: 0, accepted: 13 });
    expect(valueOf('otelcol_receiver_accepted_log_records', { receiver: 'source' })).toBe(11);
    expect(valueOf('otelcol_receiver_accepted_log_records', { receiver: 'source/b' })).toBe(10);
    expect(valueOf('otelcol_processor_incoming_items', { processor: 'stage/half', pipeline: 'logs/half' })).toBe(21);
    expect(valueOf('otelcol_processor_outgoing_items', { processor: 'stage/half', pipeline: 'logs/half' })).toBe(13);
    const ledger = await service.stop();
    expect(ledger.balanced).toBe(true);
    expect(logger.lines.at(-1)).toMatchObject({ level: 'info', message: 'stopped; the books balance', fields: { read: 32, sent: 35 } });
  });

  it('count a batch that a stage drops as filtered', async () => {
    const world = createWorld();
    world.processors.set('stage', (source$) => source$.pipe(filter((batch) => rowsOf(batch) > 5)));
    const { service, emit, pipelineBooks } = createTestService(one, world);
    await service.start();
    emit('source', 5);
    emit('source', 6);
    expect(pipelineBooks('logs')).toEqual({ read: 11, filtered: 5, refused: 0, accepted: 6 });
    await service.stop();
  });

  it('show what does not balance', async () => {
    const { service, counters, logger } = createTestService(one);
    await service.start();
    counters.counter('ringtail_kernel_events', { receiver: 'process', event: 'exec', outcome: 'seen' }).value = 10;
    counters.counter('ringtail_kernel_events', { receiver: 'process', event: 'exec', outcome: 'written' }).value = 9;
    expect((await service.stop()).balanced).toBe(false);
    expect(logger.lines.at(-1)).toEqual({
      level: 'error',
      message: 'stopped; the books do not balance',
      fields: { rows: ['kernel process exec: seen 10 = filtered 0 + limited 0 + aggregated 0 + lost 0 + written 9, difference 1'] },
    });
  });

  it('that cannot be read are told', async () => {
    const { service, counters, logger } = createTestService(one);
    counters.gauge('ringtail_ring_bytes', {}, () => {
      throw new Error('closed');
    });
    await service.start();
    expect((await service.stop()).balanced).toBe(false);
    expect(logger.lines.at(-1)).toMatchObject({ level: 'error', message: 'stopped; the books cannot be read' });
  });

  it('show a stage that makes rows of its own', async () => {
    const world = createWorld();
    world.processors.set('stage', (source$) => source$.pipe(map(() => batchOf(7))));
    const { service, emit } = createTestService(one, world);
    await service.start();
    emit('source', 5);
    const ledger = await service.stop();
    expect(ledger.rows.find(({ book }) => book === 'pipeline')).toMatchObject({ total: 5, difference: -2 });
  });
});

describe('a stage that throws', () => {
  const throwing =
    (bad: (batch: Batch) => boolean) =>
    (source$: Observable<Batch>): Observable<Batch> =>
      source$.pipe(
        map((batch) => {
          if (bad(batch)) throw new Error('cannot take this one');
          return batch;
        }),
      );

  it('refuses that batch alone, for its pipeline alone', async () => {
    const world = createWorld();
    world.processors.set(
      'stage',
      throwing((batch) => rowsOf(batch) === 2),
    );
    const { service, emit, pipelineBooks, rowsAt, valueOf, logger } = createTestService(two, world);
    await service.start();
    for (const rows of [1, 2, 2, 3]) emit('source', rows);
    expect(rowsAt('sink')).toEqual([1, 3]);
    expect(rowsAt('sink/b')).toEqual([1, 1, 2, 2, 3, 3]);
    expect(pipelineBooks('logs')).toEqual({ read: 8, filtered: 0, refused: 4, accepted: 4 });
    expect(pipelineBooks('logs/half')).toEqual({ read: 8, filtered: 0, refused: 0, accepted: 8 });
    expect(valueOf('otelcol_receiver_refused_log_records', { receiver: 'source' })).toBe(4);
    expect(valueOf('otelcol_receiver_accepted_log_records', { receiver: 'source' })).toBe(4);
    const told = logger.lines.filter(({ message }) => message === 'a stage refused a batch');
    expect(told).toEqual([
      {
        level: 'error',
        message: 'a stage refused a batch',
        fields: { pipeline: 'logs', component: 'stage', rows: 2, error: 'cannot take this one' },
      },
    ]);
    expect((await service.stop()).balanced).toBe(true);
  });

  it('refuses the rows that came to it; what was filtered before stays filtered', async () => {
    const world = createWorld();
    world.processors.set(
      'stage/2',
      throwing(() => true),
    );
    const { service, emit, pipelineBooks } = createTestService(
      `receivers: {source: }
processors: {stage/1: {keep: 4}, stage/2: }
exporters: {sink: }
service: {pipelines: {logs: {receivers: [source], processors: [stage/1, stage/2], exporters: [sink]}}}`,
      world,
    );
    await service.start();
    emit('source', 10);
    expect(pipelineBooks('logs')).toEqual({ read: 10, filtered: 6, refused: 4, accepted: 0 });
    await service.stop();
  });

  it('is an exporter too; the others still get the batch', async () => {
    const world = createWorld();
    world.hooks.set('logs sink', () => {
      throw new Error('cannot encode');
    });
    const { service, emit, pipelineBooks, rowsAt } = createTestService(two, world);
    await service.start();
    emit('source', 3);
    expect(rowsAt('sink/b')).toEqual([3, 3]);
    expect(pipelineBooks('logs')).toEqual({ read: 3, filtered: 0, refused: 3, accepted: 0 });
    expect(pipelineBooks('logs/half')).toEqual({ read: 3, filtered: 0, refused: 0, accepted: 3 });
    await service.stop();
  });

  it('may be one that cannot be connected again: every batch is refused, none hangs', async () => {
    const world = createWorld();
    let connections = 0;
    world.processors.set('stage', (source$) => {
      if (++connections > 1) throw new Error('gone for good');
      return throwing(() => true)(source$);
    });
    const { service, emit, pipelineBooks } = createTestService(one, world);
    await service.start();
    for (const rows of [1, 2, 3]) emit('source', rows);
    expect(pipelineBooks('logs')).toEqual({ read: 6, filtered: 0, refused: 6, accepted: 0 });
    expect(connections).toBe(3);
    await service.stop();
  });

  it('after it passed the batch on does not take it back', async () => {
    const world = createWorld();
    world.processors.set(
      'stage',
      (source$) =>
        new Observable((subscriber) =>
          source$.subscribe({
            next(batch) {
              subscriber.next(firstRows(batch, 2));
              subscriber.error(new Error('too late'));
            },
          }),
        ),
    );
    const { service, emit, pipelineBooks } = createTestService(one, world);
    await service.start();
    emit('source', 5);
    emit('source', 5);
    expect(pipelineBooks('logs')).toEqual({ read: 10, filtered: 6, refused: 0, accepted: 4 });
    await service.stop();
  });

  it('at the start keeps the service from starting', async () => {
    const world = createWorld();
    world.processors.set('stage', () => {
      throw new Error('no source wanted');
    });
    const { service } = createTestService(one, world);
    await expect(service.start()).rejects.toThrow('cannot connect the pipeline logs');
    expect(world.events).toContain('stop sink');
  });
});

describe('contracts that a component breaks', () => {
  it('a batch that comes after its time is left out and told', async () => {
    const world = createWorld();
    let keep: (() => void) | undefined;
    world.processors.set(
      'stage',
      (source$) => new Observable((subscriber) => source$.subscribe((batch) => (keep = () => subscriber.next(batch)))),
    );
    const { service, emit, pipelineBooks, rowsAt, logger } = createTestService(one, world);
    await service.start();
    emit('source', 5);
    keep!();
    expect(rowsAt('sink')).toEqual([]);
    expect(pipelineBooks('logs')).toEqual({ read: 5, filtered: 5, refused: 0, accepted: 0 });
    expect(logger.lines.map(({ message }) => message)).toContain('a processor emitted a batch after its time; it is left out');
    await service.stop();
  });

  it('a receiver that fails is told, the others go on', async () => {
    const { service, world, emit, rowsAt, logger } = createTestService(two);
    await service.start();
    world.sources.get('source')!.error(new Error('torn'));
    emit('source/b', 2);
    expect(rowsAt('sink/b')).toEqual([2]);
    expect(logger.lines).toContainEqual({
      level: 'error',
      message: 'a receiver failed and sends nothing more',
      fields: { component: 'source', error: 'torn' },
    });
    await service.stop();
  });

  it('a receiver that emits within the next of another keeps the books right', async () => {
    const world = createWorld();
    let nested = false;
    world.processors.set('stage', (source$) =>
      source$.pipe(
        tap(() => {
          if (nested) return;
          nested = true;
          world.sources.get('source')!.next(batchOf(2));
        }),
      ),
    );
    const { service, emit, pipelineBooks } = createTestService(one, world);
    await service.start();
    emit('source', 5);
    expect(pipelineBooks('logs')).toEqual({ read: 7, filtered: 0, refused: 0, accepted: 7 });
    await service.stop();
  });
});
