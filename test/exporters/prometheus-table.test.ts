/** What becomes of points: which lines there are, since when and until when. */
import { describe, expect, it } from 'vitest';
import type { BatchResource } from '../../src/core/batch.ts';
import { batch, BASE_S, counter, gauge, histogram, histogramPoint, level, point, tableOf } from './prometheus-support.ts';

const container = (id: string, more: BatchResource['attributes'] = []): BatchResource => ({
  attributes: [['service.name', 'web'], ['container.id', id], ...more],
}); // prettier-ignore

describe('labels', () => {
  it('are those of the point, of the scope, job and instance, and the constant ones', () => {
    const { table, lines } = tableOf({ without_scope_info: false, const_labels: { 'data center': 'a' } }, [
      ['service.name', 'ringtail'],
      ['service.namespace', 'edge'],
      ['service.instance.id', 'one'],
      ['host.name', 'h'],
    ]);
    table.take(batch([counter('io', [point(5n, { attributes: [['network.transport', 'tcp']] })], { unit: 'By' })]), 0);
    expect(lines()).toEqual([
      'io_bytes_total{data_center="a",instance="one",job="edge/ringtail",network_transport="tcp",otel_scope_name="ringtail/sockets",otel_scope_schema_url="",otel_scope_version="1.2.3"} 5',
      'target_info{host_name="h",instance="one",job="edge/ringtail"} 1',
    ]);
  });

  it('have no instance and no target_info without an id of the service: a host is none', () => {
    const { table, lines } = tableOf({}, [['service.name', 'ringtail'], ['host.name', 'h']]); // prettier-ignore
    table.take(batch([counter('io', [point(5n)])]), 0);
    expect(lines()).toEqual(['io_total{job="ringtail"} 5']);
  });

  it.each([
    ['text with "quotes", a \\ and\na line', String.raw`text with \"quotes\", a \\ and\na line`],
    ['\ud800 half', '\ufffd half'],
    [true, 'true'],
    [12n, '12'],
    [0.5, '0.5'],
    [['a', '<b>\u2028'], String.raw`[\"a\",\"<b>\\u2028\"]`],
    ['', ''],
  ] as const)('of the value %s are harmless', (value, wanted) => {
    const { table, lines } = tableOf();
    table.take(batch([gauge('g', [point(1, { attributes: [['a', value]] })])]), 0);
    expect(lines()).toEqual([`g{a="${wanted}"} 1`]);
  });

  it('of one name are joined, in the order of their attributes', () => {
    const { table, lines } = tableOf({ const_labels: { job: 'c' } }, [['service.name', 'ringtail']]);
    const attributes = [['b.a', 'x'], ['b_a', 'z'], ['b-a', 'y"'], ['job', 'own']] as const; // prettier-ignore
    table.take(batch([gauge('g', [point(1, { attributes })])]), 0);
    expect(lines()).toEqual([String.raw`g{b_a="y\";x;z",job="ringtail;own;c"} 1`]);
  });

  it('that the format keeps for itself get another name', () => {
    const { table, lines } = tableOf();
    const attributes = [['le', 'mine'], ['__name__', 'evil']] as const; // prettier-ignore
    table.take(batch([histogram('h', [histogramPoint([1], [1n, 0n], 0.5, { attributes })]), gauge('g', [point(1, { attributes })])]), 0);
    expect(lines()).toContain('h_count{exported__name__="evil",exported_le="mine"} 1');
    expect(lines()).toContain('g{exported__name__="evil",le="mine"} 1');
  });

  it.each([
    [{}, 'job="web"'],
    [{ resource_to_telemetry_conversion: { enabled: true } }, 'container_id="c1",job="web",service_name="web"'],
    [{ resource_to_telemetry_conversion: { enabled: true, exclude_service_attributes: true } }, 'container_id="c1",job="web"'],
    [{ resource_constant_labels: { included: ['container.*'] } }, 'container_id="c1",job="web"'],
    [{ resource_constant_labels: { included: ['*'], excluded: ['container.i?'] } }, 'job="web",service_name="web"'],
    [{ resource_constant_labels: { excluded: ['service.*'] } }, 'container_id="c1",job="web"'],
  ])('of the resource of a point: %j', (options, wanted) => {
    const { table, lines } = tableOf(options, [['service.name', 'ringtail']]);
    table.take(batch([counter('io', [point(1n, { resource: container('c1') })])]), 0);
    expect(lines()).toEqual([`io_total{${wanted}} 1`]);
  });

  it('of the resource go before those of the point', () => {
    const { table, lines } = tableOf({ resource_constant_labels: { included: ['container.id'] } });
    const attributes = [['container.id', 'of the point']] as const;
    table.take(batch([counter('io', [point(1n, { attributes, resource: { attributes: [['container.id', 'c1']] } })])]), 0);
    expect(lines()).toEqual(['io_total{container_id="c1"} 1']);
  });

  it('each resource is a target of its own', () => {
    const { table, lines } = tableOf({}, [['service.name', 'ringtail'], ['service.instance.id', 'h']]); // prettier-ignore
    const [one, two] = [container('c1', [['service.instance.id', '1']]), container('c2', [['service.instance.id', '2']])];
    table.take(batch([counter('io', [point(1n, { resource: one }), point(2n, { resource: two }), point(3n)])]), 0);
    expect(lines()).toEqual([
      'io_total{instance="1",job="web"} 1',
      'io_total{instance="2",job="web"} 2',
      'io_total{instance="h",job="ringtail"} 3',
      'target_info{container_id="c1",instance="1",job="web"} 1',
      'target_info{container_id="c2",instance="2",job="web"} 1',
      'target_info{instance="h",job="ringtail"} 1',
    ]);
  });

  it('are found again when lists of attributes are the same, or only equal, and resources change', () => {
    const { table, lines } = tableOf();
    const attributes = [['a', 'b']] as const;
    for (const [value, list, resource] of [
      [1n, attributes, container('1')],
      [2n, attributes, container('1')],
      [3n, [...attributes], container('2')],
    ] as const)
      expect(table.take(batch([counter('io', [point(value, { attributes: list, resource })])]), 0).taken).toBe(1);
    expect(lines()).toEqual(['io_total{a="b",job="web"} 3']);
    expect(table.size()).toBe(1);
  });
});

