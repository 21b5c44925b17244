/** `ringtail run` and its configuration that changes: own logs, own metrics, SIGHUP, files that are watched. */
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createWorld } from '../service/fakes.ts';
import { createCli } from './fakes.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'ringtail-reload-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** Somebody listens on it until `close`. */
const takePort = async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: () => new Promise((resolve) => server.close(resolve)),
  };
};
const freePort = async (): Promise<number> => {
  const { port, close } = await takePort();
  await close();
  return port;
};

type Parts = { readonly metrics?: string; readonly level?: string; readonly exporters?: string; readonly resource?: string };
const textOf = ({ metrics = '{level: none}', level = 'info', exporters = 'sink', resource = '{}' }: Parts): string => `receivers: {source: }
exporters: {sink: , sink/b: }
service:
  telemetry: {logs: {encoding: json, level: ${level}}, metrics: ${metrics}, resource: ${resource}}
  pipelines: {logs: {receivers: [source], exporters: [${exporters}]}}
`;
const at = (port: number): string => `{address: "127.0.0.1:${port}"}`;

/** Runs a file; `reload` writes it anew, asks by SIGHUP and gives the line that tells the outcome. */
const running = async (parts: Parts, ...more: readonly string[]) => {
  const file = path.join(folder, 'ringtail.yaml');
  await writeFile(file, textOf(parts));
  const cli = createCli();
  const done = cli.run('run', '--config', file, ...more);
  await cli.says('"ready"');
  const outcomes = () =>
    cli.log().filter(({ msg }) => / configuration (is the same as before|was re(loaded|fused)|.*everything goes on)/.test(String(msg)));
  const next = async (act: () => unknown): Promise<Readonly<Record<string, unknown>>> => {
    const before = outcomes().length;
    await act();
    return await vi.waitFor(() => {
      expect(outcomes().length).toBeGreaterThan(before);
      return outcomes().at(-1)!;
    });
  };
  return {
    cli,
    file,
    outcomes,
    next,
    reload: (text: string) =>
      next(async () => {
        await writeFile(file, text);
        cli.hangUp();
      }),
    async stop() {
      cli.signal('SIGTERM');
      expect(await done).toBe(0);
      expect(cli.handlers()).toBe(0);
    },
  };
};

const answers = (port: number): Promise<boolean> =>
  fetch(`http://127.0.0.1:${port}/metrics`).then(
    ({ ok }) => ok,
    () => false,
  );

describe('SIGHUP', () => {
  it('moves the metrics, and keeps them where they are when the new place cannot be had', async () => {
    const [first, second, taken] = [await freePort(), await freePort(), await takePort()];
    const { reload, stop } = await running({ metrics: at(first) });
    expect(await answers(first)).toBe(true);
    expect(await reload(textOf({ metrics: at(taken.port), exporters: 'sink/b' }))).toMatchObject({
      level: 'error',
      error: expect.stringContaining('EADDRINUSE'),
      advice: 'change service.telemetry.metrics.address, or set service.telemetry.metrics.level to none',
    });
    expect(await answers(first)).toBe(true);
    expect(await reload(textOf({ metrics: at(second) }))).toMatchObject({ telemetry: ['own logs, metrics or resource'] });
    expect([await answers(first), await answers(second)]).toEqual([false, true]);
    // refused for another reason: what was opened for it is closed
    expect(await reload(`${textOf({ metrics: at(first) })}kernel: {flush_rows: 1}\n`)).toMatchObject({
      error: 'kernel.flush_rows cannot change while Ringtail runs',
    });
    expect([await answers(first), await answers(second)]).toEqual([false, true]);
    await reload(textOf({}));
    expect(await answers(second)).toBe(false);
    await stop();
    await taken.close();
  });

  it('changes the level of the log, of components too', async () => {
    const { cli, reload, stop } = await running({});
    const debugLines = () => cli.log().filter(({ level }) => level === 'debug').length;
    await reload(textOf({ level: 'debug', metrics: at(await freePort()) }));
    await reload(textOf({ level: 'debug', metrics: at(await freePort()) }));
    const before = debugLines();
    expect(before).toBeGreaterThan(0);
    await reload(textOf({ level: 'info', metrics: at(await freePort()) }));
    await reload(textOf({ level: 'info' }));
    expect(debugLines() - before).toBeLessThanOrEqual(1);
    await stop();
  });

  it('tells every problem of a wrong configuration, and its warnings', async () => {
    const { cli, reload, stop } = await running({});
    expect((await reload('receivers: {source: {a: 1}}\nexporters: {snk: }\nservice: {}\n'))['problems']).toHaveLength(3);
    expect(cli.log().filter(({ msg }) => msg === 'the new configuration has a warning')).toEqual([]);
    await reload(textOf({}));
    expect(cli.log().filter(({ msg }) => msg === 'the new configuration has a warning')).toMatchObject([
      { problem: expect.stringContaining('no pipeline names this exporter') },
    ]);
    await stop();
  });

  it('of a file that went away is refused', async () => {
    const { cli, file, next, stop } = await running({});
    const line = await next(async () => {
      await rm(file);
      cli.hangUp();
    });
    expect(line).toMatchObject({ level: 'error', error: expect.stringMatching(/^cannot read the configuration .*ENOENT/) });
    await stop();
  });

  it('before there is a service is done when it has started', async () => {
    const file = path.join(folder, 'ringtail.yaml');
    await writeFile(file, textOf({}));
    const world = createWorld();
    const cli = createCli(world);
    world.hooks.set('create kernel', () => cli.hangUp());
    const done = cli.run('run', '--config', file);
    await cli.says('the configuration is the same as before');
    cli.signal('SIGTERM');
    cli.hangUp();
    expect(await done).toBe(0);
  });
});

describe('--watch', () => {
  it('reloads when a file changes, once for many changes', async () => {
    const { file, next, outcomes, stop } = await running({}, '--watch');
    const line = await next(async () => {
      for (const exporters of ['sink/b', 'sink, sink/b']) {
        await writeFile(`${file}.new`, textOf({ exporters }));
        await rename(`${file}.new`, file);
      }
    });
    expect(line).toMatchObject({ pipelines: ['logs'] });
    await next(() => writeFile(file, 'receivers: ['));
    await next(() => writeFile(file, textOf({ exporters: 'sink, sink/b' })));
    expect(outcomes().map(({ level }) => level)).toEqual(['info', 'error', 'info']);
    await stop();
  });
});
