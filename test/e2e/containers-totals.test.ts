/** A hundred containers in fifty network namespaces at once: what each counted itself is what the metrics tell, to the session and to the byte. */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { PlainPoint } from '../support/otlp-metrics.ts';
import { makeCgroup, newContainerId } from './support/cgroups.ts';
import { freePorts, temporaryFolder } from './support/places.ts';
import { until } from './support/processes.ts';
import { readSamples, startRingtail, unseenEnds, writeConfig } from './support/ringtail.ts';
import { distinct } from './support/watching.ts';
import { bySeries, containerIdOf, differences, readPoints, startTraffic, sumsBy, toldSums } from './support/traffic.ts';

const CONTAINERS = 100;
const SESSIONS = 30;

const configOf = (files: { readonly cumulative: string; readonly delta: string }, metricsPort: number): string => {
  const receiver = (temporality: string) => ({ metrics: { collection_interval: '500ms', temporality } });
  const pipeline = (name: string) => ({ receivers: [`sockets/${name}`], processors: ['resolve_container'], exporters: [`file/${name}`] });
  const exporter = (path: string) => ({ path, format: 'proto', append: false });
  return JSON.stringify({
    receivers: { 'sockets/cumulative': receiver('cumulative'), 'sockets/delta': receiver('delta') },
    processors: { resolve_container: {} },
    exporters: { 'file/cumulative': exporter(files.cumulative), 'file/delta': exporter(files.delta) },
    service: {
      telemetry: { metrics: { address: `127.0.0.1:${metricsPort}` } },
      pipelines: { 'metrics/cumulative': pipeline('cumulative'), 'metrics/delta': pipeline('delta') },
    },
  });
};

const containerOf = ({ resource }: PlainPoint): unknown => resource.find(([name]) => name === 'container.id')?.[1];

test(`${CONTAINERS} containers in ${CONTAINERS / 2} network namespaces, cumulative and delta`, async () => {
  const folder = mkdtempSync('/dev/shm/ringtail-e2e-');
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const files = { cumulative: join(folder, 'cumulative'), delta: join(folder, 'delta') };
  const [metricsPort] = (await freePorts(1)) as [number];
  const cgroups = Array.from({ length: CONTAINERS }, () => makeCgroup(`/docker/${newContainerId()}`));
  const ringtail = await startRingtail(writeConfig(temporaryFolder(), configOf(files, metricsPort)));
  const traffic = startTraffic(cgroups);
  const talked = await traffic.talk(SESSIONS);
  await traffic.end();
  expect(new Set(talked.map(({ networkCookie }) => networkCookie)).size).toBe(CONTAINERS / 2);
  const written = (await readSamples(metricsPort)).filter(
    ({ name, labels, value }) => name === 'ringtail_kernel_events' && labels['outcome'] === 'written' && value > 0,
  );
  // of cgroups that others make meanwhile it is told all the same
  expect(written.filter(({ labels }) => labels['receiver'] !== 'cgroups')).toEqual([]);

  const ids = new Set(cgroups.map(({ id }) => id));
  const ofOurs = (points: readonly PlainPoint[]) => points.filter(({ attributes }) => ids.has(Number(attributes['ringtail.cgroup.id'])));
  const idOf = new Map(cgroups.map((cgroup) => [cgroup.id, containerIdOf(cgroup)]));
  const comparisons = (points: readonly PlainPoint[], unseen = 0) => ({
    byCgroup: differences(
      sumsBy(talked, ({ cgroup }) => cgroup.id),
      toldSums(points, ({ attributes }) => attributes['ringtail.cgroup.id']),
      unseen,
    ),
    byNetwork: differences(
      sumsBy(talked, ({ networkCookie }) => networkCookie),
      toldSums(points, ({ attributes }) => attributes['ringtail.netns.cookie']),
      unseen,
    ),
    byContainer: differences(
      sumsBy(talked, ({ cgroup }) => idOf.get(cgroup.id)!),
      toldSums(points, containerOf),
      unseen,
    ),
  });
  const nothing = { byCgroup: [], byNetwork: [], byContainer: [] };
  // each is told at the collection behind its end; what stays wrong is shown by the comparison itself
  const untold = () => comparisons(readPoints(files.cumulative)).byCgroup;
  await until(() => untold().length === 0, 'the sums', { deadlineMs: 10_000 }).catch(() =>
    console.log('not told before the end:', untold().slice(0, 5)),
  );
  // an end that the kernel showed nobody costs the last bytes of one connection at most, and is told
  const unseen = unseenEnds(await readSamples(metricsPort));
  expect((await ringtail.stop()).code).toBe(0);

  const cumulative = readPoints(files.cumulative);
  const delta = readPoints(files.delta);
  const all = sumsBy(talked, () => 'all').get('all')!;
  console.log(`${bySeries(ofOurs(cumulative)).size} series; ${JSON.stringify(all)}`);
  const found = { cumulative: comparisons(cumulative, unseen), delta: comparisons(delta, unseen) };
  expect(found, `${unseen} ends were not seen`).toEqual({ cumulative: nothing, delta: nothing });
  // what never goes down begins once, and belongs to the same container from its first point on
  for (const series of bySeries(ofOurs([...delta, ...cumulative])).values()) {
    const [{ attributes }] = series as readonly [PlainPoint];
    expect(distinct(series.map(containerOf))).toEqual(distinct([idOf.get(Number(attributes['ringtail.cgroup.id']))]));
  }
  for (const series of bySeries(ofOurs(cumulative)).values()) {
    const values = series.map(({ value }) => Number(value));
    expect(values).toEqual(values.toSorted((a, b) => a - b));
    expect(new Set(series.map(({ startNs }) => startNs)).size).toBe(1);
  }
});
