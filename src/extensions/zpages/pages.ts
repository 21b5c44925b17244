/** What each page shows. */
import type { Health, LedgerRow, ServiceView } from '../../core/component.ts';
import { computeStatistics, type TraceStatistics } from '../../core/statistics.ts';
import { html, mark, table, type Html, type Page } from './html.ts';

type Facts = {
  readonly service: ServiceView;
  readonly version: string;
  readonly resource: readonly (readonly [string, string])[];
  readonly nowMs: number;
};
type PageMaker = { readonly path: string; readonly title: string; readonly about: string; readonly body: (facts: Facts) => Html };

/** Longer ones are told by the configuration itself. */
const LONGEST_DETAIL = 500;

const detailsOf = ({ details = {} }: Health): Html =>
  html`${Object.entries(details).map(([name, value], index) => html`${index > 0 ? ', ' : ''}<code>${name} ${String(value).slice(0, LONGEST_DETAIL)}</code>`)}`;

const healthCells = (health: Health) => [mark(health.status, health.status), health.message, detailsOf(health)];

const age = (ms: number): string => {
  const seconds = Math.floor(ms / 1000);
  const parts = [Math.floor(seconds / 86_400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60, seconds % 60];
  const units = ['d', 'h', 'min', 's'];
  const first = parts.findIndex((part) => part > 0);
  return first < 0 ? '0 s' : parts.slice(first, first + 2).map((part, index) => `${part} ${units[first + index]}`).join(' '); // prettier-ignore
};

const service = ({ service: view, version, resource, nowMs }: Facts): Html => {
  const state = view.state();
  const reload = view.lastReload();
  const { balanced } = view.ledger();
  return html`<dl>
<dt>State</dt><dd>${mark(state === 'ready' ? 'ok' : 'recoverable', state)}</dd>
<dt>Version</dt><dd>${version}</dd>
<dt>Started</dt><dd>${view.startedAt.toISOString()}, ${age(nowMs - view.startedAt.getTime())} ago</dd>
<dt>Process</dt><dd>pid ${String(process.pid)}, Node ${process.versions.node}</dd>
<dt>Books</dt><dd>${mark(balanced ? 'ok' : 'failed', balanced ? 'balanced' : 'not balanced')}</dd>
<dt>Last reload</dt><dd>${reload === undefined ? 'none' : [mark(reload.result === 'refused' ? 'recoverable' : 'ok', reload.result), ` ${reload.at.toISOString()} ${reload.message}`]}</dd>
</dl>
<h2>Components</h2>
${table(['kind', 'id', 'health', 'message', 'details'], view.components().map(({ kind, id, health }) => [kind, html`<code>${id}</code>`, ...healthCells(health)]), 'There are none.')}
<h2>Resource</h2>
${table(['attribute', 'value'], resource.map(([name, value]) => [html`<code>${name}</code>`, value]), 'There is nothing in it.')}`; // prettier-ignore
};

const ids = (list: readonly string[]): Html =>
  list.length === 0 ? html`<span class="flow">none</span>` : html`${list.map((id, index) => html`${index > 0 ? html`<span class="flow">,</span>` : ''}<code>${id}</code>`)}`; // prettier-ignore

const treeOutcomes = ['told', 'not_sampled', 'rate_limited', 'not_kept', 'waiting'] as const;
const spanOutcomes = ['told', 'dropped', 'forgotten', 'waiting'] as const;

/** Nothing where no receiver has a pipeline of traces. */
const tracesOf = (statistics: readonly TraceStatistics[]): Html =>
  statistics.length === 0 ? html`` : html`<h2>Traces</h2>
${table(
    ['receiver', ...treeOutcomes.map((outcome) => outcome.replace('_', ' ')), ...spanOutcomes.map((outcome) => `spans ${outcome}`)],
    statistics.map(({ receiver, traces, spans }) => [
      html`<code>${receiver}</code>`, ...treeOutcomes.map((outcome) => traces[outcome] ?? 0), ...spanOutcomes.map((outcome) => spans[outcome] ?? 0),
    ]),
    '',
  )}`; // prettier-ignore

const pipelines = ({ service: view }: Facts): Html => {
  const samples = view.samples();
  const count = (pipeline: string, outcome: string) =>
    samples
      .filter(({ name, labels }) => name === 'ringtail_pipeline_items' && labels['pipeline'] === pipeline && labels['outcome'] === outcome)
      .reduce((sum, { value }) => sum + value, 0);
  return html`${table(
    ['pipeline', 'receivers', 'processors', 'exporters', 'read', 'filtered', 'refused', 'accepted'],
    view.pipelines().map(({ id, receivers, processors, exporters }) => [
      html`<b>${id}</b>`, ids(receivers), ids(processors), ids(exporters),
      count(id, 'read'), count(id, 'filtered'), count(id, 'refused'), count(id, 'accepted'),
    ]),
    'No pipeline runs yet.',
  )}
${tracesOf(computeStatistics(samples).traces)}`; // prettier-ignore
};

const book = (name: string, rows: readonly LedgerRow[]): Html => {
  const parts = [...new Set(rows.flatMap((row) => Object.keys(row.parts)))];
  return html`<h2>${name}</h2>
${table(['', 'total', ...parts, 'difference', ''], rows.map((row) => [
    html`<code>${row.name}</code>`, row.total, ...parts.map((part) => row.parts[part] ?? 0), row.difference,
    row.difference === 0 ? mark('ok', 'balanced') : mark('failed', 'differs'),
  ]), '')}`; // prettier-ignore
};

const ledger = ({ service: view }: Facts): Html => {
  const { rows, balanced } = view.ledger();
  const books = Map.groupBy(rows, (row) => row.book);
  return html`<p>${balanced ? mark('ok', 'the books balance') : mark('failed', 'the books do not balance')}</p>
    ${Array.from(books, ([name, own]) => book(name, own))}`;
};

const configuration = ({ service: view }: Facts): Html => html`<pre>${view.config()}</pre>`;

const extensions = ({ service: view }: Facts): Html =>
  table(
    ['extension', 'health', 'message', 'details'],
    view
      .components()
      .filter(({ kind }) => kind === 'extension')
      .map(({ id, health }) => [html`<code>${id}</code>`, ...healthCells(health)]),
    'There are none.',
  );

const makers: readonly PageMaker[] = [
  { path: '/debug/servicez', title: 'Service', about: 'State, components and resource of this Ringtail.', body: service },
  {
    path: '/debug/pipelinez',
    title: 'Pipelines',
    about: 'What each pipeline is made of, and the records that went through it.',
    body: pipelines,
  },
  { path: '/debug/ledgerz', title: 'Ledger', about: 'The books: what went in must have come out, to the unit.', body: ledger },
  {
    path: '/debug/configz',
    title: 'Configuration',
    about: 'In force now, with every default; secrets are not shown.',
    body: configuration,
  },
  { path: '/debug/extensionz', title: 'Extensions', about: 'What serves the service and not the data.', body: extensions },
];

export const pagePaths: readonly string[] = makers.map(({ path }) => path);
export const menu: readonly { readonly path: string; readonly title: string }[] = makers;

/** The page at a path; the first one at `/` and `/debug`. */
export const pageAt = (path: string, facts: Facts): Page | undefined => {
  const wanted = path === '/' || path === '/debug' || path === '/debug/' ? pagePaths[0] : path;
  const maker = makers.find((one) => one.path === wanted);
  return maker === undefined ? undefined : { ...maker, body: maker.body(facts) };
};
