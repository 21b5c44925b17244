/** What runtimes left on disk is what somebody else may have written: nothing of it stops Ringtail, is followed or is printed raw. */
import { spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type Cgroup, makeCgroup } from './support/cgroups.ts';
import { CONTROLS, GOOD_NAME, makeHostileState, SECRET } from './support/hostile-state.ts';
import { readOtlpFile, type LogRecord } from './support/otlp-file.ts';
import { freePorts, temporaryFolder, workload } from './support/places.ts';
import { rssAnonKib, until } from './support/processes.ts';
import { askForLedger, readSamples, startRingtail, sumOf, writeConfig } from './support/ringtail.ts';
import { belongingOf, byExecutable } from './support/watching.ts';

const RSS_LIMIT_KIB = 256 * 1024;

/** Runs the program in the cgroup, from its exec on. */
const runIn = async ({ folder }: Cgroup, program: string): Promise<void> => {
  const child = spawn('sh', ['-c', `echo $$ > ${folder}/cgroup.procs && exec ${program} child`], { stdio: 'ignore' });
  expect(await new Promise((resolve) => child.on('exit', resolve))).toBe(0);
};

test('hostile state of a runtime', async () => {
  const folder = temporaryFolder();
  const memory = mkdtempSync('/dev/shm/ringtail-e2e-');
  onTestFinished(() => rmSync(memory, { recursive: true, force: true }));
  const [metricsPort] = (await freePorts(1)) as [number];
  const state = join(folder, 'docker');
  const containers = makeHostileState(state);
  const file = join(memory, 'records');
  const config = {
    receivers: { process: {} },
    processors: { resolve_process: {}, resolve_container: { runtimes: { docker: [state] } } },
    exporters: { debug: { verbosity: 'detailed' }, file: { path: file, format: 'proto', append: false } },
    service: {
      telemetry: { metrics: { address: `127.0.0.1:${metricsPort}` } },
      pipelines: { logs: { receivers: ['process'], processors: ['resolve_process', 'resolve_container'], exporters: ['debug', 'file'] } },
    },
  };
  const ringtail = await startRingtail(writeConfig(folder, JSON.stringify(config)));
  const started = containers.map(({ id }, index) => {
    const program = join(folder, `hostile-${index}-${process.pid}`);
    copyFileSync(workload('container-life'), program);
    return { cgroup: makeCgroup(`/docker/${id}`), program, id };
  });
  const errors = async () =>
    Object.fromEntries(
      (await readSamples(metricsPort))
        .filter(({ name, value }) => name.startsWith('ringtail_container_state_errors') && value > 0)
        .map(({ labels, value }) => [labels['reason'], value]),
    );
  const reasons = new Set(containers.map(({ reason }) => reason).filter((reason) => reason !== ''));
  await until(
    async () => {
      for (const { cgroup, program } of started) await runIn(cgroup, program);
      return Object.keys(await errors()).length >= reasons.size && ringtail.stdout().includes(GOOD_NAME);
    },
    'each to be counted',
    { otherwise: () => `${ringtail.stderr()}\n${ringtail.stdout().slice(-2000)}` },
  );
  for (const { cgroup, program } of started) await runIn(cgroup, program);
  expect(new Set(Object.keys(await errors()))).toEqual(reasons);
  expect(rssAnonKib(ringtail.pid)).toBeLessThan(RSS_LIMIT_KIB);
  await until(async () => {
    const { code, ledger } = await askForLedger(metricsPort);
    return code === 0 && sumOf(ledger, 'exporter', 'held') === 0;
  }, 'the books to balance');
  expect((await ringtail.stop()).code).toBe(0);

  // a warning, and of each of many no line of its own
  const warnings = ringtail.logs().filter(({ level }) => level === 'warn');
  expect(warnings.length).toBeGreaterThan(0);
  const said = [ringtail.stdout(), ringtail.stderr()].join('');
  expect([...new Set(said.replaceAll('\n', '').match(/[\p{Cc}\p{Bidi_Control}]/gu))]).toEqual([]);
  for (const text of [said, readFileSync(file, 'latin1')]) {
    expect(text).not.toContain(SECRET);
    expect(text).not.toContain(CONTROLS.slice(1));
  }

  const records: LogRecord[] = [];
  await readOtlpFile(file, (record) => records.push(record));
  const told = byExecutable(records);
  const last = started.map(({ program }) => belongingOf(told.get(program.split('/').at(-1)!)!.at(-1)!));
  expect(last.map((one) => [one['container.id'], one['container.runtime.name'], one['ringtail.container']])).toEqual(
    started.map(({ id }) => [id, 'docker', true]),
  );
  expect(last.map((one) => one['container.name'])).toEqual(containers.map((_, index) => (index === 0 ? GOOD_NAME : undefined)));
});
