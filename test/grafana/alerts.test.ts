/** The alerts fire when they should: Prometheus's own tool runs alerts.test.yaml beside this file. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { books } from '../../src/service/ledger.ts';
import { descriptions } from '../../src/service/metric-descriptions.ts';
import { needPromtool } from './promtool.ts';

type Rule = { readonly alert: string; readonly expr: string; readonly labels: Readonly<Record<string, string>> };
type Rules = { readonly groups: readonly { readonly rules: readonly Rule[] }[] };
type Tests = { readonly tests: readonly { readonly alert_rule_test: readonly { readonly alertname: string; readonly exp_alerts?: readonly object[] }[] }[] }; // prettier-ignore

const pathOf = (file: string) => fileURLToPath(new URL(file, import.meta.url));
const read = (file: string): unknown => parse(readFileSync(pathOf(file), 'utf8'));
const rules = (read('../../config/prometheus/ringtail-alerts.yaml') as Rules).groups.flatMap((group) => group.rules);

it('has a test of each alert that fires, and one where it does not', () => {
  const all = (read('alerts.test.yaml') as Tests).tests.flatMap((test) => test.alert_rule_test);
  const names = (fires: boolean) =>
    new Set(all.filter(({ exp_alerts: alerts }) => (alerts ?? []).length > 0 === fires).map((test) => test.alertname));
  const known = new Set(rules.map(({ alert }) => alert));
  expect(names(true)).toEqual(known);
  expect(names(false)).toEqual(known);
});

it('asks for metrics that there are', () => {
  const asked = rules.flatMap(({ expr }) => expr.match(/\b(?:ringtail|otelcol)_\w+/g) ?? []).filter((name) => name !== 'ringtail_');
  const unknown = asked.filter((name) => descriptions[name] === undefined && descriptions[name.replace(/_total$/, '')] === undefined);
  expect(unknown).toEqual([]);
});

it('looks at every book', () => {
  for (const { book, metric, total } of books) {
    const rule = rules.find(({ labels }) => labels['book'] === book);
    expect(rule?.expr).toContain(`${metric}_total{outcome="${total}"}`);
    expect(rule?.expr).toContain(`"${metric}(_total)?", outcome!="${total}"`);
  }
});

it('passes the tests of promtool', (context) => {
  needPromtool(context);
  const { status, stdout, stderr } = spawnSync('promtool', ['test', 'rules', pathOf('alerts.test.yaml')], { encoding: 'utf8' });
  expect({ status, said: status === 0 ? '' : `${stdout}${stderr}` }).toEqual({ status: 0, said: '' });
});
