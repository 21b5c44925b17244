/** `ringtail report`: what a generator of traffic did, attached to a Ringtail and alone, for several who look at once. */
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Truth } from '../../scripts/demo/truth.ts';
import type { ReportGroup, ReportPage } from '../../src/live/report/types.ts';
import { textWidth } from '../../src/text/width.ts';
import { enterCgroup, makeCgroup, newContainerId } from './support/cgroups.ts';
import { projectRoot, temporaryFolder } from './support/places.ts';
import { type Running, run, start, until } from './support/processes.ts';
import { type Ringtail, ringtailCommand, startRingtail, writeConfig } from './support/ringtail.ts';
import { startOnTerminal, withoutColours } from './support/terminal.ts';

const NOBODY = 65_534;
const REQUESTS = 200;

/** Without a receiver of sockets: what is looked at is loaded while somebody looks. */
const startSocket = async (): Promise<{ readonly ringtail: Ringtail; readonly socket: string }> => {
  const folder = temporaryFolder();
  const socket = join(folder, 'control.sock');
  const config = `
receivers: {process: }
exporters: {nop: }
extensions: {control: {path: ${socket}}}
service:
  extensions: [control]
  telemetry: {metrics: {level: none}}
  pipelines: {logs: {receivers: [process], exporters: [nop]}}
`;
  return { ringtail: await startRingtail(writeConfig(folder, config)), socket };
};

const isLooking = (running: Running): Promise<unknown> =>
  until(() => `${running.stdout()}${running.stderr()}`.includes('Ctrl-C ends'), 'the first line', { otherwise: running.stderr });

const startReport = async (args: readonly string[]) => {
  const running = start(ringtailCommand, ['report', '--json', ...args]);
  await isLooking(running);
  const pages = () => running.stdout().split('\n').slice(0, -1).map((line) => JSON.parse(line) as ReportPage); // prettier-ignore
  return {
    ...running,
    pages,
    /** Of a group over all pages. */
    sumsOf(groupOf: (page: ReportPage) => ReportGroup | undefined) {
      const all = pages().flatMap((page) => groupOf(page) ?? []);
      const sum = (name: 'opened' | 'failed' | 'closed' | 'sentBytes' | 'receivedBytes') => all.reduce((so, group) => so + group[name], 0);
      return [sum('opened'), sum('failed'), sum('closed'), sum('sentBytes'), sum('receivedBytes')];
    },
    async stop() {
      running.child.kill('SIGINT');
      expect(await running.ended).toEqual({ code: 0, signal: null });
    },
  };
};

test('tells what a generator of traffic did, attached and alone, whatever the interval', { timeout: 180_000 }, async () => {
  const { ringtail, socket } = await startSocket();
  const attached = ['--show-containers', '--socket', socket];
  const looks = [
    await startReport(['--interval', '1s', ...attached]),
    await startReport(['--interval', '1700ms', '--show-events', '1000', ...attached]),
    await startReport(['--interval', '2s', '--show-containers', '--alone']),
  ];
  const traffic = ['scripts/demo/traffic.ts', '--auto', '--json', '--type', 'http', '--requests', String(REQUESTS), '--rate', '0'];
  const generator = await run(process.execPath, traffic, { cwd: projectRoot });
  expect(generator).toMatchObject({ code: 0 });
  const truth = JSON.parse(generator.stdout) as Truth;
  const cgroups = truth.byCgroup.filter(({ cgroupId }) => cgroupId !== 0);
  expect(cgroups.length).toBeGreaterThan(1);
  const endMs = Date.now();
  for (const look of looks) {
    await until(() => look.pages().some(({ fromMs }) => fromMs > endMs), 'a report behind the end', { otherwise: look.stderr });
    for (const { cgroupId, types } of cgroups) {
      const { sessions, sentBytes, receivedBytes } = types.http;
      const found = look.sumsOf(({ byCgroup }) => byCgroup.find(({ id }) => id === String(cgroupId)));
      expect(found).toEqual([sessions, 0, sessions, sentBytes, receivedBytes]);
    }
    for (const { containerId, types } of cgroups.filter((one) => one.containerId !== undefined)) {
      const { sessions, sentBytes, receivedBytes } = types.http;
      const found = look.sumsOf(({ byContainer }) => byContainer.find(({ id }) => id === containerId));
      expect(found).toEqual([sessions, 0, sessions, sentBytes, receivedBytes]);
    }
    expect(cgroups.some(({ containerId }) => containerId !== undefined)).toBe(true);
    for (const { notes } of look.pages()) expect(notes).toEqual([]);
  }
  const recent = looks[1]!.pages().flatMap((page) => page.recent);
  expect(recent.some(({ process, container }) => process.endsWith('/demo-client') && container !== '')).toBe(true);
  const [first, second] = looks[0]!.pages();
  expect(second!.fromMs).toBe(first!.toMs);
  for (const look of looks) await look.stop();
  expect((await ringtail.stop()).code).toBe(0);
});

