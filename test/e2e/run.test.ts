/** `ringtail run` as people use it: start, stop, signals, exit codes, what stays behind. */
import { realpathSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { kernelObjectsOf, leftOf, untilGone } from './support/kernel-objects.ts';
import { freePorts, projectRoot, temporaryFolder } from './support/places.ts';
import { childrenOf, commandLine, run, start, until } from './support/processes.ts';
import { launchRingtail, parseLog, ringtailCommand, startRingtail, writeConfig } from './support/ringtail.ts';
import { startOnTerminal, withoutColours } from './support/terminal.ts';

type ConfigOptions = { readonly metricsPort: number; readonly kernel?: string; readonly debug?: string };

const toStdout = ({ metricsPort, kernel = '', debug = '{format: json}' }: ConfigOptions): string => `
receivers: {process: }
processors: {resolve_process: , resolve_user: }
exporters: {debug: ${debug}}
${kernel === '' ? '' : `kernel: ${kernel}`}
service:
  telemetry: {metrics: {address: "127.0.0.1:${metricsPort}"}}
  pipelines: {logs: {receivers: [process], processors: [resolve_process, resolve_user], exporters: [debug]}}
`;

const configured = async (
  options: Omit<ConfigOptions, 'metricsPort'> = {},
): Promise<{ readonly folder: string; readonly config: string; readonly metricsPort: number }> => {
  const folder = temporaryFolder();
  const [metricsPort] = (await freePorts(1)) as [number];
  return { folder, config: writeConfig(folder, toStdout({ metricsPort, ...options })), metricsPort };
};

/** A word that no other process of this host has. */
const marker = (what: string): string => `marker-${what}-${process.pid}-${Math.random().toString(36).slice(2)}`;

/** Runs a program with this argument again and again until the output tells of it. */
const untilSeen = (running: { stdout(): string; stderr(): string }, word: string) =>
  until(
    async () => {
      await run('/bin/true', [word]);
      return running.stdout().includes(word);
    },
    `${word} on the output`,
    { otherwise: () => `${running.stdout().slice(-2000)}\n${running.stderr()}` },
  );

/** The pid of the product among the descendants of a terminal. */
const ringtailBelow = (ancestor: number): number => {
  const descendants = [ancestor];
  for (const pid of descendants) descendants.push(...childrenOf(pid));
  const found = descendants.find((pid) => commandLine(pid).some((word) => word.endsWith('dist/main.js')));
  if (found === undefined) throw new Error(`no Ringtail below ${ancestor}`);
  return found;
};

describe('npm start', () => {
  test('shows live events, and the second start is quick; control-C ends it with 0 and leaves nothing in the kernel', async () => {
    const word = marker('start');
    const running = startOnTerminal(['npm', '--prefix', projectRoot, 'start'], { ...process.env, RINGTAIL_SKIP_PACKAGES: '1' });
    await untilSeen(running, word);
    const line = withoutColours(running.stdout())
      .split('\n')
      .find((text) => text.includes(word))!;
    expect(line).toMatch(/^\d\d:\d\d:\d\d\.\d{3} +root +\d+ .*\/true/);
    const screen = withoutColours(running.stdout());
    const startup = /ready after ([\d.]+ \w+)\./.exec(screen)?.[1];
    expect(screen).toMatch(/^seen {4}every program that starts or ends +by tracepoints \(\w+\)\r?$/m);
    expect(screen).toMatch(/^ +every connection, and who owns it +by eBPF programs\r?$/m);
    expect(screen).toContain(`in another terminal, in ${realpathSync(projectRoot)}:`.slice(0, 70));
    expect(screen).not.toContain('receiver started');
    console.log(`start-up of the product: ${startup}; a line of it: ${line.trim()}`);
    const pid = ringtailBelow(running.pid);
    const objects = kernelObjectsOf(pid);
    expect(objects.prog.length).toBeGreaterThan(0);
    expect(objects.map.length).toBeGreaterThan(0);
    expect(leftOf(objects).length).toBeGreaterThan(0);
    running.type('\x03');
    expect(await running.ended).toEqual({ code: 0, signal: null });
    expect(withoutColours(running.stdout())).toContain('the books balance');
    await untilGone(objects);
  });

  test('on a kernel that cannot be asked, it says so, why, and goes on', async () => {
    const running = startOnTerminal([ringtailCommand, 'run'], { ...process.env, RINGTAIL_INJECT_FACTS: '{"btf":false}' });
    await until(() => withoutColours(running.stdout()).includes('Ctrl-C'), 'the first screen', { otherwise: running.stdout });
    const screen = withoutColours(running.stdout());
    expect(screen).toMatch(/^seen {4}every program that starts or ends +by \/proc: short lives are missed\r?$/m);
    expect(screen).toMatch(/^but {5}\w/m);
    running.type('\x03');
    expect(await running.ended).toEqual({ code: 0, signal: null });
  });

  test('piped, it says nothing of itself between its events', async () => {
    const word = marker('piped');
    const running = start(ringtailCommand, ['run']);
    await untilSeen(running, word);
    running.child.kill('SIGINT');
    expect(await running.ended).toEqual({ code: 0, signal: null });
    expect(running.stdout()).not.toContain('another terminal');
    expect(parseLog(running.stderr()).map(({ msg }) => msg)).toContain('ready');
  });
});

describe('signals', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)(
    '%s stops in order: exit code 0, what was seen was told, nothing stays in the kernel',
    async (signal) => {
      const { config } = await configured();
      const ringtail = await startRingtail(config);
      const objects = kernelObjectsOf(ringtail.pid);
      expect(leftOf(objects).length).toBeGreaterThan(0);
      const word = marker('last');
      await run('/bin/true', [word]);
      ringtail.child.kill(signal);
      expect(await ringtail.ended).toEqual({ code: 0, signal: null });
      expect(ringtail.stdout()).toContain(word);
      expect(ringtail.logs().at(-1)).toMatchObject({ msg: 'stopped; the books balance', lost: 0 });
      await untilGone(objects);
    },
  );

  test('the second SIGINT stops at once, with exit code 4 and nothing left in the kernel', async () => {
    const folder = temporaryFolder();
    // A Collector that is not there: the queue cannot be sent, so that an orderly stop would take its whole deadline.
    const [metricsPort, nobody] = (await freePorts(2)) as [number, number];
    const config = writeConfig(
      folder,
      toStdout({ metricsPort })
        .replace('{debug: {format: json}}', `{otlp_http: {endpoint: "http://127.0.0.1:${nobody}"}}`)
        .replace('[debug]', '[otlp_http]'),
    );
    const ringtail = await startRingtail(config);
    const objects = kernelObjectsOf(ringtail.pid);
    await run('/bin/true', []);
    ringtail.child.kill('SIGINT');
    await ringtail.log('stopping');
    // npm hands a signal of the terminal on, so one that follows at once is the same; until it counts, it is sent again
    await until(() => ringtail.hasEnded() || !ringtail.child.kill('SIGINT'), 'the end');
    expect(await ringtail.ended).toEqual({ code: 4, signal: null });
    expect(ringtail.stderr()).toContain('stopped at once');
    await untilGone(objects);
  });

  test('SIGKILL leaves nothing in the kernel either', async () => {
    const { config } = await configured();
    const ringtail = await startRingtail(config);
    const objects = kernelObjectsOf(ringtail.pid);
    expect(leftOf(objects).length).toBeGreaterThan(0);
    ringtail.child.kill('SIGKILL');
    await ringtail.ended;
    await untilGone(objects);
  });

  test('a reader that goes away ends it cleanly', async () => {
    const { config } = await configured();
    const pipe = start('bash', ['-c', '"$0" run --config "$1" | head -n 3; echo "codes ${PIPESTATUS[*]}"', ringtailCommand, config]);
    await until(
      async () => {
        await run('/bin/true', []);
        return pipe.hasEnded();
      },
      'the pipe to end',
      { otherwise: pipe.stderr },
    );
    const lines = pipe.stdout().trim().split('\n');
    expect(lines).toHaveLength(4);
    expect(lines[3]).toBe('codes 0 0');
    for (const line of lines.slice(0, 3)) expect(JSON.parse(line)).toBeTypeOf('object');
    expect(parseLog(pipe.stderr()).filter(({ level }) => level === 'error')).toEqual([]);
  });
});

