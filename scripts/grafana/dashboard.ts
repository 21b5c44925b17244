/** Puts panels in their places, and gives a dashboard what all have: variables, links to the others, a range of time. */
import type { Dashboard, Panel, PlacedPanel, Row, Variable } from './model.ts';
import { datasource } from './panels.ts';

const COLUMNS = 24;
const TAG = 'ringtail';

/** Grafana 11 and newer read this version as it is. */
const SCHEMA_VERSION = 41;

export type Section = {
  readonly title?: string;
  readonly height: number;
  /** Most panels side by side; without it all of the section. */
  readonly perRow?: number;
  readonly panels: readonly Panel[];
};

/** Panels of one row are equally wide. */
const place = (sections: readonly Section[]): readonly (PlacedPanel | Row)[] => {
  const placed: (PlacedPanel | Row)[] = [];
  let y = 0;
  let id = 1;
  for (const { title, height, panels, perRow = panels.length } of sections) {
    if (title !== undefined) {
      placed.push({ type: 'row', id: id++, title, collapsed: false, gridPos: { x: 0, y, w: COLUMNS, h: 1 }, panels: [] });
      y += 1;
    }
    const rows = Math.ceil(panels.length / perRow);
    const inRow = Math.ceil(panels.length / rows);
    for (let first = 0; first < panels.length; first += inRow) {
      const row = panels.slice(first, first + inRow);
      const w = Math.floor(COLUMNS / row.length);
      row.forEach((panel, index) => {
        const width = index === row.length - 1 ? COLUMNS - w * index : w;
        placed.push({ ...panel, id: id++, gridPos: { x: w * index, y, w: width, h: height } });
      });
      y += height;
    }
  }
  return placed;
};

const dataSourceVariable: Variable = {
  name: 'datasource',
  type: 'datasource',
  label: 'Data source',
  description: 'The Prometheus that has the metrics.',
  query: 'prometheus',
};

export type QueryVariable = {
  readonly name: string;
  readonly label: string;
  readonly description: string;
  /** As Grafana's data source for Prometheus has it: `label_values(metric, label)`, `query_result(expression)`. */
  readonly query: string;
  readonly regex?: string;
  /** What stands for all. */
  readonly all: '.+' | '.*';
};

/** Several values or all of them. */
export const variable = ({ name, label, description, query, regex, all }: QueryVariable): Variable => ({
  name,
  type: 'query',
  label,
  description,
  datasource,
  query: { query, refId: name },
  ...(regex !== undefined && { regex }),
  multi: true,
  includeAll: true,
  allValue: all,
  current: { text: ['All'], value: ['$__all'] },
  refresh: 2,
  sort: 1,
});

/** Which targets: found by what a metric of theirs says. */
export const targetVariables = (selector: string): readonly Variable[] => [
  variable({ name: 'job', label: 'Job', description: 'The job that scrapes Ringtail, or a Collector behind it.', query: `label_values(${selector}, job)`, all: '.+' }),
  variable({
    name: 'instance',
    label: 'Instance',
    description: 'The address that is scraped.',
    query: `label_values(${withCondition(selector, 'job=~"$job"')}, instance)`,
    all: '.+',
  }),
]; // prettier-ignore

/** `name` → `name{condition}`, `{a}` → `{a, condition}`. */
export const withCondition = (selector: string, condition: string): string =>
  selector.endsWith('}') ? `${selector.slice(0, -1)}, ${condition}}` : `${selector}{${condition}}`;

/** How many lines a panel of the largest has. */
export const topVariable: Variable = {
  name: 'top',
  type: 'custom',
  label: 'Top',
  description: 'How many of the largest a panel shows.',
  query: '5,10,20,50',
  options: ['5', '10', '20', '50'].map((value) => ({ text: value, value, selected: value === '10' })),
  current: { text: '10', value: '10' },
};

export type DashboardOptions = {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly variables: readonly Variable[];
  readonly sections: readonly Section[];
  /** Of what the kernel counted, or of Ringtail itself: other targets, so variables do not go from one to the other. */
  readonly about?: 'kernel' | 'ringtail';
};

const aboutTag = { kernel: 'ringtail-kernel', ringtail: 'ringtail-own' } as const;

const linkTo = (about: keyof typeof aboutTag, title: string, withVariables: boolean) => ({
  type: 'dashboards',
  title,
  tags: [aboutTag[about]],
  asDropdown: false,
  icon: 'external link',
  includeVars: withVariables,
  keepTime: true,
  targetBlank: false,
  tooltip: '',
  url: '',
});

export const dashboard = ({ name, title, description, variables, sections, about = 'kernel' }: DashboardOptions): Dashboard => ({
  uid: `ringtail-${name}`,
  title: `Ringtail / ${title}`,
  description,
  tags: [TAG, aboutTag[about]],
  schemaVersion: SCHEMA_VERSION,
  editable: true,
  // crosshairs of all panels move together
  graphTooltip: 1,
  refresh: '30s',
  time: { from: 'now-1h', to: 'now' },
  timezone: 'browser',
  links: [linkTo('kernel', 'What the kernel counted', about === 'kernel'), linkTo('ringtail', "Ringtail's own", about === 'ringtail')],
  templating: { list: [dataSourceVariable, ...variables] },
  annotations: { list: [] },
  panels: place(sections),
});