/** A session of a program in a cgroup, which it says where it is over. */
const talkFrom = async (path: string): Promise<void> => {
  const server = createServer((one) => one.end('hello'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { readonly port: number };
  const cgroup = makeCgroup(path);
  const talk = start('sh', ['-c', 'read line; exec bash -c "cat < /dev/tcp/127.0.0.1/$line"'], { stdio: ['pipe', 'pipe', 'pipe'] });
  enterCgroup(cgroup, talk.pid);
  talk.child.stdin!.end(`${port}\n`);
  expect(await talk.ended).toEqual({ code: 0, signal: null });
  await new Promise((resolve) => server.close(resolve));
};

test.each([80, 200])(
  'on a terminal of %i columns nothing wraps, and hostile names do not reach it raw',
  { timeout: 60_000 },
  async (width) => {
    const { ringtail, socket } = await startSocket();
    const inner = `stty cols ${width} rows 24; exec ${ringtailCommand} report --interval 1s --show-events 500 --show-containers --socket ${socket}`;
    const running = startOnTerminal(['sh', '-c', inner], { ...process.env, NO_COLOR: '', LANG: 'C.UTF-8' });
    await isLooking(running);
    await talkFrom('/ringtail-\u001b[2J\u001b]0;owned\u0007\u202e漢字');
    await talkFrom(`/ringtail-boxes/docker-${newContainerId()}.scope`);
    const shown = (): string => withoutColours(running.stdout());
    await until(() => /ringtail-\\x1b/.test(shown()) && /\[[0-9a-f]+…?\]/.test(shown()), 'the sessions', { otherwise: running.stdout });
    running.type('\x03');
    expect(await running.ended).toEqual({ code: 0, signal: null });
    const controls = new Set(
      shown()
        .replaceAll('\r\n', '')
        .match(/[\p{Cc}\p{Bidi_Control}]/gu),
    );
    controls.delete('\x03');
    expect([...controls]).toEqual([]);
    const lines = shown().split('\r\n').filter((line) => !line.startsWith('ringtail: ')); // prettier-ignore
    expect(lines.length).toBeGreaterThan(8);
    for (const line of lines) expect([line, textWidth(line) <= width]).toEqual([line, true]);
    expect((await ringtail.stop()).code).toBe(0);
  },
);

test('ends when Ringtail does, and quietly when nobody reads; says who may not look, and which cgroup is meant', { timeout: 90_000 }, async () => {
  const { ringtail, socket } = await startSocket();
  const piped = start('sh', ['-c', `${ringtailCommand} report --interval 1s --socket ${socket} --json | head -1`]);
  const look = await startReport(['--socket', socket]);
  makeCgroup('/ringtail-report-meant');
  const wrong = await run(ringtailCommand, ['report', '--cgroup', '/ringtail-report-mean', '--socket', socket]);
  expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('there is no cgroup "/ringtail-report-mean"; did you mean "/ringtail-report-meant"?')]);
  expect(await piped.ended).toEqual({ code: 0, signal: null });
  expect(piped.stdout().split('\n')).toHaveLength(2);
  expect((await ringtail.stop()).code).toBe(0);
  expect((await look.ended).code).toBe(4);
  expect(look.stderr()).toMatch(/the Ringtail of pid \d+ (?:has ended|broke; did it end\?)/);
  const nobody = await run('setpriv', [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', ringtailCommand, 'report', '--alone']);
  expect(nobody.code).toBe(3);
  expect(nobody.stderr).toContain('run "sudo ringtail report"');
}); // prettier-ignore
