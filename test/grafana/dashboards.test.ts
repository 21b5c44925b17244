/** The dashboards are what Grafana takes, and their queries what Prometheus takes. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import { beforeEach, describe, expect, it } from 'vitest';
import { dashboards } from '../../scripts/grafana/index.ts';
import type { Dashboard, PlacedPanel, Row } from '../../scripts/grafana/model.ts';
import { interpolate, timeValues } from './interpolate.ts';
import { needPromtool } from './promtool.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const schemas = JSON.parse(readFileSync(join(root, 'test/grafana/schema.gen.json'), 'utf8')) as Readonly<Record<string, object>>;
const ajv = new Ajv({ allErrors: true, strict: false });

/** What is wrong with it; an unknown name of a schema allows nothing. */
const problems = (schema: string, value: unknown): readonly string[] => {
  const validate = ajv.compile(schemas[schema] ?? { not: {} });
  validate(value);
  return (validate.errors ?? []).map(({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`);
};

const files = Object.entries(dashboards);
const committed = (file: string) => JSON.parse(readFileSync(join(root, 'config/grafana', file), 'utf8')) as Dashboard;
const isPanel = (panel: PlacedPanel | Row): panel is PlacedPanel => panel.type !== 'row';
const panelsOf = ({ panels }: Dashboard): readonly PlacedPanel[] => panels.filter(isPanel);
const variableNames = ({ templating }: Dashboard): readonly string[] => templating.list.map(({ name }) => name);

/** Each target with its place. */
const allTargets = files.flatMap(([file, dashboard]) =>
  panelsOf(dashboard).flatMap((panel) => panel.targets.map((target) => ({ place: `${file} / ${panel.title} / ${target.refId}`, dashboard, ...target }))),
); // prettier-ignore

describe.each(files)('%s', (file, dashboard) => {
  it('is the committed one', () => expect(committed(file)).toEqual(JSON.parse(JSON.stringify(dashboard))));

  it('is a dashboard by the schema of Grafana', () => expect(problems('dashboard', committed(file))).toEqual([]));

  it.each(panelsOf(committed(file)).map((panel) => [panel.title, panel] as const))(
    'has the options of its panel "%s" right',
    (_, { type, options, fieldConfig }) => {
      expect(problems(`${type}.Options`, options)).toEqual([]);
      const { custom } = fieldConfig.defaults;
      expect(custom === undefined ? [] : problems(`${type}.FieldConfig`, custom)).toEqual([]);
    },
  );

  it('says of each panel what it shows, and shows it with a unit or in columns', () => {
    for (const { title, description, type, targets, fieldConfig } of panelsOf(dashboard)) {
      expect({ title, says: description.length > 5, asks: targets.length > 0 }).toEqual({ title, says: true, asks: true });
      const unit = type === 'heatmap' ? 's' : fieldConfig.defaults.unit;
      expect({ title, hasUnit: type === 'table' || unit !== undefined }).toEqual({ title, hasUnit: true });
    }
  });

  it('gives lines a legend of words or labels', () => {
    const without = panelsOf(dashboard).filter(
      ({ type, targets }) => type === 'timeseries' && targets.length > 1 && targets.some(({ legendFormat }) => !legendFormat),
    );
    expect(without.map(({ title }) => title)).toEqual([]);
  });

  it('has each panel once, and none over another', () => {
    const ids = dashboard.panels.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const titles = panelsOf(dashboard).map(({ title }) => title);
    expect(new Set(titles).size).toBe(titles.length);
    const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)},${y + Math.floor(cell / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(dashboard.panels.every(({ gridPos: { x, w } }) => x + w <= 24)).toBe(true);
  });

  it('names no data source but by its variable', () => {
    const text = JSON.stringify(dashboard).replaceAll('"uid":"${datasource}"', '');
    expect(text.match(/"datasource":\{[^}]*"uid"/)).toBe(null);
    expect(variableNames(dashboard).slice(0, 3)).toEqual(['datasource', 'job', 'instance']);
  });

  it('uses the variables that it has, and has no others', () => {
    const { templating, ...rest } = dashboard;
    const text = `${JSON.stringify(rest)}${JSON.stringify(templating.list.map(({ query, datasource }) => [query, datasource]))}`;
    const used = new Set(Array.from(text.matchAll(/\$\{?([a-z]\w*)/g), ([, name]) => name!));
    expect([...used].toSorted()).toEqual(variableNames(dashboard).toSorted());
  });
});

it('gives each dashboard a uid, a title and a tag of its own kind', () => {
  const all = files.map(([, dashboard]) => dashboard);
  expect(new Set(all.map(({ uid }) => uid)).size).toBe(all.length);
  expect(new Set(all.map(({ title }) => title)).size).toBe(all.length);
  for (const { tags, links } of all) {
    expect(tags).toContain('ringtail');
    const linked = new Set((links as readonly { readonly tags: readonly string[] }[]).flatMap((link) => link.tags));
    expect(all.every((other) => other.tags.some((tag) => linked.has(tag)))).toBe(true);
  }
});

it('a schema refuses what it does not know', () => {
  const dashboard = committed('host.json');
  expect(problems('dashboard', { ...dashboard, titel: 'x' })).not.toEqual([]);
  expect(problems('timeseries.FieldConfig', { drawStyle: 'lines' })).not.toEqual([]);
  expect(problems('unheard-of', {})).not.toEqual([]);
});

describe('promtool', () => {
  beforeEach(needPromtool);
  const values = {
    ...timeValues(3600, 60),
    ...Object.fromEntries(files.flatMap(([, dashboard]) => variableNames(dashboard)).map((name) => [name, '.+'])),
    top: '10',
  };

  it('finds nothing wrong with a query', () => {
    const folder = mkdtempSync(join(tmpdir(), 'ringtail-grafana-'));
    try {
      const rules = allTargets.map(({ place, expr }, index) => ({
        record: `query_${index}`,
        expr: interpolate(expr, values),
        labels: { place: place.replaceAll(/\W/g, '_') },
      }));
      const file = join(folder, 'queries.yaml');
      writeFileSync(file, JSON.stringify({ groups: [{ name: 'queries', rules }] }));
      const said = execFileSync('promtool', ['check', 'rules', file], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
      expect(said).toContain(`SUCCESS: ${allTargets.length} rules found`);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
