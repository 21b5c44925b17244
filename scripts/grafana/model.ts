/** What of Grafana's model of a dashboard ours use. test/grafana holds the whole to the model that Grafana publishes. */

export type DataSource = { readonly type: 'prometheus'; readonly uid: string };

export type Target = {
  readonly datasource: DataSource;
  readonly refId: string;
  readonly expr: string;
  readonly editorMode: 'code';
  readonly format: 'time_series' | 'table' | 'heatmap';
  readonly legendFormat?: string;
  /** One of both. */
  readonly instant: boolean;
  readonly range: boolean;
};

export type Unit = 'short' | 'none' | 'bytes' | 'Bps' | 's' | 'percentunit' | 'reqps' | 'ops' | 'eps' | 'cps' | 'pps' | 'wps' | 'string';

export type Step = { readonly value: number | null; readonly color: string };

export type FieldDefaults = {
  readonly unit?: Unit;
  readonly decimals?: number;
  readonly min?: number;
  readonly max?: number;
  readonly noValue?: string;
  readonly displayName?: string;
  readonly color?: { readonly mode: string; readonly fixedColor?: string };
  readonly thresholds?: { readonly mode: 'absolute'; readonly steps: readonly Step[] };
  readonly custom?: Readonly<Record<string, unknown>>;
  readonly links?: readonly { readonly title: string; readonly url: string }[];
};

export type Override = {
  readonly matcher: { readonly id: 'byName' | 'byRegexp' | 'byFrameRefID'; readonly options: string };
  readonly properties: readonly { readonly id: string; readonly value: unknown }[];
};

export type GridPos = { readonly x: number; readonly y: number; readonly w: number; readonly h: number };

/** A panel before it has its place. */
export type Panel = {
  readonly type: 'stat' | 'timeseries' | 'table' | 'heatmap';
  readonly title: string;
  readonly description: string;
  readonly datasource: DataSource;
  readonly targets: readonly Target[];
  readonly options: Readonly<Record<string, unknown>>;
  readonly fieldConfig: { readonly defaults: FieldDefaults; readonly overrides: readonly Override[] };
  readonly transformations?: readonly { readonly id: string; readonly options: unknown }[];
  /** The least that `$__rate_interval` is reckoned from. */
  readonly interval?: string;
};

export type PlacedPanel = Panel & { readonly id: number; readonly gridPos: GridPos };
export type Row = {
  readonly type: 'row';
  readonly id: number;
  readonly title: string;
  readonly collapsed: boolean;
  readonly gridPos: GridPos;
  readonly panels: readonly PlacedPanel[];
};

export type Variable = {
  readonly name: string;
  readonly type: 'datasource' | 'query' | 'custom';
  readonly label: string;
  readonly description: string;
  readonly query: string | { readonly query: string; readonly refId: string };
  readonly datasource?: DataSource;
  readonly regex?: string;
  readonly multi?: boolean;
  readonly includeAll?: boolean;
  readonly allValue?: string;
  readonly current?: object;
  readonly options?: readonly object[];
  /** 2: when the range of time changes. */
  readonly refresh?: 1 | 2;
  readonly sort?: number;
};

export type Dashboard = {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly schemaVersion: number;
  readonly editable: boolean;
  readonly graphTooltip: number;
  readonly refresh: string;
  readonly time: { readonly from: string; readonly to: string };
  readonly timezone: string;
  readonly links: readonly object[];
  readonly templating: { readonly list: readonly Variable[] };
  readonly annotations: { readonly list: readonly object[] };
  readonly panels: readonly (PlacedPanel | Row)[];
};