describe('exit codes', () => {
  test('1: a configuration with mistakes, all told with line and column', async () => {
    const folder = temporaryFolder();
    const config = writeConfig(
      folder,
      'receivers: {proces: }\nexporters: {debug: {verbosty: normal}}\nservice: {pipelines: {logs: {receivers: [process], exporters: [debug]}}}\n',
    );
    const { code, stderr, stdout } = await run(ringtailCommand, ['run', '--config', config]);
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toContain(`${config}:1:13: `);
    expect(stderr).toContain(`${config}:2:21: `);
  });

  test('1: a file that does not exist', async () => {
    const { code, stderr } = await run(ringtailCommand, ['run', '--config', '/nonexistent/ringtail.yaml']);
    expect(code).toBe(1);
    expect(stderr).toContain('/nonexistent/ringtail.yaml');
  });

  test.each([[['run', '--colour']], [['fly']], [['run', '--config']]])('2: %j', async (args) => {
    const { code, stderr } = await run(ringtailCommand, args);
    expect(code).toBe(2);
    expect(stderr).toContain('--help');
  });

  test('3: neither kernel nor procfs', async () => {
    const empty = temporaryFolder();
    const { config } = await configured({ kernel: `{rung: procfs, root_path: ${JSON.stringify(empty)}}` });
    const { code, stderr } = await run(ringtailCommand, ['run', '--config', config]);
    expect(code).toBe(3);
    expect(stderr).toContain('ringtail: ');
    expect(stderr).toContain(empty);
  });
});

