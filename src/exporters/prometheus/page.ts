/** The page as text: the format 0.0.4 of Prometheus, or OpenMetrics 1.0. */
import type { MetricHistogramPoint } from '../../core/metric-batch.ts';
import { escapeValue } from './labels.ts';
import type { Point } from './accumulate.ts';
import type { FamilyView, Table } from './table.ts';

export type PageFormat = 'text' | 'openmetrics';
export type PageOptions = { readonly format: PageFormat; readonly timestamps: boolean };

/** Characters of a chunk, about. */
const CHUNK_LENGTH = 32 * 1024;

const numberText = (value: number): string =>
  Number.isFinite(value) ? String(value) : Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
/** As a double: a whole number beyond 2^53 is the nearest one. */
const valueText = (value: bigint | number): string => numberText(Number(value));
/** As a label, whose form tells series apart: that of the Collector's exporter, with an exponent from 10^6 on and below 10^-4. */
const boundText = (bound: number, format: PageFormat): string => {
  if (!Number.isFinite(bound)) return numberText(bound);
  const [digits, exponent] = bound.toExponential().split('e') as [string, string];
  const power = Number(exponent);
  if (power >= 6 || power < -4) return `${digits}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
  const text = String(bound);
  return format === 'openmetrics' && !text.includes('.') ? `${text}.0` : text;
};

const escapeHelp = (text: string, format: PageFormat): string =>
  format === 'openmetrics'
    ? escapeValue(text)
    : text.toWellFormed().replace(/[\\\n]/g, (character) => (character === '\n' ? String.raw`\n` : String.raw`\\`));

const types = { counter: 'counter', gauge: 'gauge', histogram: 'histogram' } as const;

const head = ({ name, kind, help }: Pick<FamilyView, 'name' | 'kind' | 'help'>, format: PageFormat): string => {
  const isTotal = kind === 'counter' && name.endsWith('_total');
  const shown = format === 'openmetrics' && isTotal ? name.slice(0, -'_total'.length) : name;
  // a counter of OpenMetrics is one by its name
  const type = format === 'openmetrics' && kind === 'counter' && !isTotal ? 'unknown' : types[kind];
  return `# HELP ${shown} ${escapeHelp(help, format)}\n# TYPE ${shown} ${type}\n`;
};

const braced = (labels: string): string => (labels === '' ? '' : `{${labels}}`);

/** Behind a value: when it was read. */
const timeText = (point: Point, { format, timestamps }: PageOptions): string => {
  if (!timestamps) return '';
  const ms = Number(point.timeUnixNs / 1_000_000n);
  return ` ${format === 'openmetrics' ? ms / 1000 : ms}`;
};

const createdText = (name: string, labels: string, { startUnixNs }: Point): string =>
  startUnixNs > 0n ? `${name}_created${braced(labels)} ${Number(startUnixNs) / 1e9}\n` : '';

const histogramText = (name: string, labels: string, point: MetricHistogramPoint, options: PageOptions): string => {
  const { bounds, buckets, count, sum } = point;
  const time = timeText(point, options);
  const before = labels === '' ? '' : `${labels},`;
  let text = '';
  let below = 0n;
  const line = (bound: string, many: bigint): void => {
    text += `${name}_bucket{${before}le="${bound}"} ${many}${time}\n`;
  };
  for (const [index, bound] of bounds.entries()) {
    below += buckets[index] ?? 0n;
    if (bound !== Infinity) line(boundText(bound, options.format), below);
  }
  line('+Inf', count);
  return `${text}${name}_sum${braced(labels)} ${numberText(sum)}${time}\n${name}_count${braced(labels)} ${count}${time}\n`;
};

const familyText = function* (view: FamilyView, options: PageOptions): Generator<string> {
  const { name, kind, series, points } = view;
  const told = options.format === 'openmetrics' && (kind === 'histogram' || (kind === 'counter' && name.endsWith('_total')));
  const bare = kind === 'counter' ? name.replace(/_total$/, '') : name;
  let text = head(view, options.format);
  for (let i = 0; i < series.length; i++) {
    const { labels } = series[i]!;
    const point = points[i]!;
    if ('value' in point) text += `${name}${braced(labels)} ${valueText(point.value)}${timeText(point, options)}\n`;
    else text += histogramText(name, labels, point, options);
    if (told) text += createdText(bare, labels, point);
    if (text.length < CHUNK_LENGTH) continue;
    yield text;
    text = '';
  }
  yield text;
};

/** In chunks; what the table takes meanwhile is not on the page. */
export const pageText = function* (view: ReturnType<Table['view']>, options: PageOptions): Generator<string> {
  const { families, infoName, targets } = view;
  let text = '';
  for (const family of families) {
    for (const chunk of familyText(family, options)) {
      text += chunk;
      if (text.length < CHUNK_LENGTH) continue;
      yield text;
      text = '';
    }
  }
  if (targets.length > 0) {
    text += head({ name: infoName, kind: 'gauge', help: 'Target metadata' }, options.format);
    for (const labels of targets) text += `${infoName}${braced(labels)} 1\n`;
  }
  yield options.format === 'openmetrics' ? `${text}# EOF\n` : text;
};