describe('a series that is found to be of a container', () => {
  const attributes = [['ringtail.cgroup.id', 7n]] as const;
  const host = { attributes: [] };

  it.each([
    ['cumulative', 3n, 5n, 5],
    ['delta', 3n, 5n, 8],
  ] as const)('goes on under its new labels alone: %s', (temporality, first, second, wanted) => {
    const { table, lines } = tableOf();
    const take = (value: bigint, resource: BatchResource, start: number) => {
      const told = [point(value, { attributes, resource, start, at: start + 10 })];
      return table.take(batch([counter('io', told, temporality === 'delta' ? { temporality } : {})]), 0).taken;
    };
    take(first, host, 0);
    expect(take(second, container('c1'), 10)).toBe(1);
    expect(lines()).toEqual([`io_total{job="web",ringtail_cgroup_id="7"} ${wanted}`]);
    expect(table.size()).toBe(1);
    take(0n, container('c1'), 20);
    expect(table.size()).toBe(1);
  });

  it('finds room where it left some', () => {
    const { table, lines } = tableOf({ max_series: 1 });
    table.take(batch([counter('io', [point(1n, { attributes, resource: host })])]), 0);
    expect(table.take(batch([counter('io', [point(2n, { attributes, resource: container('c1'), at: 20 })])]), 0)).toMatchObject({
      taken: 1,
    });
    expect(lines()).toEqual(['io_total{job="web",ringtail_cgroup_id="7"} 2']);
  });

  it('is two when two pipelines tell it, one with the container and one without', () => {
    const { table, lines } = tableOf();
    for (const at of [10, 20, 30]) {
      for (const resource of [host, container('c1')])
        table.take(batch([counter('io', [point(5n, { attributes, resource, start: at - 10, at })], { temporality: 'delta' })]), 0);
    }
    expect(lines()).toEqual(['io_total{ringtail_cgroup_id="7"} 15', 'io_total{job="web",ringtail_cgroup_id="7"} 15']);
  });
});

