/** What the dashboards call growth of a counter: Prometheus's own test of rules is given series and asked. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { kernel } from '../../scripts/grafana/metrics.ts';
import { grown, is, perSecond, withContainer } from '../../scripts/grafana/promql.ts';
import { interpolate, timeValues } from './interpolate.ts';
import { hasPromtool } from './promtool.ts';

type Series = { readonly series: string; readonly values: string };

const TARGET = 'job="ringtail", instance="a"';
/** Scraped each 15 s from the beginning. */
const up: Series = { series: `up{${TARGET}}`, values: '1x60' };
const opened = (values: string, labels = 'container_id="c"'): Series => ({
  series: `${kernel.sessionsOpened.name}{${TARGET}, ${labels}}`,
  values,
});
const values = { ...timeValues(600, 60), job: 'ringtail', instance: '.+', container: '.+' };

/** What promtool says when the answer at this time is another one, else nothing. `expected`: labels in braces, and the value. */
const complaint = (
  input: readonly Series[],
  expression: string,
  atMinute: number,
  expected: readonly (readonly [string, number])[],
): string => {
  const folder = mkdtempSync(join(tmpdir(), 'ringtail-growth-'));
  try {
    const file = join(folder, 'test.yaml');
    const expr = interpolate(expression, values);
    const samples = expected.map(([labels, value]) => ({ labels, value }));
    const test = { interval: '15s', input_series: input, promql_expr_test: [{ expr, eval_time: `${atMinute}m`, exp_samples: samples }] };
    writeFileSync(file, JSON.stringify({ rule_files: [], evaluation_interval: '15s', tests: [test] }));
    execFileSync('promtool', ['test', 'rules', file], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    return '';
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    return `${stdout}${stderr}`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

describe.skipIf(!hasPromtool)('growth in ten minutes, asked after twelve', () => {
  const whole = grown(kernel.sessionsOpened);
  it.each([
    ['of a counter that was there is its increase', [opened('0+1x60')], 40],
    ['of one that stands still is nothing', [opened('77x60')], 0],
    ['of one that came meanwhile is all that it has', [opened('_x20 100x28')], 100],
    ['of one that came and went is all that it had', [opened('_x20 100x3 stale')], 100],
    ['of one that came, grew and went too', [opened('_x20 100 105 110 stale')], 110],
    ['over a restart is what came before and behind it', [opened('0+1x27 0+1x21')], 39],
    ['of several is their sum', [opened('0+1x60'), opened('_x20 100x28', 'container_id="d"')], 140],
  ] as const)('%s', (_, series, expected) => expect(complaint([up, ...series], whole, 12, [['{}', expected]])).toBe(''));

  it('is known although a scrape failed when the range began', () => {
    const series = [opened('0+1x7 stale 9+1x60'), opened('_x20 100x28', 'container_id="d"')];
    expect(complaint([{ ...up, values: '1x7 0 1x60' }, ...series], whole, 12, [['{}', 140]])).toBe('');
  });

  it('of all that a target has when it is scraped for the first time is what comes then', () => {
    expect(complaint([{ ...up, values: '_x19 1x40' }, opened('_x20 100x28')], whole, 12, [['{}', 0]])).toBe('');
    expect(complaint([opened('_x20 100x28')], whole, 12, [['{}', 0]])).toBe('');
  });

  it('is summed by a label, and has its conditions', () => {
    const series = [opened('_x20 100x28'), opened('_x30 7x28', 'container_id="d"')];
    expect(
      complaint([up, ...series], grown(kernel.sessionsOpened, { by: ['container_id'] }), 12, [
        ['{container_id="c"}', 100],
        ['{container_id="d"}', 7],
      ]),
    ).toBe('');
    expect(complaint([up, ...series], grown(kernel.sessionsOpened, { where: { container_id: is('d') } }), 12, [['{}', 7]])).toBe('');
  });

  it('is not what somebody else says', () => {
    expect(complaint([up, opened('0+1x60')], whole, 12, [['{}', 41]])).toContain('got: {} 4E+01');
  });

  it('a second is that of the last minute', () => {
    expect(complaint([up, opened('0+15x60')], perSecond(kernel.sessionsOpened), 12, [['{}', 1]])).toBe('');
    expect(complaint([up, opened('_x46 120x10')], perSecond(kernel.sessionsOpened), 12, [['{}', 2]])).toBe('');
    expect(complaint([up, opened('_x30 120x30')], perSecond(kernel.sessionsOpened), 12, [['{}', 0]])).toBe('');
  });
});

describe.skipIf(!hasPromtool)('a container', () => {
  const by = ['container_id', 'container_name'] as const;
  const id = 'c0ffee'.repeat(10) + 'abcd';
  it.each([
    [`container_id="${id}"`, 'c0ffeec0ffee'],
    [`container_id="${id}", container_name="web"`, 'web'],
  ])('with %s is called %s', (labels, name) => {
    const expression = withContainer(grown(kernel.sessionsOpened, { by }));
    expect(complaint([up, opened('0+1x60', labels)], expression, 12, [[`{${labels}, container="${name}"}`, 40]])).toBe('');
  });
});
