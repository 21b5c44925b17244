/** What the live commands say of the traffic generator is what it says of itself. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { trafficTypes, type Truth } from '../../scripts/demo/truth.ts';
import type { LiveMessage } from '../../src/live/events/types.ts';
import type { ReportPage } from '../../src/live/report/types.ts';
import { projectRoot, temporaryFolder } from './support/places.ts';
import { run, start, until } from './support/processes.ts';
import { launchRingtail, ringtailCommand, startRingtail, writeConfig } from './support/ringtail.ts';

const script = join(projectRoot, 'scripts/demo/traffic.ts');

/** Of a stream of JSON, what is whole. */
const linesOf = <T>(text: string): readonly T[] =>
  text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as T);

test('report and events tell of the generator what it tells of itself', async () => {
  const folder = temporaryFolder();
  const socket = join(folder, 'control.sock');
  const config = {
    extensions: { control: { path: socket, events_per_second: 100_000, buffer_bytes: '64MiB' } },
    receivers: { process: { events: ['exec', 'exit'], failed_execs: false }, sockets: {} },
    processors: { resolve_container: {}, resolve_process: {}, resolve_user: {} },
    exporters: { nop: {} },
    service: {
      telemetry: { metrics: { level: 'none' } },
      extensions: ['control'],
      pipelines: {
        logs: {
          receivers: ['process', 'sockets'],
          processors: ['resolve_container', 'resolve_process', 'resolve_user'],
          exporters: ['nop'],
        },
      },
    },
  };
  const ringtail = await startRingtail(writeConfig(folder, JSON.stringify(config)));
  const report = start(ringtailCommand, ['report', '--socket', socket, '--json', '--show-containers', '--interval', '1s']);
  const events = launchRingtail(['events', '--socket', socket, '--json', '--event', 'session', '--event', 'exec']);
  await until(() => report.stdout() !== '' && events.stderr() !== '', 'both to be attached', {
    otherwise: () => report.stderr() + events.stderr(),
  });
  const made = await run(process.execPath, [script, '--auto', '--json', '--requests', '300', '--rate', '200'], {
    env: { ...process.env, TMPDIR: folder },
  });
  expect(made).toMatchObject({ code: 0 });
  const truth = JSON.parse(made.stdout) as Truth;
  // two more pages: the first may have begun before the last connection ended
  const pages = () => linesOf<ReportPage>(report.stdout());
  const endMs = Date.parse(truth.ended);
  await until(() => pages().filter(({ fromMs }) => fromMs > endMs).length > 1, 'the last pages', { otherwise: report.stderr });
  for (const one of [report, events]) {
    one.child.kill('SIGINT');
    expect((await one.ended).code).toBe(0);
  }
  expect(await ringtail.stop()).toEqual({ code: 0, signal: null });

  for (const { cgroup, cgroupId, types } of truth.byCgroup) {
    if (cgroupId === 0) continue; // of the root of v2: others are in it too
    const groups = pages().flatMap(({ byCgroup }) => byCgroup.filter(({ name }) => name === cgroup));
    const sum = (key: 'opened' | 'sentBytes' | 'receivedBytes') => groups.reduce((all, group) => all + group[key], 0);
    const wanted = (key: 'sessions' | 'sentBytes' | 'receivedBytes') => types.http[key] + types.udp[key];
    expect([cgroup, sum('opened'), sum('sentBytes'), sum('receivedBytes')]).toEqual([
      cgroup,
      wanted('sessions'),
      wanted('sentBytes'),
      wanted('receivedBytes'),
    ]);
  }
  const container = truth.byCgroup.find(({ containerId }) => containerId !== undefined)!;
  const ofContainer = pages().flatMap(({ byContainer }) => byContainer.filter(({ id }) => id === container.containerId));
  const { http, udp } = container.types;
  expect(ofContainer.reduce((all, { sentBytes }) => all + sentBytes, 0)).toBe(http.sentBytes + udp.sentBytes);

  const messages = linesOf<LiveMessage>(events.stdout());
  expect(messages.filter(({ type }) => type === 'missed')).toEqual([]);
  const seen = messages.filter((message) => message.type === 'event');
  for (const { pid, types, programs } of truth.actors) {
    const ends = seen.filter(({ event, attributes }) => event === 'ringtail.session.end' && attributes['process.pid'] === pid);
    const bytes = (name: string) => ends.reduce((all, { attributes }) => all + Number(attributes[name] ?? 0), 0);
    const execs = seen.filter(({ event, attributes }) => event === 'ringtail.process.exec' && attributes['process.parent_pid'] === pid);
    expect([pid, ends.length, bytes('ringtail.session.bytes_sent'), bytes('ringtail.session.bytes_received'), execs.length]).toEqual([
      pid,
      types.http.sessions + types.udp.sessions,
      types.http.sentBytes + types.udp.sentBytes,
      types.http.receivedBytes + types.udp.receivedBytes,
      Object.values(programs).reduce((all, count) => all + count, 0),
    ]);
  }
  expect(trafficTypes.map((type) => truth.clients[type].failed)).toEqual([0, 0, 0, 0]);
});