/** Runs as the user nobody what lies in the project, wherever that is: it is mounted where everybody may read. */
const asNobody = (folder: string, args: readonly string[]) =>
  start('unshare', [
    '--mount',
    'sh',
    '-c',
    'mount --bind "$0" "$1" && shift 1 && exec setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all --no-new-privs -- "$@"',
    projectRoot,
    folder,
    join(folder, 'bin/ringtail'),
    ...args,
  ]);

describe('an ordinary user', () => {
  test('gets the procfs rung and a clear line', async () => {
    const { config } = await configured({ kernel: '{procfs_interval: 100ms}' });
    const mounted = temporaryFolder();
    const ringtail = asNobody(mounted, ['run', '--config', config]);
    const receiver = await until(() => parseLog(ringtail.stderr()).find(({ msg }) => msg === 'receiver started'), 'the receiver to start', {
      otherwise: () => ringtail.stderr(),
    });
    expect(receiver).toMatchObject({ rung: 'procfs' });
    expect(
      parseLog(ringtail.stderr())
        .filter(({ level }) => level === 'warn')
        .map(({ msg }) => msg),
    ).toContain('the kernel cannot be asked; processes are read from /proc, which misses much');
    const word = marker('procfs');
    // lives long enough to be seen there
    const sleeper = start('/bin/sh', ['-c', 'read -r line', word], { stdio: ['pipe', 'pipe', 'pipe'] });
    await until(() => ringtail.stdout().includes(word), 'the process on the output', { otherwise: ringtail.stderr });
    const record = JSON.parse(
      ringtail
        .stdout()
        .split('\n')
        .find((line) => line.includes(word))!,
    ) as Readonly<Record<string, unknown>>;
    expect(JSON.stringify(record)).toContain(`"ringtail.attribution":"procfs"`);
    expect(JSON.stringify(record)).toContain(`"process.pid":${sleeper.pid}`);
    sleeper.child.stdin!.end();
    ringtail.child.kill('SIGINT');
    expect(await ringtail.ended).toEqual({ code: 0, signal: null });
  });

  test('is told by exit code 3 where nothing can work', async () => {
    const empty = temporaryFolder();
    const { config } = await configured({ kernel: `{root_path: ${JSON.stringify(empty)}}` });
    const ringtail = asNobody(temporaryFolder(), ['run', '--config', config]);
    expect(await ringtail.ended).toEqual({ code: 3, signal: null });
    expect(ringtail.stderr()).toContain('doctor');
  });
});

describe('places', () => {
  test('runs from any folder through symbolic links', async () => {
    const folder = temporaryFolder();
    symlinkSync(ringtailCommand, join(folder, 'first'));
    symlinkSync('first', join(folder, 'second'));
    const { code, stdout } = await run('./second', ['--version'], { cwd: folder });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test('two at once do not disturb each other', async () => {
    const [a, b] = await Promise.all([configured(), configured()]);
    const both = await Promise.all([startRingtail(a.config), startRingtail(b.config)]);
    const objects = both.map(({ pid }) => kernelObjectsOf(pid));
    const first = marker('both');
    await run('/bin/true', [first]);
    await Promise.all(both.map((one) => until(() => one.stdout().includes(first), `${first} on both`, { otherwise: one.stderr })));
    expect(await both[0].stop()).toEqual({ code: 0, signal: null });
    await untilGone(objects[0]!);
    const second = marker('alone');
    await run('/bin/true', [second]);
    expect(await both[1].stop()).toEqual({ code: 0, signal: null });
    expect(both[1].stdout()).toContain(second);
    expect(both[0].stdout()).not.toContain(second);
    await untilGone(objects[1]!);
    for (const one of both) expect(one.logs().at(-1)).toMatchObject({ msg: 'stopped; the books balance' });
  });

  test('the second with the default metrics port runs on without its page', async () => {
    // nobody's configuration names an address here
    const folder = temporaryFolder();
    const config = writeConfig(folder, toStdout({ metricsPort: 1 }).replace(/ {2}telemetry:.*\n/, ''));
    const first = await startRingtail(config);
    const second = await startRingtail(config);
    expect(second.logs().map(({ msg }) => msg)).toContain(
      'running without the metrics page; choose a free address with service.telemetry.metrics.address',
    );
    for (const one of [second, first]) expect(await one.stop()).toEqual({ code: 0, signal: null });
  });

  test('a port that the configuration names and that is taken is a mistake of the configuration', async () => {
    const { config } = await configured();
    const first = await startRingtail(config);
    const second = launchRingtail(['run', '--config', config]);
    expect(await second.ended).toEqual({ code: 1, signal: null });
    expect(second.stderr()).toContain('service.telemetry.metrics.address');
    expect(await first.stop()).toEqual({ code: 0, signal: null });
  });
});
