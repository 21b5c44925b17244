/** A real Prometheus that scrapes what the tests tell it to. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'vitest';
import { freePorts } from './places.ts';
import { type Running, start, until } from './processes.ts';

export type PromSample = { readonly labels: Readonly<Record<string, string>>; readonly value: number };

export type Prometheus = {
  readonly port: number;
  readonly running: Running;
  /** An instant query whose result is a vector or a scalar; throws what Prometheus says of a wrong one. */
  query(promql: string, atUnixS?: number): Promise<readonly PromSample[]>;
  /** Values over time by series, each `[unix s, value]`. */
  queryRange(promql: string, startUnixS: number, endUnixS: number, stepS: number): Promise<readonly PromSeries[]>;
  /** Resolves when every target was scraped with success, and that began behind this moment. */
  scraped(): Promise<void>;
  stop(): Promise<void>;
};

export type PromSeries = {
  readonly labels: Readonly<Record<string, string>>;
  readonly values: readonly (readonly [number, number])[];
};

export type PrometheusOptions = {
  readonly folder: string;
  /** `host:port`; the path is /metrics. */
  readonly targets: readonly string[];
  readonly intervalMs?: number;
  /** false: labels `job` and `instance` of the series become `exported_job` and `exported_instance`. */
  readonly honorLabels?: boolean;
  /** Lines of the scrape configuration, with their indentation of four blanks. */
  readonly scrape?: readonly string[];
};

type Target = { readonly health: string; readonly lastError: string; readonly lastScrape: string };
type Answer<T> = { readonly status: string; readonly error?: string; readonly data: T };
type Labels = Readonly<Record<string, string>>;
type Result = { readonly resultType: string; readonly result: unknown };

/** Skips the test, with the reason, where there is none. */
export const needPrometheus = (context: TestContext): void => {
  if (spawnSync('prometheus', ['--version']).status !== 0) context.skip('prometheus is not installed');
};

const configOf = ({ targets, intervalMs = 250, honorLabels = true, scrape = [] }: PrometheusOptions): string => `
global: {scrape_interval: ${intervalMs}ms, scrape_timeout: ${intervalMs}ms}
scrape_configs:
  - job_name: test
    honor_labels: ${honorLabels}
    static_configs: [{targets: ${JSON.stringify(targets)}}]
${scrape.map((line) => `${line}\n`).join('')}`;

/** Starts it on loopback and waits until it answers. */
export const startPrometheus = async (options: PrometheusOptions): Promise<Prometheus> => {
  const folder = join(options.folder, 'prometheus');
  mkdirSync(folder, { recursive: true });
  const config = join(folder, 'prometheus.yaml');
  writeFileSync(config, configOf(options));
  const [port] = (await freePorts(1)) as [number];
  const running = start('prometheus', [
    `--config.file=${config}`,
    `--storage.tsdb.path=${join(folder, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--log.level=warn',
  ]);
  const ask = async <T>(path: string): Promise<T> => {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`);
    const { status, error, data } = (await response.json()) as Answer<T>;
    if (status !== 'success') throw new Error(`Prometheus says of ${path}: ${error}`);
    return data;
  };
  const isReady = async (): Promise<boolean> => {
    if (running.hasEnded()) throw new Error(`Prometheus ended at its start\n${running.stderr()}`);
    return await fetch(`http://127.0.0.1:${port}/-/ready`).then(({ ok }) => ok, () => false); // prettier-ignore
  };
  await until(isReady, 'Prometheus to answer', { otherwise: running.stderr });
  return {
    port,
    running,
    async query(promql, atUnixS) {
      const time = atUnixS === undefined ? '' : `&time=${atUnixS}`;
      const { resultType, result } = await ask<Result>(`query?query=${encodeURIComponent(promql)}${time}`);
      if (resultType === 'scalar') return [{ labels: {}, value: Number((result as [number, string])[1]) }];
      if (resultType !== 'vector') throw new Error(`${promql} is a ${resultType}`);
      return (result as { metric: Labels; value: [number, string] }[]).map(({ metric: labels, value: [, value] }) => ({ labels, value: Number(value) }));
    },
    async queryRange(promql, startUnixS, endUnixS, stepS) {
      const { result } = await ask<Result>(
        `query_range?query=${encodeURIComponent(promql)}&start=${startUnixS}&end=${endUnixS}&step=${stepS}`,
      );
      return (result as { metric: Labels; values: [number, string][] }[]).map(({ metric: labels, values }) => ({
        labels,
        values: values.map(([at, value]) => [at, Number(value)] as const),
      }));
    },
    async scraped() {
      const sinceMs = Date.now();
      const targets = () => ask<{ activeTargets: readonly Target[] }>('targets?state=active');
      let last: readonly Target[] = [];
      await until(
        async () => {
          last = (await targets()).activeTargets;
          return last.length === options.targets.length && last.every((one) => one.health === 'up' && Date.parse(one.lastScrape) > sinceMs);
        },
        'Prometheus to scrape',
        { otherwise: () => JSON.stringify(last.map(({ health, lastError }) => `${health} ${lastError}`)) },
      );
    },
    async stop() {
      running.child.kill('SIGTERM');
      await running.ended;
    },
  };
}; // prettier-ignore
