/**
 * The latest of every series, by family, with the text in front of its value. A series stays until `expirationMs` after its last point; one that goes
 * up and down is gone as soon as its receiver tells of the others without it.
 */
import type { Attribute, BatchResource } from '../../core/batch.ts';
import type { Metric, MetricBatch } from '../../core/metric-batch.ts';
import { accumulated, type Point } from './accumulate.ts';
import type { Labeller } from './labels.ts';
import { type FamilyKind, familyName, type MetricNaming, targetInfoName } from './names.ts';

export type Series = {
  source: Source;
  /** Between the braces; may be empty. */
  readonly labels: string;
  attributes: readonly Attribute[];
  resource: BatchResource;
  /** Cumulative. */
  point: Point;
  /** When a point came, ms, monotonic. */
  updatedMs: number;
  /** Number of the collection of its receiver that told it last, and of the batch. */
  collection: number;
  batch: number;
  isGone: boolean;
};

type Family = {
  readonly name: string;
  readonly kind: FamilyKind;
  /** Of the metric that came first. */
  readonly help: string;
  /** By labels. */
  readonly series: Map<string, Series>;
};

/** Metrics that one receiver tells together. */
type Collection = { number: number; timeUnixNs: bigint };

/** One metric of one receiver. */
type Source = {
  readonly receiver: string;
  readonly metric: Metric;
  readonly family: Family;
  /** Series by their list of attributes, which receivers keep. */
  readonly known: WeakMap<readonly Attribute[], Series>;
  collection: Collection;
};

/** True: it is shown. Else that there is no room, or why not. */
type Outcome = true | 'full' | (string & {});

type Input = Pick<Series, 'attributes' | 'resource' | 'point'>;

/** What the points of a batch came to. */
export type Taken = {
  readonly taken: number;
  /** For want of room. */
  readonly overLimit: number;
  /** Another series has their name, or another family, or nothing is left of their name. */
  readonly conflicts: readonly Conflict[];
};
export type Conflict = { readonly metric: string; readonly points: number; readonly reason: string };

/** A family as it was at one moment; `points` belong to `series`. */
export type FamilyView = {
  readonly name: string;
  readonly kind: FamilyKind;
  readonly help: string;
  readonly series: readonly Series[];
  readonly points: readonly Point[];
};

export type TableOptions = {
  readonly labeller: Labeller;
  readonly naming: MetricNaming;
  readonly version: string;
  readonly maxSeries: number;
  readonly expirationMs: number;
  /** Of points that have no other one. */
  readonly hostResource: BatchResource;
};

const kindOf = (metric: Metric): FamilyKind =>
  metric.type === 'histogram' ? 'histogram' : metric.type === 'sum' && metric.monotonic ? 'counter' : 'gauge';

const ofHistogram = ['_bucket', '_count', '_sum'];

/** Time between two looks for what has expired because there is no room, ms. */
const SWEEP_PAUSE_MS = 1000;

