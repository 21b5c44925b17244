/** Asks a real Prometheus what the panels of the dashboards ask, and reckons the same from the bare samples. */
import type { PlacedPanel, Target, Variable } from '../../../scripts/grafana/model.ts';
import { dashboards } from '../../../scripts/grafana/index.ts';
import { interpolate, timeValues, type Values } from '../../grafana/interpolate.ts';
import type { Prometheus, PromSample } from './prometheus.ts';

export type Labels = Readonly<Record<string, string>>;
type Sample = readonly [unixS: number, value: number];
export type RawSeries = { readonly labels: Labels; readonly samples: readonly Sample[]; readonly isOld: boolean };

/** `host.json / Sessions opened / A`: what stands for one query. */
export type Place = string;

export const targets: readonly { readonly place: Place; readonly panel: PlacedPanel; readonly target: Target }[] = Object.entries(
  dashboards,
).flatMap(([file, { panels }]) =>
  panels
    .filter((panel): panel is PlacedPanel => panel.type !== 'row')
    .flatMap((panel) => panel.targets.map((target) => ({ place: `${file} / ${panel.title} / ${target.refId}`, panel, target }))),
);

/** The end of what a dashboard shows, in Unix seconds, and how long that is. */
export type Window = { readonly endS: number; readonly seconds: number };

/** The answer at the end of the window, with a rate interval as long as the window: so the answer is about all of it. */
export const answerOf = (
  prometheus: Prometheus,
  { expr }: Target,
  { endS, seconds }: Window,
  chosen: Values,
): Promise<readonly PromSample[]> => prometheus.query(interpolate(expr, { ...chosen, ...timeValues(seconds, seconds) }), endS);

/** As Grafana asks for lines, a point for each second; how many points there are. */
export const pointsOf = async (prometheus: Prometheus, { expr }: Target, { endS, seconds }: Window, chosen: Values): Promise<number> => {
  const query = interpolate(expr, { ...chosen, ...timeValues(seconds, 4) });
  const series = await prometheus.queryRange(query, endS - seconds, endS, 1);
  return series.reduce((sum, { values }) => sum + values.length, 0);
};

type Answered<T> = { readonly status: string; readonly error?: string; readonly data: T };

const ask = async <T>({ port }: Prometheus, path: string, parameters: Readonly<Record<string, string>>): Promise<T> => {
  const response = await fetch(`http://127.0.0.1:${port}/api/v1/${path}?${String(new URLSearchParams(parameters))}`);
  const { status, error, data } = (await response.json()) as Answered<T>;
  if (status !== 'success') throw new Error(`Prometheus says of ${path}: ${error}`);
  return data;
};

/** All samples of these series in the window, and whether they were there before. */
export const rawSeries = async (prometheus: Prometheus, selector: string, { endS, seconds }: Window): Promise<readonly RawSeries[]> => {
  const { result } = await ask<{ result: readonly { metric: Labels; values: readonly [number, string][] }[] }>(prometheus, 'query', {
    query: `${selector}[${2 * seconds}s]`,
    time: String(endS),
  });
  return result.flatMap(({ metric: labels, values }) => {
    const samples = values.map(([at, value]) => [at, Number(value)] as const);
    const inside = samples.filter(([at]) => at >= endS - seconds);
    return inside.length === 0 ? [] : [{ labels, samples: inside, isOld: samples[0]![0] <= endS - seconds }];
  });
};

/** How much a counter grew between the samples of the window: all that it began with if it was not there before, and all behind a restart. */
export const growthOf = ({ samples, isOld }: RawSeries): number => {
  let growth = isOld ? 0 : samples[0]![1];
  for (let i = 1; i < samples.length; i++) {
    const [last, value] = [samples[i - 1]![1], samples[i]![1]];
    growth += value >= last ? value - last : value;
  }
  return growth;
};

const keyOf = (labels: Labels, names: readonly string[]): string => names.map((name) => labels[name] ?? '').join(' ').trim(); // prettier-ignore

