/** Pipelines of metrics go the same way as those of logs, and share receivers and exporters with them. */
import { describe, expect, it } from 'vitest';
import { Refusal } from '../../src/core/errors.ts';
import { pointsOf } from '../../src/core/metric-batch.ts';
import { configOf, createTestService, createWorld } from './fakes.ts';

const both = `
receivers: {source: }
processors: {stage/all: , stage: {keep: 5}}
exporters: {sink: , sink/b: }
service:
  pipelines:
    logs: {receivers: [source], processors: [stage/all], exporters: [sink]}
    metrics: {receivers: [source], processors: [stage], exporters: [sink, sink/b]}
`;

const pointsAt = (world: ReturnType<typeof createWorld>, id: string) => (world.receivedMetrics.get(id) ?? []).map(pointsOf);

describe('a pipeline of metrics', () => {
  it('is counted in points, beside the records of the same receiver and exporter', async () => {
    const { service, world, emit, emitMetrics, pipelineBooks, rowsAt, valueOf } = createTestService(both);
    await service.start();
    emit('source', 3);
    emitMetrics('source', 8);
    emitMetrics('source', 2);
    expect(rowsAt('sink')).toEqual([3]);
    expect(pointsAt(world, 'sink')).toEqual([5, 2]);
    expect(pointsAt(world, 'sink/b')).toEqual([5, 2]);
    expect(pipelineBooks('logs')).toEqual({ read: 3, filtered: 0, refused: 0, accepted: 3 });
    expect(pipelineBooks('metrics')).toEqual({ read: 10, filtered: 3, refused: 0, accepted: 7 });
    expect(valueOf('otelcol_receiver_accepted_log_records', { receiver: 'source' })).toBe(3);
    expect(valueOf('otelcol_receiver_accepted_metric_points', { receiver: 'source' })).toBe(10);
    expect(valueOf('otelcol_processor_incoming_items', { processor: 'stage', pipeline: 'metrics' })).toBe(10);
    expect(valueOf('otelcol_processor_outgoing_items', { processor: 'stage', pipeline: 'metrics' })).toBe(7);
    expect(service.view.pipelines()).toEqual([
      { id: 'logs', receivers: ['source'], processors: ['stage/all'], exporters: ['sink'] },
      { id: 'metrics', receivers: ['source'], processors: ['stage'], exporters: ['sink', 'sink/b'] },
    ]);
    const { balanced, rows } = await service.stop();
    expect(balanced).toBe(true);
    expect(rows.filter(({ book }) => book === 'exporter').map(({ name, total }) => [name, total])).toEqual([
      ['sink', 10],
      ['sink/b', 7],
    ]);
  });

  it('refuses what an exporter throws at, for itself alone', async () => {
    const world = createWorld();
    world.hooks.set('metrics sink', () => {
      throw new Refusal('no');
    });
    const { service, emit, emitMetrics, pipelineBooks, valueOf } = createTestService(both, world);
    await service.start();
    emitMetrics('source', 4);
    emit('source', 1);
    expect(pipelineBooks('metrics')).toEqual({ read: 4, filtered: 0, refused: 4, accepted: 0 });
    expect(pipelineBooks('logs')).toEqual({ read: 1, filtered: 0, refused: 0, accepted: 1 });
    expect(valueOf('otelcol_receiver_refused_metric_points', { receiver: 'source' })).toBe(4);
    expect(valueOf('otelcol_receiver_accepted_log_records', { receiver: 'source' })).toBe(1);
    expect((await service.stop()).balanced).toBe(true);
  });

  it('comes and goes by a reload, without a batch lost or sent twice', async () => {
    const world = createWorld();
    const { service, emitMetrics, pipelineBooks } = createTestService(both, world);
    await service.start();
    emitMetrics('source', 1);
    const change = (text: string) => service.reload(async () => ({ config: configOf(world, text), resource: [] }));
    expect((await change(both.replace('keep: 5', 'keep: 4'))).result).toBe('applied');
    emitMetrics('source', 6);
    expect(pointsAt(world, 'sink')).toEqual([1, 4]);
    const logsOnly = both
      .replace(/ {4}metrics:.*\n/, '')
      .replace('sink/b: ', '')
      .replace('stage: {keep: 5}', '');
    expect((await change(logsOnly)).result).toBe('applied');
    expect(world.metricSources.get('source')!.observed).toBe(false);
    emitMetrics('source', 9);
    expect((await change(both)).result).toBe('applied');
    emitMetrics('source', 2);
    expect(pointsAt(world, 'sink')).toEqual([1, 4, 2]);
    expect(pipelineBooks('metrics')).toEqual({ read: 9, filtered: 2, refused: 0, accepted: 7 });
    expect((await service.stop()).balanced).toBe(true);
  });
});