export const createTable = (options: TableOptions) => {
  const { labeller, naming, version, maxSeries, expirationMs, hostResource } = options;
  const families = new Map<string, Family>();
  const sources = new Map<string, Source>();
  const infoName = targetInfoName(naming.namespace);
  let size = 0;
  let batches = 0;
  let collections = 0;
  let sweptMs = -Infinity;

  /** Two families may not have lines of one name. */
  const conflictOf = (name: string, kind: FamilyKind): string | undefined => {
    const same = families.get(name);
    if (same !== undefined) return same.kind === kind ? undefined : `${name} is a ${same.kind} already`;
    if (name === infoName) return `${name} tells of resources`;
    const base = ofHistogram.find((suffix) => name.endsWith(suffix));
    if (base !== undefined && families.get(name.slice(0, -base.length))?.kind === 'histogram') return `${name} is a line of a histogram`;
    const line = kind === 'histogram' ? ofHistogram.find((suffix) => families.has(name + suffix)) : undefined;
    return line === undefined ? undefined : `${name}${line} is a metric already`;
  };

  /** As text: why there is none. */
  const sourceOf = (receiver: string, metric: Metric): Source | string => {
    const kind = kindOf(metric);
    const id = [receiver, metric.name, metric.unit, metric.type, kind].join('\0');
    const known = sources.get(id);
    if (known !== undefined && families.get(known.family.name) === known.family) return known;
    const name = familyName({ name: metric.name, unit: metric.unit, kind, isGauge: metric.type === 'gauge' }, naming);
    if (name === undefined) return 'nothing is left of its name';
    const conflict = conflictOf(name, kind);
    if (conflict !== undefined) return conflict;
    const family = families.get(name) ?? { name, kind, help: metric.description, series: new Map() };
    families.set(name, family);
    const source: Source = {
      receiver,
      metric: { ...metric, points: [] },
      family,
      known: new WeakMap(),
      collection: { number: 0, timeUnixNs: 0n },
    };
    sources.set(id, source);
    return source;
  };

  const forget = (series: Series): void => {
    series.isGone = true;
    series.source.family.series.delete(series.labels);
    size--;
  };

  const isOver = ({ source: { family, collection: now }, updatedMs, collection }: Series, nowMs: number): boolean =>
    nowMs - updatedMs > expirationMs || (family.kind === 'gauge' && collection !== now.number);

  const sweep = (nowMs: number): void => {
    sweptMs = nowMs;
    for (const family of families.values()) {
      for (const series of family.series.values()) if (isOver(series, nowMs)) forget(series);
      if (family.series.size === 0) families.delete(family.name);
    }
    for (const [id, { family }] of sources) if (families.get(family.name) !== family) sources.delete(id);
  };

  /** `before` is what its receiver told by the same list of attributes. When that has other labels now (its container got a name) it ends, so that sums stay right. */
  const enter = (source: Source, labels: string, before: Series | undefined, { attributes, resource, point }: Input, nowMs: number): Outcome => {
    const { family, metric, collection } = source;
    const isRenamed = before !== undefined && !before.isGone && before.collection !== collection.number;
    if (isRenamed) forget(before);
    if (size >= maxSeries && nowMs - sweptMs >= SWEEP_PAUSE_MS) sweep(nowMs);
    if (size >= maxSeries) return 'full';
    size++;
    const latest = isRenamed ? (accumulated(metric, before.point, point) ?? before.point) : point;
    const series = { source, labels, attributes, resource, point: latest, updatedMs: nowMs, collection: collection.number, batch: batches, isGone: false };
    // what is swept away meanwhile comes back
    families.set(family.name, family);
    family.series.set(labels, series);
    source.known.set(attributes, series);
    return true;
  }; // prettier-ignore

  const put = (source: Source, input: Input, nowMs: number): Outcome => {
    const { attributes, resource, point } = input;
    const { family, metric, collection, receiver } = source;
    const before = source.known.get(attributes);
    let series = before;
    if (series === undefined || series.isGone || series.resource !== resource) {
      const scope = { name: `ringtail/${receiver.split('/', 1)[0]!}`, version };
      const labels = labeller.labelsOf(attributes, resource, scope, family.kind === 'histogram' ? 'le' : undefined);
      if (labels === undefined) return 'nothing is left of the name of an attribute';
      series = family.series.get(labels);
      if (series === undefined) return enter(source, labels, before, input, nowMs);
      if (series.batch !== batches) source.known.set(attributes, series);
    }
    if (series.batch === batches) return 'another series has the same labels';
    const latest = accumulated(metric, series.point, point);
    if (latest === undefined) return 'it tells of a time that was told of already';
    series.source = source;
    series.attributes = attributes;
    series.resource = resource;
    series.point = latest;
    series.updatedMs = nowMs;
    series.collection = collection.number;
    series.batch = batches;
    return true;
  };

  /** All metrics of a batch are of one collection; a second pipeline brings the same one. */
  const joinCollection = (all: readonly Source[], timeUnixNs: bigint): void => {
    const { collection } = all.find((source) => source.collection.number !== 0) ?? all[0]!;
    if (collection.number === 0 || collection.timeUnixNs !== timeUnixNs) Object.assign(collection, { number: ++collections, timeUnixNs });
    for (const source of all) source.collection = collection;
  };

  const take = ({ receiver, resource, metrics }: MetricBatch, nowMs: number): Taken => {
    batches++;
    let taken = 0;
    let overLimit = 0;
    const conflicts = new Map<string, Conflict>();
    const refuse = (metric: string, reason: string, points: number): void => {
      const key = `${metric}\0${reason}`;
      conflicts.set(key, { metric, reason, points: points + (conflicts.get(key)?.points ?? 0) });
    };
    const found = metrics.map((metric) => {
      const isRefused = metric.type === 'sum' && !metric.monotonic && metric.temporality === 'delta';
      return isRefused ? 'what goes up and down cannot be a delta' : sourceOf(receiver, metric);
    });
    const ours = found.filter((source) => typeof source !== 'string');
    const timeUnixNs = metrics.find(({ points }) => points.length > 0)?.points[0]!.timeUnixNs ?? 0n;
    if (ours.length > 0) joinCollection(ours, timeUnixNs);
    for (const [index, metric] of metrics.entries()) {
      const source = found[index]!;
      if (typeof source === 'string') {
        refuse(metric.name, source, metric.points.length);
        continue;
      }
      for (const point of metric.points) {
        const outcome = put(source, { attributes: point.attributes, resource: point.resource ?? resource ?? hostResource, point }, nowMs);
        if (outcome === true) taken++;
        else if (outcome === 'full') overLimit++;
        else refuse(metric.name, outcome, 1);
      }
    }
    return { taken, overLimit, conflicts: [...conflicts.values()] };
  };

  const all = function* (): Generator<Series> {
    for (const { series } of families.values()) yield* series.values();
  };

  return {
    hostResource,
    take,
    sweep,
    size: () => size,
    /** Takes over what another one has, which has nothing from then on. */
    adopt(other: { readonly hostResource: BatchResource; all(): Iterable<Series>; clear(): void }): void {
      batches++;
      for (const { source: from, attributes, resource: before, point, updatedMs } of other.all()) {
        const source = sourceOf(from.receiver, from.metric);
        const resource = before === other.hostResource ? hostResource : before;
        if (typeof source !== 'string') put(source, { attributes, resource, point }, updatedMs);
      }
      other.clear();
    },
    all,
    clear(): void {
      families.clear();
      sources.clear();
      size = 0;
    },
    /** What there is now, by name, and the labels of the target_info of each target. */
    view(nowMs: number): { readonly families: readonly FamilyView[]; readonly infoName: string; readonly targets: readonly string[] } {
      const targets = new Map<string, string>();
      let last: BatchResource | undefined;
      const views: FamilyView[] = [];
      for (const { name, kind, help, series: members } of families.values()) {
        const series: Series[] = [];
        const points: Point[] = [];
        for (const one of members.values()) {
          if (isOver(one, nowMs)) continue;
          series.push(one);
          points.push(one.point);
          if (one.resource === last) continue;
          last = one.resource;
          const { job, instance, info } = labeller.targetOf(last);
          if (info !== undefined && !targets.has(`${job}\0${instance}`)) targets.set(`${job}\0${instance}`, info);
        }
        if (series.length > 0) views.push({ name, kind, help, series, points });
      }
      views.sort((a, b) => (a.name < b.name ? -1 : 1));
      return { families: views, infoName, targets: [...targets.values()] };
    },
  };
};

export type Table = ReturnType<typeof createTable>;
