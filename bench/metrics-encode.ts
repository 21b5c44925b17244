/**
 * CPU of encoding a collection of metrics: 10,000 points of five metrics, of one resource and of 300, as ratios to the serializer of
 * @opentelemetry/otlp-transformer on the same points, in interleaved rounds of one run. `again`: series whose attributes are known, which is what
 * each collection but the first one is. `node bench/metrics-encode.ts [rounds]`
 */
import { ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer';
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics';
import type { Attribute, BatchResource } from '../src/core/batch.ts';
import type { Metric, MetricBatch, MetricHistogramPoint, MetricPoint } from '../src/core/metric-batch.ts';
import { createMetricsWriter } from '../src/otlp/metrics-writer.ts';
import { cpuNs, quartiles, ratios, show } from './measure.ts';

const rounds = Number(process.argv[2] ?? 30);
const WARM_UP_ROUNDS = 10;
/** Collections of a round, so that the collector's part is in each. */
const REPEATS = 8;
const SERIES = 2_000;
const CONTAINERS = 300;
const BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 300, 3600];
const START_NS = 1_790_000_000_000_000_000n;
const TIME_NS = 1_790_000_060_000_000_000n;

const host: readonly (readonly [string, string])[] = [
  ['service.name', 'ringtail'],
  ['host.name', 'bench'],
];
const containers: readonly BatchResource[] = Array.from({ length: CONTAINERS }, (_, index) => ({
  attributes: [
    ...host,
    ['container.id', index.toString(16).padStart(64, '0')],
    ['container.runtime.name', 'containerd'],
    ['container.name', `container-${index}`],
    ['container.image.name', 'registry.example/team/service'],
    ['k8s.pod.uid', `4b1a0c2e-0000-4000-8000-${index.toString(16).padStart(12, '0')}`],
    ['k8s.namespace.name', `namespace-${index % 20}`],
    ['k8s.pod.name', `pod-${index}`],
  ],
}));

const attributesOf = (index: number): readonly Attribute[] => [
  ['network.transport', index % 3 === 0 ? 'udp' : 'tcp'],
  ['network.type', index % 2 === 0 ? 'ipv4' : 'ipv6'],
  ['ringtail.session.role', index % 5 === 0 ? 'server' : 'client'],
  ['ringtail.cgroup.id', 4_294_967_296 + index],
  ['ringtail.netns.cookie', index % 50],
];
/** Series of each metric have lists of their own. */
let lists: (readonly Attribute[])[] = [];

const pointOf = (index: number, resource: BatchResource | undefined) => ({
  attributes: lists[index]!,
  resource,
  startUnixNs: START_NS,
  timeUnixNs: TIME_NS,
});
const numberPoint = (index: number, resource: BatchResource | undefined): MetricPoint => ({
  ...pointOf(index, resource),
  value: BigInt(index * 1000),
});
const histogramPoint = (index: number, resource: BatchResource | undefined): MetricHistogramPoint => ({
  ...pointOf(index, resource),
  count: BigInt(index),
  sum: index / 7,
  bounds: BOUNDS,
  buckets: Array.from({ length: BOUNDS.length + 1 }, (_, bucket) => BigInt(bucket + index)),
});

const collectionOf = (resourceOf: (index: number) => BatchResource | undefined): MetricBatch => {
  const points = <T>(make: (index: number, resource: BatchResource | undefined) => T): readonly T[] => {
    lists = Array.from({ length: SERIES }, (_, index) => attributesOf(index));
    return lists.map((_, index) => make(index, resourceOf(index)));
  };
  const sum = { type: 'sum', monotonic: true, temporality: 'cumulative' } as const;
  const metrics: readonly Metric[] = [
    { name: 'ringtail.session.opened', description: 'Sessions that opened.', unit: '{session}', ...sum, points: points(numberPoint) },
    { name: 'ringtail.session.failed', description: 'Sessions that failed.', unit: '{session}', ...sum, points: points(numberPoint) },
    { name: 'ringtail.session.count', description: 'Open sessions.', unit: '{session}', ...sum, monotonic: false, points: points(numberPoint) },
    { name: 'ringtail.network.io', description: 'Payload bytes.', unit: 'By', ...sum, points: points(numberPoint) },
    { name: 'ringtail.session.duration', description: 'How long.', unit: 's', type: 'histogram', temporality: 'cumulative', points: points(histogramPoint) },
  ]; // prettier-ignore
  return { receiver: 'sockets', resource: undefined, metrics };
};

const readable = ({ metrics }: MetricBatch): ResourceMetrics => {
  const time = (ns: bigint): [number, number] => [Number(ns / 1_000_000_000n), Number(ns % 1_000_000_000n)];
  const resource = { attributes: Object.fromEntries(host), merge: () => resource, getRawAttributes: () => [] };
  return {
    resource,
    scopeMetrics: [
      {
        scope: { name: 'ringtail/sockets', version: '0.0.0' },
        metrics: metrics.map((metric) => ({
          descriptor: { name: metric.name, description: metric.description, unit: metric.unit, valueType: 0, advice: {} },
          aggregationTemporality: 1,
          isMonotonic: metric.type === 'sum' && metric.monotonic,
          dataPointType: metric.type === 'histogram' ? 0 : 3,
          dataPoints: metric.points.map((point) => ({
            startTime: time(point.startUnixNs),
            endTime: time(point.timeUnixNs),
            attributes: Object.fromEntries(point.attributes),
            value:
              'value' in point
                ? Number(point.value)
                : {
                    buckets: { boundaries: [...point.bounds], counts: point.buckets.map(Number) },
                    count: Number(point.count),
                    sum: point.sum,
                  },
          })),
        })),
      },
    ],
  } as unknown as ResourceMetrics;
};

const newWriter = () => createMetricsWriter({ resource: host, version: '0.0.0' });
const writer = newWriter();
const ofHost = collectionOf(() => undefined);
const ofContainers = collectionOf((index) => containers[index % CONTAINERS]);
const peer = readable(ofHost);
/** Writers that have seen nothing are made before the clock runs. */
let fresh: ReturnType<typeof newWriter>[] = [];
const subjects: Readonly<Record<string, () => void>> = {
  'otlp-transformer, one resource': () => void ProtobufMetricsSerializer.serializeRequest(peer),
  'the writer, one resource, again': () => void writer.write(ofHost),
  'the same again': () => void writer.write(ofHost),
  'the writer, 300 resources, again': () => void writer.write(ofContainers),
  'the writer, 300 resources, first time': () => void fresh.pop()!.write(ofContainers),
};

const runs = Object.entries(subjects).map(([name, run]) => ({ name, run, nsOf: [] as number[] }));
for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
  for (const { run, nsOf } of runs) {
    fresh = Array.from({ length: REPEATS }, newWriter);
    const ns = await cpuNs(() => {
      for (let i = 0; i < REPEATS; i++) run();
    });
    if (round >= 0) nsOf.push(ns / REPEATS);
  }
}
const bytes = writer.write(ofContainers).reduce((sum, request) => sum + request.bytes.length, 0);
console.log(`${rounds} rounds of ${SERIES * 5} points, ${(bytes / SERIES / 5).toFixed(0)} bytes each, median [quartiles]`);
for (const { name, nsOf } of runs) {
  const ms = show(quartiles(nsOf.map((ns) => ns / 1e6)), 2);
  console.log(`  ${name.padEnd(38)} ${ms.padStart(22)} ms   ${show(ratios(nsOf, runs[0]!.nsOf), 3)} of the first`);
}