/** Sums of growth by labels. Series that differ in what is known of their container alone are one: it is new when none of them is old. */
export const grownBy = (
  all: readonly RawSeries[],
  identity: readonly string[] | undefined,
  where: (labels: Labels) => boolean,
  by: readonly string[],
): Map<string, number> => {
  const identityOf = ({ labels }: RawSeries): string => (identity === undefined ? JSON.stringify(labels) : keyOf(labels, identity));
  const old = new Set(all.filter(({ isOld }) => isOld).map(identityOf));
  const fresh = new Map<string, { readonly labels: Labels; readonly value: number }>();
  const grown = all
    .filter(({ labels }) => where(labels))
    .flatMap((series) => {
      const id = identityOf(series);
      const isOld = old.has(id);
      const one = { labels: series.labels, value: growthOf({ ...series, isOld }) };
      if (isOld) return [one];
      const key = `${id}\n${keyOf(series.labels, by)}`;
      if (one.value > (fresh.get(key)?.value ?? -1)) fresh.set(key, one);
      return [];
    });
  return sumBy([...grown, ...fresh.values()], ({ labels }) => labels, ({ value }) => value, by); // prettier-ignore
};

/** Sums of levels by labels; series that differ in what is known of their container alone are one. */
export const levelBy = (
  all: readonly PromSample[],
  identity: readonly string[] | undefined,
  where: (labels: Labels) => boolean,
  by: readonly string[],
): Map<string, number> => {
  const largest = new Map<string, PromSample>();
  for (const sample of all.filter(({ labels }) => where(labels))) {
    const key = `${identity === undefined ? JSON.stringify(sample.labels) : keyOf(sample.labels, identity)}\n${keyOf(sample.labels, by)}`;
    if (sample.value > (largest.get(key)?.value ?? -Infinity)) largest.set(key, sample);
  }
  return sumBy([...largest.values()], ({ labels }) => labels, ({ value }) => value, by); // prettier-ignore
};

/** What a variable offers: `text=value`, or the value alone. As Grafana's data source for Prometheus finds it. */
export const optionsOf = async (
  prometheus: Prometheus,
  { query, regex }: Variable,
  { endS, seconds }: Window,
  chosen: Values,
): Promise<readonly string[]> => {
  const text = interpolate(typeof query === 'string' ? query : query.query, { ...chosen, ...timeValues(seconds, seconds) });
  const labelValues = /^label_values\((.+), (\w+)\)$/.exec(text);
  if (labelValues !== null) {
    const [, match, label] = labelValues as unknown as readonly [string, string, string];
    return await ask(prometheus, `label/${label}/values`, { 'match[]': match, start: String(endS - seconds), end: String(endS) });
  }
  const samples = await prometheus.query(/^query_result\((.+)\)$/.exec(text)![1]!, endS);
  const [, pattern, flags] = /^\/(.+)\/(\w*)$/.exec(regex!)!;
  return samples.map(({ labels, value }) => {
    const line = `{${Object.entries(labels).map(([name, content]) => `${name}="${content}"`).join(', ')}} ${value} ${endS}`; // prettier-ignore
    const groups = Array.from(line.matchAll(new RegExp(pattern!, flags)), (match) => match.groups ?? {});
    const group = (name: string) => groups.find((one) => one[name] !== undefined)?.[name];
    return `${group('text') ?? group('value')}=${group('value')}`;
  });
};

/** Sums by the values of labels, joined by blanks; without labels all is under `''`. */
export const sumBy = <T>(
  items: readonly T[],
  labelsOf: (item: T) => Labels,
  valueOf: (item: T) => number,
  by: readonly string[],
): Map<string, number> => {
  const sums = new Map<string, number>();
  for (const item of items) {
    const labels = labelsOf(item);
    const key = keyOf(labels, by);
    sums.set(key, (sums.get(key) ?? 0) + valueOf(item));
  }
  return sums;
};
