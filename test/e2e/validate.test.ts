/** What `ringtail validate` says of this host, beside a running instance and to an ordinary user. */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { freePorts, temporaryFolder } from './support/places.ts';
import { run } from './support/processes.ts';
import { ringtailCommand, startRingtail, writeConfig } from './support/ringtail.ts';

const NOBODY = 65_534;

const configOf = (metricsPort: number, rung = 'auto'): string => `receivers:
  process:
exporters:
  debug: {format: json}
kernel:
  rung: ${rung}
service:
  telemetry: {metrics: {address: "127.0.0.1:${metricsPort}"}}
  pipelines:
    logs: {receivers: [process], exporters: [debug]}
`;

test('the ports of a running instance are its own, for a reload of it', async () => {
  const folder = temporaryFolder();
  const [port] = (await freePorts(1)) as [number];
  const config = writeConfig(folder, configOf(port));
  const ringtail = await startRingtail(config);
  const { code, stderr, stdout } = await run(ringtailCommand, ['validate', '--config', config]);
  expect(stderr).toBe(
    `${config}:8:34: warning: service.telemetry.metrics.address: port ${port} is in use by the Ringtail that runs (pid ${ringtail.pid}); right for a reload of it\n`,
  );
  expect(stdout).toContain('host: passed; 1 warning; processes are followed by');
  expect(code).toBe(0);
  expect(await ringtail.stop()).toEqual({ code: 0, signal: null });
});

describe('a container', () => {
  /** In pid and mount namespaces of its own, with the host's root at `host` and a procfs of the new namespace. */
  const inContainer = (folder: string, command: string) =>
    run(
      'unshare',
      ['--pid', '--fork', '--mount', 'sh', '-c', `mkdir -p host && mount --rbind / host && mount -t proc proc /proc && ${command}`],
      { cwd: folder },
    );

  test('that has not the pid namespace of the host is warned', async () => {
    const folder = temporaryFolder();
    const [port] = (await freePorts(1)) as [number];
    const config = writeConfig(folder, configOf(port));
    const { code, stderr, stdout } = await inContainer(folder, `${ringtailCommand} validate --config ${config} --root-path ${folder}/host`);
    expect(stderr).toMatch(
      /^--root-path:1:1: warning: kernel\.root_path: numbers of processes are not those that the host shows; pid namespace: Ringtail runs in a pid namespace of its own \(/m,
    );
    expect(stdout).toContain('processes are followed by');
    expect(code).toBe(0);
    const doctor = await inContainer(folder, `${ringtailCommand} doctor --json --root-path ${folder}/host`);
    const { checks } = JSON.parse(doctor.stdout) as { readonly checks: readonly { readonly name: string; readonly ok: boolean }[] };
    expect(checks.filter(({ name }) => name === 'pid namespace' || name === 'procfs').map(({ name, ok }) => `${name} ${ok}`)).toEqual([
      'procfs true',
      'pid namespace false',
    ]);
  });

  test('that has it is not, and a root that is none is an error', async () => {
    const folder = temporaryFolder();
    const [port] = (await freePorts(1)) as [number];
    const config = writeConfig(folder, configOf(port));
    const mounted = await run(
      'unshare',
      [
        '--mount',
        'sh',
        '-c',
        `mkdir host && mount --rbind / host && ${ringtailCommand} validate --config ${config} --root-path ${folder}/host`,
      ],
      { cwd: folder },
    );
    expect(mounted).toMatchObject({ code: 0, stderr: '' });
    const { code, stderr } = await run(ringtailCommand, ['validate', '--config', config, '--root-path', folder]);
    expect(stderr).toContain(`kernel.root_path: ${folder} does not look like the root of a host: it has no proc\n`);
    expect(code).toBe(1);
  });
});

describe('an ordinary user', () => {
  const asNobody = (folder: string, ...args: string[]) =>
    run(ringtailCommand, args, {
      uid: NOBODY,
      gid: NOBODY,
      cwd: folder,
      env: { ...process.env, HOME: folder, NODE_COMPILE_CACHE: join(folder, 'cache') },
    });
  const open = () => {
    const folder = temporaryFolder();
    chmodSync(folder, 0o777);
    return folder;
  };

  test('is told what is missing', async () => {
    const folder = open();
    const [port] = (await freePorts(1)) as [number];
    const config = writeConfig(folder, configOf(port));
    const { code, stderr, stdout } = await asNobody(folder, 'validate', '--config', config);
    expect(stderr).toMatch(/:2:3: warning: receivers\.process: processes can only be read from \/proc here, .*run as root/);
    expect(stdout).toMatch(/host: passed; \d warnings; processes are followed by procfs\n/);
    expect(code).toBe(0);
  });

  test('gets exit code 3 when the configuration wants more', async () => {
    const folder = open();
    const [port] = (await freePorts(1)) as [number];
    const config = writeConfig(folder, configOf(port, 'tp_btf'));
    const { code, stderr } = await asNobody(folder, 'validate', '--config', config);
    expect(stderr).toMatch(/:6:9: kernel\.rung: tp_btf does not work here; .*\n/);
    expect(stderr).toContain('is right, but cannot run here; see what "ringtail doctor" says\n');
    expect(code).toBe(3);
  });

  test('is told what is not for this user', async () => {
    const folder = open();
    const [port] = (await freePorts(1)) as [number];
    const secret = join(folder, 'key.pem');
    writeFileSync(secret, 'x', { mode: 0o600 });
    const text = configOf(port)
      .replace('debug: {format: json}', `file: {path: /etc/ringtail.json}\n  otlp_http: {headers_files: {authorization: ${secret}}}`)
      .replace('[debug]', '[file, otlp_http]');
    const config = writeConfig(folder, text);
    const { code, stderr } = await asNobody(folder, 'validate', '--config', config);
    expect(stderr).toContain(`${config}:4:16: exporters.file.path: this user may not write into /etc (EACCES)\n`);
    expect(stderr).toContain(
      `${config}:5:46: exporters.otlp_http.headers_files.authorization: cannot read ${secret}: it may not be read by this user (EACCES)\n`,
    );
    expect(code).toBe(1);
  });

  test('gets a configuration that is right', async () => {
    const folder = open();
    const init = await asNobody(folder, 'init', '--endpoint', 'https://collector.example:4318');
    expect(init).toMatchObject({ code: 0, stderr: '' });
    const { code } = await asNobody(folder, 'validate', '--config', 'ringtail.yaml');
    expect(code).toBe(0);
  });
});
