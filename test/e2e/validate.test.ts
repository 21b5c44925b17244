/** What `ringtail validate` says of this host, beside a running instance and to an ordinary user. */
import { chmodSync } from 'node:fs';
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

  test('gets a configuration that is right', async () => {
    const folder = open();
    const init = await asNobody(folder, 'init', '--endpoint', 'https://collector.example:4318');
    expect(init).toMatchObject({ code: 0, stderr: '' });
    const { code } = await asNobody(folder, 'validate', '--config', 'ringtail.yaml');
    expect(code).toBe(0);
  });
});
