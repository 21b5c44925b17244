/** Panels: the kinds that the dashboards have, each with all that it needs to be read at a glance. */
import type { DataSource, FieldDefaults, Override, Panel, Step, Target, Unit } from './model.ts';

export const datasource: DataSource = { type: 'prometheus', uid: '${datasource}' };

export type Query = { readonly expr: string; readonly legend?: string };

type Common = {
  readonly title: string;
  /** What it shows, and what to think of it: one or two sentences. */
  readonly description: string;
  readonly unit: Unit;
};

const refId = (index: number): string => String.fromCodePoint(65 + index);

const targetsOf = (queries: readonly Query[], how: Pick<Target, 'format' | 'instant'>): readonly Target[] =>
  queries.map(({ expr, legend }, index) => ({
    datasource,
    refId: refId(index),
    expr,
    editorMode: 'code',
    ...how,
    range: !how.instant,
    ...(legend !== undefined && { legendFormat: legend }),
  }));

const OK = 'green';
const steps = (...[warn, bad]: readonly (number | undefined)[]): readonly Step[] => [
  { value: null, color: OK },
  ...(warn === undefined ? [] : [{ value: warn, color: 'orange' }]),
  ...(bad === undefined ? [] : [{ value: bad, color: 'red' }]),
];

export type StatOptions = Common & {
  readonly queries: readonly Query[];
  /** From which values on it is orange, and red. Without them it is never anything but blue. */
  readonly thresholds?: readonly [warn: number | undefined, bad: number | undefined];
  /** One number of the whole range instead of the last one of a line. */
  readonly whole?: boolean;
  readonly decimals?: number;
};

export const stat = ({ title, description, unit, queries, thresholds, whole = false, decimals }: StatOptions): Panel => ({
  type: 'stat',
  title,
  description,
  datasource,
  targets: targetsOf(queries, { format: 'time_series', instant: whole }),
  options: {
    colorMode: thresholds === undefined ? 'value' : 'background',
    graphMode: whole ? 'none' : 'area',
    justifyMode: 'auto',
    orientation: 'auto',
    percentChangeColorMode: 'standard',
    reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
    showPercentChange: false,
    textMode: queries.length > 1 ? 'value_and_name' : 'auto',
    wideLayout: true,
  },
  fieldConfig: {
    defaults: {
      unit,
      noValue: '–',
      ...(decimals !== undefined && { decimals }),
      ...(thresholds === undefined
        ? { color: { mode: 'fixed', fixedColor: 'blue' } }
        : { color: { mode: 'thresholds' }, thresholds: { mode: 'absolute' as const, steps: steps(...thresholds) } }),
    },
    overrides: [],
  },
});

export type LinesOptions = Common & {
  readonly queries: readonly Query[];
  readonly stacked?: boolean;
  /** Legends, as an expression, that are drawn below the axis. */
  readonly below?: string;
  readonly max?: number;
  /** Whether there is something below 0. */
  readonly isSigned?: boolean;
  /** A line across from which on it is bad. */
  readonly limit?: number;
};

export const lines = ({ title, description, unit, queries, stacked = false, below, max, isSigned = below !== undefined, limit }: LinesOptions): Panel => {
  const defaults: FieldDefaults = {
    unit,
    ...(!isSigned && { min: 0 }),
    ...(max !== undefined && { max }),
    color: { mode: 'palette-classic' },
    ...(limit !== undefined && { thresholds: { mode: 'absolute' as const, steps: steps(undefined, limit) } }),
    custom: {
      drawStyle: 'line',
      lineWidth: 1,
      fillOpacity: stacked ? 60 : 10,
      showPoints: 'never',
      spanNulls: false,
      axisSoftMin: 0,
      stacking: { mode: stacked ? 'normal' : 'none', group: 'A' },
      thresholdsStyle: { mode: limit === undefined ? 'off' : 'dashed' },
    },
  };
  const overrides: readonly Override[] =
    below === undefined
      ? []
      : [{ matcher: { id: 'byRegexp', options: below }, properties: [{ id: 'custom.transform', value: 'negative-Y' }] }];
  return {
    type: 'timeseries',
    title,
    description,
    datasource,
    targets: targetsOf(queries, { format: 'time_series', instant: false }),
    options: {
      legend: { showLegend: true, displayMode: 'table', placement: 'bottom', calcs: ['mean', 'max', 'lastNotNull'], sortBy: 'Mean', sortDesc: true },
      tooltip: { mode: 'multi', sort: 'desc' },
    },
    fieldConfig: { defaults, overrides },
  };
}; // prettier-ignore

