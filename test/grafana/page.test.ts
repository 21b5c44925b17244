/** docs/grafana.md has the dashboards, their variables and the alerts that there are. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { dashboards } from '../../scripts/grafana/index.ts';
import { codesOf, root, sectionOf, tableOf } from '../docs/markdown.ts';

const page = 'docs/grafana.md';
const rowsOf = (section: string, head: string) => tableOf(sectionOf(page, section), head).rows;

it('has the dashboards', () => {
  const told = rowsOf('# Dashboards and alerts', 'dashboard').map(([title, file]) => [title, codesOf(file!)[0]!.replace('grafana/', '')]);
  expect(told.toSorted()).toEqual(Object.entries(dashboards).map(([file, { title }]) => [title, file]).toSorted()); // prettier-ignore
});

it('has the variables', () => {
  const told = rowsOf('## Putting them into Grafana', 'variable').flatMap(([names]) => codesOf(names!));
  const known = Object.values(dashboards).flatMap(({ templating }) => templating.list.map(({ name }) => name));
  expect(told.toSorted()).toEqual([...new Set(known)].toSorted());
});

it('has the alerts, in their order', () => {
  const { groups } = parse(readFileSync(`${root}config/prometheus/ringtail-alerts.yaml`, 'utf8')) as {
    groups: readonly { rules: readonly { alert: string }[] }[];
  };
  const known = new Set(groups.flatMap(({ rules }) => rules.map(({ alert }) => alert)));
  expect(rowsOf('## Alerts', 'alert').flatMap(([name]) => codesOf(name!))).toEqual([...known]);
});
