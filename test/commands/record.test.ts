/** `ringtail record` without a kernel, and a run whose receivers have an end. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NEVER } from 'rxjs';
import { z } from 'zod';
import { createRegistry } from '../../src/config/registry.ts';
import type { ComponentFactory } from '../../src/core/component.ts';
import { exitCode, KernelError } from '../../src/core/errors.ts';
import { createWorld, lifecycleOf, type World } from '../service/fakes.ts';
import { playBytes, takeApart } from '../support/captures.ts';
import { createCli } from './fakes.ts';

let folder = '';
let output = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ringtail-record-'));
  output = join(folder, 'host.ringtail');
});
afterEach(() => rmSync(folder, { recursive: true }));

/** What the last chunk of a capture says. */
const endOf = (path: string): unknown => JSON.parse(takeApart(readFileSync(path)).at(-1)!.payload.toString());

describe('ringtail record', () => {
  it.each([
    ['--duration', 'soon'],
    ['--duration', '0'],
    ['--duration', '600h'],
    ['--max-size', '1GiBB'],
    ['--max-size', '5'],
  ])('%s %s is a mistake of usage', async (option, value) => {
    const cli = createCli();
    expect(await cli.run('record', '--output', output, option, value)).toBe(exitCode.usage);
    expect(cli.stderr()).toContain(JSON.stringify(value));
    expect(existsSync(output)).toBe(false);
  });

  it('takes values to set only for a configuration, and the root of the host without one', async () => {
    const cli = createCli();
    expect(await cli.run('record', '--output', output, '--set', 'kernel.rung=tp')).toBe(exitCode.usage);
    expect(cli.stderr()).toContain('--config');
    expect(await cli.run('record', '--output', output, '--root-path', '/host', '--duration', '1ms')).toBe(exitCode.done);
    expect(cli.kernelOptions()?.config.root_path).toBe('/host');
  });

  it('ends with the time, and says what is in the capture', async () => {
    const cli = createCli();
    expect(await cli.run('record', '--output', output, '--duration', '1ms')).toBe(exitCode.done);
    expect(cli.stdout()).toBe(
      `${output}: 0 records in 0 frames, ${readFileSync(output).length} bytes; 0 not captured, 0 lost by the kernel\n`,
    );
    expect(endOf(output)).toEqual({ reason: 'duration', frames: 0, records: 0, skipped: 0, lost: 0 });
    expect(await playBytes(readFileSync(output))).toEqual({ records: 0, ending: 'complete' });
    expect(cli.world.events).toEqual(['start kernel', 'stop kernel']);
    expect(cli.handlers()).toBe(0);
  });

  it('ends with a signal, runs the pipelines of a configuration meanwhile, and asks the kernel for all', async () => {
    const config = join(folder, 'ringtail.yaml');
    writeFileSync(
      config,
      'receivers: {source: }\nexporters: {sink: }\nservice: {pipelines: {logs: {receivers: [source], exporters: [sink]}}}\n',
    );
    const cli = createCli();
    const done = cli.run('record', '--output', output, '--config', config);
    await cli.says('"ready"');
    expect(cli.kernelOptions()?.recorder?.needs).toEqual({ argsMaxBytes: 65_536, threads: true, failedExecs: true });
    cli.signal('SIGINT');
    expect(await done).toBe(exitCode.done);
    expect(endOf(output)).toMatchObject({ reason: 'signal' });
    expect(cli.world.events).toContain('stop sink');
  });

  it('touches no file that is there, and leaves none when it could not start', async () => {
    writeFileSync(output, 'mine');
    const cli = createCli();
    expect(await cli.run('record', '--output', output)).toBe(exitCode.runtime);
    expect(readFileSync(output, 'utf8')).toBe('mine');

    rmSync(output);
    const world = createWorld();
    world.hooks.set('start kernel', () => {
      throw new KernelError('there is nothing to record');
    });
    expect(await createCli(world).run('record', '--output', output)).toBe(exitCode.kernel);
    expect(existsSync(output)).toBe(false);
  });
});

/** A registry whose receivers end as the test says; `ends` is by id, undefined for one without an end. */
const endingRegistry = (world: World, ends: Readonly<Record<string, Promise<Error | undefined> | undefined>>) => {
  const factories: readonly ComponentFactory[] = [
    {
      kind: 'receiver',
      type: 'source',
      summary: 'ends',
      signals: ['logs'],
      config: z.strictObject({}),
      create: ({ id }) => ({ ...lifecycleOf(world, id), logs$: NEVER, ...(ends[id] === undefined ? {} : { finished: ends[id] }) }),
    },
    {
      kind: 'exporter',
      type: 'sink',
      summary: 'takes all',
      signals: ['logs'],
      config: z.strictObject({}),
      create: ({ id }) => ({ ...lifecycleOf(world, id), logs() {} }),
    },
  ];
  return createRegistry(factories);
};

describe('a run whose receivers have an end', () => {
  const text = `receivers: {source/a: , source/b: }
exporters: {sink: }
service:
  telemetry: {metrics: {level: none}, logs: {encoding: json}}
  pipelines: {logs: {receivers: [source/a, source/b], exporters: [sink]}}
`;
  const run = (ends: Parameters<typeof endingRegistry>[1]) => {
    const config = join(folder, 'ringtail.yaml');
    writeFileSync(config, text);
    const world = createWorld();
    const cli = createCli(world, undefined, endingRegistry(world, ends));
    return { cli, world, done: cli.run('run', '--config', config) };
  };

  it('ends when all have ended, and not before', async () => {
    const [a, b] = [Promise.withResolvers<Error | undefined>(), Promise.withResolvers<Error | undefined>()];
    const { cli, world, done } = run({ 'source/a': a.promise, 'source/b': b.promise });
    await cli.says('"ready"');
    a.resolve(undefined);
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(world.events).not.toContain('stop sink');
    b.resolve(undefined);
    expect(await done).toBe(exitCode.done);
    expect(cli.log().find(({ msg }) => msg === 'stopping')).toMatchObject({ reason: 'every receiver is through' });
  });

  it('goes on as long as one has none', async () => {
    const { cli, world, done } = run({ 'source/a': Promise.resolve(undefined) });
    await cli.says('"ready"');
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(world.events).not.toContain('stop sink');
    cli.signal('SIGTERM');
    expect(await done).toBe(exitCode.done);
  });

  it('stops in order and fails when one ended because of an error', async () => {
    const { cli, world, done } = run({ 'source/a': Promise.resolve(new Error('it is damaged')), 'source/b': Promise.resolve(undefined) });
    expect(await done).toBe(exitCode.runtime);
    expect(world.events).toContain('stop sink');
    expect(cli.stderr()).toContain('ringtail: a receiver ended early: it is damaged');
  });
});