export type HeatmapOptions = Common & { readonly expr: string };

/** Of the buckets of a histogram, each how much it grew. */
export const heatmap = ({ title, description, unit, expr }: HeatmapOptions): Panel => ({
  type: 'heatmap',
  title,
  description,
  datasource,
  targets: targetsOf([{ expr, legend: '{{le}}' }], { format: 'heatmap', instant: false }),
  options: {
    calculate: false,
    cellGap: 1,
    color: { mode: 'scheme', scheme: 'Oranges', exponent: 0.5, fill: 'dark-orange', reverse: false, steps: 64 },
    exemplars: { color: 'rgba(255,0,255,0.7)' },
    filterValues: { le: 1e-9 },
    legend: { show: true },
    rowsFrame: { layout: 'auto' },
    showValue: 'never',
    tooltip: { mode: 'single', yHistogram: true },
    yAxis: { unit, axisPlacement: 'left' },
  },
  fieldConfig: { defaults: { custom: { scaleDistribution: { type: 'linear' } } }, overrides: [] },
});

export type Column = {
  /** Head of the column. */
  readonly title: string;
  /** A label of the first query, or an expression that is joined by `by`. */
  readonly label?: string;
  readonly expr?: string;
  readonly unit?: Unit;
  readonly width?: number;
};

export type TableOptions = Omit<Common, 'unit'> & {
  /** The label that all expressions have, and that rows are joined by; not shown unless a column has it. */
  readonly by: string;
  /** Gives the columns that are labels. */
  readonly facts?: string;
  readonly columns: readonly Column[];
  /** Head of the column to sort by, largest first. */
  readonly sortBy: string;
  /** Links of the cells of a column: its head, and where to. */
  readonly link?: { readonly column: string; readonly title: string; readonly url: string };
};

/** A row for each value of a label. A query's column of values is called `Value #A` by Grafana, after its `refId`; that of the only one `Value`. */
export const table = ({ title, description, by, facts, columns, sortBy, link }: TableOptions): Panel => {
  const measured = columns.filter(({ expr }) => expr !== undefined);
  const queries = [...(facts === undefined ? [] : [facts]), ...measured.map(({ expr }) => expr!)].map((expr) => ({ expr }));
  const offset = facts === undefined ? 0 : 1;
  const fieldOf = ({ label, expr }: Column): string =>
    label ??
    (queries.length === 1 ? 'Value' : undefined) ?? `Value #${refId(offset + measured.findIndex((column) => column.expr === expr))}`;
  const fields = columns.map(fieldOf);
  const renames = Object.fromEntries(columns.map((column) => [fieldOf(column), column.title]));
  return {
    type: 'table',
    title,
    description,
    datasource,
    targets: targetsOf(queries, { format: 'table', instant: true }),
    options: { frameIndex: 0, showHeader: true, cellHeight: 'sm', sortBy: [{ displayName: sortBy, desc: true }] },
    fieldConfig: {
      defaults: { noValue: '–', custom: { align: 'auto', cellOptions: { type: 'auto' }, inspect: false, filterable: true } },
      overrides: columns.flatMap(({ title: head, unit, width }): Override[] => [
        {
          matcher: { id: 'byName', options: head },
          properties: [
            ...(unit === undefined ? [] : [{ id: 'unit', value: unit }, { id: 'custom.cellOptions', value: { type: 'gauge', mode: 'basic', valueDisplayMode: 'text' } }, { id: 'min', value: 0 }, { id: 'fieldMinMax', value: true }]),
            ...(width === undefined ? [] : [{ id: 'custom.width', value: width }]),
            ...(link?.column === head ? [{ id: 'links', value: [{ title: link.title, url: link.url }] }] : []),
          ],
        },
      ]),
    },
    transformations: [
      { id: 'joinByField', options: { byField: by, mode: 'outer' } },
      { id: 'filterFieldsByName', options: { include: { names: fields.includes(by) ? fields : [by, ...fields] } } },
      {
        id: 'organize',
        options: {
          excludeByName: fields.includes(by) ? {} : { [by]: true },
          indexByName: Object.fromEntries(fields.map((field, index) => [field, index])),
          renameByName: renames,
        },
      },
    ],
  };
}; // prettier-ignore