describe('deltas', () => {
  const deltas = (...points: readonly (readonly [value: bigint, start: number, at: number])[]) => {
    const { table, page } = tableOf({ enable_open_metrics: true });
    const taken = points.map(
      ([value, start, at]) => table.take(batch([counter('io', [point(value, { start, at })], { temporality: 'delta' })]), 0).taken,
    );
    return { taken, lines: page(0, 'openmetrics').split('\n').filter((line) => line.startsWith('io')) }; // prettier-ignore
  };

  it('are added up since the first, also over gaps', () => {
    const { taken, lines } = deltas([5n, 1, 10], [6n, 10, 20], [7n, 30, 40]);
    expect(taken).toEqual([1, 1, 1]);
    expect(lines).toEqual(['io_total 18', `io_created ${BASE_S + 1n}`]);
  });

  it('that were told already are refused', () => {
    const { taken, lines } = deltas([5n, 1, 10], [5n, 1, 10], [6n, 5, 15], [7n, 10, 20]);
    expect(taken).toEqual([1, 0, 0, 1]);
    expect(lines[0]).toBe('io_total 12');
  });

  it('go on when the clock is set back', () => {
    expect(deltas([5n, 1, 100], [6n, 100, 50], [7n, 50, 60]).lines[0]).toBe('io_total 18');
  });

  it('of histograms are added up by bucket, and begin anew with other bounds', () => {
    const { table, lines } = tableOf();
    const take = (bounds: readonly number[], buckets: readonly bigint[], start: number) => {
      const told = histogramPoint(bounds, buckets, 1.5, { start, at: start + 10 });
      table.take(batch([histogram('h', [told], { temporality: 'delta' })]), 0);
    };
    take([1, 2], [1n, 2n, 3n], 0);
    take([1, 2], [1n, 0n, 1n], 10);
    expect(lines()).toEqual(['h_bucket{le="1"} 2', 'h_bucket{le="2"} 4', 'h_bucket{le="+Inf"} 8', 'h_sum 3', 'h_count 8']);
    take([5], [1n, 0n], 20);
    expect(lines()).toEqual(['h_bucket{le="5"} 1', 'h_bucket{le="+Inf"} 1', 'h_sum 1.5', 'h_count 1']);
  });

  it('of what goes up and down are refused', () => {
    const { table, lines } = tableOf();
    const { taken, conflicts } = table.take(batch([level('open', [point(1n), point(2n)], { temporality: 'delta' })]), 0);
    expect([taken, conflicts]).toEqual([0, [{ metric: 'open', points: 2, reason: 'what goes up and down cannot be a delta' }]]);
    expect(lines()).toEqual([]);
  });
});

describe('the end of a series', () => {
  const a = [['s', 'a']] as const;
  const b = [['s', 'b']] as const;

  it('of a counter comes when it has not been told for the time', () => {
    const { table, lines } = tableOf({ metric_expiration: '5m' });
    table.take(batch([counter('io', [point(1n, { attributes: a }), point(2n, { attributes: b })])]), 0);
    table.take(batch([counter('io', [point(1n, { attributes: a, at: 20 })])]), 60_000);
    expect(lines(300_000)).toEqual(['io_total{s="a"} 1', 'io_total{s="b"} 2']);
    expect(lines(300_001)).toEqual(['io_total{s="a"} 1']);
    table.sweep(300_001);
    expect(table.size()).toBe(1);
    table.sweep(360_001);
    expect(table.size()).toBe(0);
    expect(lines(360_001)).toEqual([]);
    table.take(batch([counter('io', [point(7n, { attributes: a, at: 99 })])]), 400_000);
    expect(lines(400_000)).toEqual(['io_total{s="a"} 7']);
  });

  it('of what goes up and down comes as soon as the others are told without it', () => {
    const { table, lines } = tableOf();
    const take = (at: number, ...attributes: readonly (readonly (readonly ['s', string])[])[]) =>
      table.take(batch([level('open', attributes.map((own) => point(1n, { attributes: own, at }))), counter('io', [point(1n, { at })])]), 0); // prettier-ignore
    take(10, a, b);
    take(20, b);
    expect(lines()).toEqual(['io_total 1', 'open{s="b"} 1']);
    take(30);
    expect(lines()).toEqual(['io_total 1']);
    take(40, a);
    expect(lines()).toEqual(['io_total 1', 'open{s="a"} 1']);
  });

  it('does not come because the metric is missing among the others for one collection of another receiver', () => {
    const { table, lines } = tableOf();
    table.take(batch([level('open', [point(1n, { attributes: a })])], { receiver: 'sockets' }), 0);
    table.take(batch([level('alive', [point(1n, { at: 11 })])], { receiver: 'process' }), 0);
    expect(lines()).toEqual(['alive 1', 'open{s="a"} 1']);
  });

  it('comes with the whole metric when the rest of the batch is there', () => {
    const { table, lines } = tableOf();
    table.take(batch([level('open', [point(1n)]), counter('io', [point(1n)])]), 0);
    table.take(batch([counter('io', [point(2n, { at: 20 })])]), 0);
    expect(lines()).toEqual(['io_total 2']);
  });

  it('does not come when two pipelines each bring a part of a collection', () => {
    const { table, lines } = tableOf();
    for (const at of [10, 20]) {
      table.take(batch([level('open', [point(1n, { attributes: a, at })])]), 0);
      table.take(batch([level('open', [point(2n, { attributes: b, at })])]), 0);
    }
    expect(lines()).toEqual(['open{s="a"} 1', 'open{s="b"} 2']);
  });
});

