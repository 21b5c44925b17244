/** What the dashboards call growth of a counter: Prometheus's own test of rules is given series and asked. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { kernel } from '../../scripts/grafana/metrics.ts';
import { grown, is, isNot, like, perSecond, select, withContainer } from '../../scripts/grafana/promql.ts';
import { interpolate, timeValues } from './interpolate.ts';
import { needPromtool } from './promtool.ts';

type Series = { readonly series: string; readonly values: string };

const TARGET = 'job="ringtail", instance="a"';
/** Scraped each 15 s from the beginning. */
const up: Series = { series: `up{${TARGET}}`, values: '1x60' };
const ID = 'container_id="c"';
const NOBODYS = 'ringtail_cgroup_id="7"';
const opened = (values: string, labels = ID): Series => ({
  series: `${kernel.sessionsOpened.name}{${TARGET}, ${labels}}`,
  values,
});
const values = { ...timeValues(600, 60), job: 'ringtail', instance: '.+', host: '.*', container: '.+' };

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

describe('growth in ten minutes, asked after twelve', () => {
  beforeEach(needPromtool);
  const whole = grown(kernel.sessionsOpened);
  it.each([
    ['of a counter that was there is its increase', [opened('0+1x60')], 40],
    ['of one that stands still is nothing', [opened('77x60')], 0],
    ['of one that came meanwhile is all that it has', [opened('_x20 100x28')], 100],
    ['of one that came and went is all that it had', [opened('_x20 100x3 stale')], 100],
    ['of one that came, grew and went too', [opened('_x20 100 105 110 stale')], 110],
    ['over a restart is what came before and behind it', [opened('0+1x27 0+1x21')], 39],
    ['of several is their sum', [opened('0+1x60'), opened('_x20 100x28', 'ringtail_cgroup_id="8", container_id="d"')], 140],
  ] as const)('%s', (_, series, expected) => expect(complaint([up, ...series], whole, 12, [['{}', expected]])).toBe(''));

  it('is known although a scrape failed when the range began', () => {
    const series = [opened('0+1x7 stale 9+1x60'), opened('_x20 100x28', 'ringtail_cgroup_id="8", container_id="d"')];
    expect(complaint([{ ...up, values: '1x7 0 1x60' }, ...series], whole, 12, [['{}', 140]])).toBe('');
  });

  const named = `${ID}, container_name="web"`;
  it.each([
    ['of one that gets a name is what it has', [opened('_x20 100 stale', ID), opened('_x21 100 105x27', named)], 105],
    ['of one that is known late is what it has', [opened('_x20 100 stale', NOBODYS), opened('_x21 100 105x27', `${NOBODYS}, ${ID}`)], 105],
    // from its second value on
    ['of an old one that gets a name is its increase', [opened('0+1x30 stale', ID), opened('_x32 32+1x30', named)], 39],
  ] as const)('%s', (_, series, expected) => expect(complaint([up, ...series], whole, 12, [['{}', expected]])).toBe(''));

  it('of several hosts behind one target is their sum', () => {
    const series = ['x', 'y'].map((host) => opened('_x20 100x28', `${NOBODYS}, host_name="${host}"`));
    expect(complaint([up, ...series], whole, 12, [['{}', 200]])).toBe('');
  });

  it('of one container counts what is known of that container', () => {
    const series = [opened('_x20 100 stale', NOBODYS), opened('_x21 100 105x27', `${NOBODYS}, ${ID}`)];
    const expression = grown(kernel.sessionsOpened, { where: { container_id: like('c') }, by: ['container_id'] });
    expect(complaint([up, ...series], expression, 12, [['{container_id="c"}', 105]])).toBe('');
  });

  it('of all that a target has when it is scraped for the first time is what comes then', () => {
    expect(complaint([{ ...up, values: '_x19 1x40' }, opened('_x20 100x28')], whole, 12, [['{}', 0]])).toBe('');
    expect(complaint([opened('_x20 100x28')], whole, 12, [['{}', 0]])).toBe('');
  });

  it('is summed by a label, and has its conditions', () => {
    const series = [opened('_x20 100x28'), opened('_x30 7x28', 'ringtail_cgroup_id="8", container_id="d"')];
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

describe('a container', () => {
  beforeEach(needPromtool);
  const id = 'c0ffee'.repeat(10) + 'abcd';
  const called = (labels: string) => opened('0+1x60', `container_id="${id}"${labels}`);
  const { sessionsOpened } = kernel;
  const expression = withContainer(grown(sessionsOpened, { by: ['container_id'] }), {
    all: select(sessionsOpened),
    named: select(sessionsOpened, { container_name: isNot('') }),
  });
  it.each([
    ['without a name by its id', [called('')], 'c0ffeec0ffee', 40],
    ['by its name', [called(', container_name="web"')], 'web', 40],
    [
      'by its name that came late',
      [opened('_x45 7 stale', `container_id="${id}"`), opened('_x46 7x30', `container_id="${id}", container_name="web"`)],
      'web',
      7,
    ],
  ] as const)('is called %s', (_, series, name, value) => {
    const labels = [...(name === 'web' ? ['container_name="web"'] : []), `container="${name}"`, `container_id="${id}"`].join(', ');
    expect(complaint([up, ...series], expression, 12, [[`{${labels}}`, value]])).toBe('');
  });
});
