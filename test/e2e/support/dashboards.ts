/** Asks a real Prometheus what the panels of the dashboards ask, and reckons the same from the bare samples. */
import type { PlacedPanel, Target } from '../../../scripts/grafana/model.ts';
import { dashboards } from '../../../scripts/grafana/index.ts';
import { interpolate, timeValues, type Values } from '../../grafana/interpolate.ts';
import type { Prometheus, PromSample } from './prometheus.ts';

export type Labels = Readonly<Record<string, string>>;
type Sample = readonly [unixS: number, value: number];
export type RawSeries = { readonly labels: Labels; readonly samples: readonly Sample[] };

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

/** What selects everything. */
export const everything: Values = { job: '.+', instance: '.+', namespace: '.*', pod: '.*', container: '.+', top: '50' };

/** The answer at the end of the window, with a rate interval as long as the window: so the answer is about all of it. */
export const answerOf = (prometheus: Prometheus, { expr }: Target, { endS, seconds }: Window): Promise<readonly PromSample[]> =>
  prometheus.query(interpolate(expr, { ...everything, ...timeValues(seconds, seconds) }), endS);

/** All samples of these series in the window; of those that were there before, also the last one before it. */
export const rawSeries = async ({ port }: Prometheus, selector: string, { endS, seconds }: Window): Promise<readonly RawSeries[]> => {
  const query = `${selector}[${seconds + 1}s]`;
  const response = await fetch(`http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(query)}&time=${endS}`);
  const { data } = (await response.json()) as { data: { result: { metric: Labels; values: [number, string][] }[] } };
  return data.result.map(({ metric, values }) => {
    const samples = values.map(([at, value]) => [at, Number(value)] as const);
    const before = samples.findLast(([at]) => at <= endS - seconds);
    return { labels: metric, samples: [...(before ? [before] : []), ...samples.filter(([at]) => at > endS - seconds)] };
  });
};

/** How much a counter grew: all that it has if it came within the window, and all behind a restart. */
export const growthOf = ({ samples }: RawSeries, { endS, seconds }: Window): number => {
  const isOld = samples[0]![0] <= endS - seconds;
  let growth = isOld ? 0 : samples[0]![1];
  for (let i = 1; i < samples.length; i++) {
    const [last, value] = [samples[i - 1]![1], samples[i]![1]];
    growth += value >= last ? value - last : value;
  }
  return growth;
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
    const key = by.map((label) => labels[label] ?? '').join(' ').trim(); // prettier-ignore
    sums.set(key, (sums.get(key) ?? 0) + valueOf(item));
  }
  return sums;
};
