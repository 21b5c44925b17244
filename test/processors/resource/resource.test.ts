import { of } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { Batch, BatchResource } from '../../../src/core/batch.ts';
import type { Metric, MetricBatch } from '../../../src/core/metric-batch.ts';
import { createKernelFrameBuilder } from '../../../src/kernel/frame-builder.ts';
import { resourceConfig } from '../../../src/processors/resource/config.ts';
import { resourceProcessor } from '../../../src/processors/resource/index.ts';
import { batchesOf, createLookups, runThrough, settingsOf } from '../harness.ts';

const processorOf = (attributes: readonly object[]) =>
  resourceProcessor.create(
    { ...settingsOf(createLookups(), 'resource'), resource: [['service.name', 'ringtail'], ['host.id', 'f00d']] } as never,
    resourceConfig.parse({ attributes }) as never,
  ); // prettier-ignore

const batchWith = (resource: BatchResource | undefined): Batch => {
  const builder = createKernelFrameBuilder({ wallOffsetNs: 0n });
  builder.addRow(1, { bootNs: 1n, actor: builder.addActor({ pid: 1 }) });
  return { ...batchesOf(builder.build())[0]!, resource };
};

describe('resource processor', () => {
  it('does its actions in order on the resource of the host and on those that batches bring', () => {
    const processor = processorOf([
      { key: 'service.name', value: 'audit', action: 'upsert' },
      { key: 'copy', from_attribute: 'service.name', action: 'insert' },
      { key: 'host.id', action: 'delete' },
      { key: 'container.id', pattern: '^(?P<short>.{4})', action: 'extract' },
    ]);
    const own: BatchResource = { attributes: [['container.id', 'abcdef']] };
    const [host, container] = runThrough(processor, [batchWith(undefined), batchWith(own)]);
    expect(host!.resource!.attributes).toEqual([
      ['service.name', 'audit'],
      ['copy', 'audit'],
    ]);
    expect(Object.fromEntries(container!.resource!.attributes)).toEqual({
      'container.id': 'abcdef',
      'service.name': 'audit',
      copy: 'audit',
      short: 'abcd',
    });
  });

  it('changes the resource of metrics too', () => {
    const processor = processorOf([{ key: 'service.name', value: 'audit', action: 'upsert' }]);
    const batch = { receiver: 'syscalls', resource: undefined, metrics: [] };
    const out: MetricBatch[] = [];
    processor.metrics!(of(batch, batch)).subscribe((changed) => void out.push(changed));
    expect(out[0]).toEqual({ ...batch, resource: { attributes: [['service.name', 'audit'], ['host.id', 'f00d']] } }); // prettier-ignore
    expect(out[1]!.resource).toBe(out[0]!.resource);
  });

  it('changes what single rows belong to, and leaves the others to the batch', () => {
    const processor = processorOf([{ key: 'service.name', value: 'audit', action: 'upsert' }]);
    const own: BatchResource = { attributes: [['container.id', 'abcdef']] };
    const list: (BatchResource | undefined)[] = [undefined, own];
    const first = { ...batchWith(undefined), rowResources: { ids: Uint32Array.of(1), list } };
    const [one, two] = runThrough(processor, [first, first]);
    expect(one!.rowResources).toEqual({
      ids: first.rowResources.ids,
      list: [undefined, { attributes: [['container.id', 'abcdef'], ['service.name', 'audit']] }],
    }); // prettier-ignore
    expect(two!.rowResources!.list).toBe(one!.rowResources!.list);
    list.push({ attributes: [] });
    const [longer] = runThrough(processor, [first]);
    expect(longer!.rowResources!.list[1]).toBe(one!.rowResources!.list[1]);
    expect(longer!.rowResources!.list[2]).toEqual({ attributes: [['service.name', 'audit']] });
    expect(batchWith(own).rowResources).toBeUndefined();
  });

  it('changes what single points belong to', () => {
    const processor = processorOf([{ key: 'service.name', value: 'audit', action: 'upsert' }]);
    const own: BatchResource = { attributes: [] };
    const point = { attributes: [], startUnixNs: 1n, timeUnixNs: 2n };
    const words = { name: 'a', description: '', unit: '' };
    const metrics: readonly Metric[] = [
      { ...words, type: 'gauge', points: [{ ...point, value: 1 }, { ...point, value: 2, resource: own }] },
      { ...words, type: 'histogram', temporality: 'delta', points: [{ ...point, count: 1n, sum: 1, bounds: [], buckets: [1n], resource: own }] },
    ]; // prettier-ignore
    const out: MetricBatch[] = [];
    processor.metrics!(of({ receiver: 'syscalls', resource: undefined, metrics })).subscribe((changed) => void out.push(changed));
    const resource = { attributes: [['service.name', 'audit']] };
    expect(out[0]!.metrics).toEqual([
      { ...metrics[0], points: [metrics[0]!.points[0], { ...metrics[0]!.points[1], resource }] },
      { ...metrics[1], points: [{ ...metrics[1]!.points[0], resource }] },
    ]);
    expect(out[0]!.metrics[1]!.points[0]!.resource).toBe(out[0]!.metrics[0]!.points[1]!.resource);
  });

  it('gives one object for one resource, so that exporters write it once', () => {
    const processor = processorOf([{ key: 'a', value: 1, action: 'insert' }]);
    const own: BatchResource = { attributes: [] };
    const out = runThrough(processor, [batchWith(undefined), batchWith(own), batchWith(undefined), batchWith(own)]);
    expect(out[2]!.resource).toBe(out[0]!.resource);
    expect(out[3]!.resource).toBe(out[1]!.resource);
    expect(out[1]!.resource).not.toBe(out[0]!.resource);
  });
});