describe('what cannot be shown', () => {
  it('newcomers when there are as many series as there may be, until some have expired', () => {
    const { table, lines } = tableOf({ max_series: 2, metric_expiration: '1m' });
    const points = (from: number) => [0, 1, 2].map((n) => point(1n, { attributes: [['n', String(from + n)]] }));
    expect(table.take(batch([counter('io', points(0))]), 0)).toMatchObject({ taken: 2, overLimit: 1 });
    expect(table.take(batch([counter('io', points(0))]), 30_000)).toMatchObject({ taken: 2, overLimit: 1 });
    expect(lines(30_000)).toEqual(['io_total{n="0"} 1', 'io_total{n="1"} 1']);
    expect(table.take(batch([counter('io', points(10))]), 90_001)).toMatchObject({ taken: 2, overLimit: 1 });
    expect(lines(90_001)).toEqual(['io_total{n="10"} 1', 'io_total{n="11"} 1']);
    expect(table.size()).toBe(2);
  });

  it.each([
    ['two series of the same labels', [gauge('g', [point(1), point(2)])], 'another series has the same labels', ['g 1']],
    ['a family of another type', [gauge('a.b', [point(1)]), histogram('a_b', [histogramPoint([], [1n], 1)])], 'a_b is a gauge already', ['a_b 1']],
    ['a line of a histogram', [histogram('h', [histogramPoint([], [1n], 1)]), gauge('h.sum', [point(1)])], 'h_sum is a line of a histogram', ['h_bucket{le="+Inf"} 1', 'h_sum 1', 'h_count 1']],
    ['a histogram with such a line', [gauge('h.sum', [point(1)]), histogram('h', [histogramPoint([], [1n], 1)])], 'h_sum is a metric already', ['h_sum 1']],
    ['a metric without a name', [gauge('...', [point(1)])], 'nothing is left of its name', []],
    ['an attribute without a name', [gauge('g', [point(1, { attributes: [['', 'x']] })])], 'nothing is left of the name of an attribute', []],
    ['the name of the resources', [gauge('target_info', [point(1)])], 'target_info tells of resources', []],
  ])('%s', (_, metrics, reason, wanted) => {
    const { table, lines } = tableOf();
    const { conflicts } = table.take(batch(metrics), 0);
    expect(conflicts).toEqual([expect.objectContaining({ points: 1, reason })]);
    expect(lines()).toEqual(wanted);
  }); // prettier-ignore
});

it('what one table has another takes over, with its own names and its own host', () => {
  const before = tableOf({}, [['service.name', 'old']]);
  before.table.take(batch([counter('io', [point(5n)], { temporality: 'delta' }), level('open', [point(3n)])]), 0);
  const after = tableOf({ namespace: 'edge' }, [['service.name', 'new']]);
  after.table.adopt(before.table);
  expect([before.lines(), before.table.size()]).toEqual([[], 0]);
  expect(after.lines()).toEqual(['edge_io_total{job="new"} 5', 'edge_open{job="new"} 3']);
  const more = counter('io', [point(6n, { start: 10, at: 20 })], { temporality: 'delta' });
  after.table.take(batch([more, level('open', [point(2n, { at: 20 })])]), 0);
  expect(after.lines()).toEqual(['edge_io_total{job="new"} 11', 'edge_open{job="new"} 2']);
});
