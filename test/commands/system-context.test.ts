import { EventEmitter, once } from 'node:events';
import { createWriteStream, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Host, systemContext } from '../../src/commands/system-context.ts';
import { loadConfig } from '../../src/config/load.ts';
import { formatProblem } from '../../src/config/problems.ts';
import { kernelSchema } from '../../src/config/schema.ts';
import { createCounters } from '../../src/core/counters.ts';
import { silentLogger } from '../../src/core/logger.ts';

const createHost = () => {
  const exits: number[] = [];
  const streams = { stdout: new EventEmitter(), stderr: new EventEmitter() };
  const host = Object.assign(new EventEmitter(), { ...streams, env: { A: 'b' }, exit: (code: number) => exits.push(code) });
  return { host, exits, context: systemContext(host as unknown as Host) };
};

describe('the examples', () => {
  const folder = new URL('../../config/', import.meta.url);
  const examples = readdirSync(folder).filter((name) => name.endsWith('.yaml'));

  it('are there', () => {
    expect(examples).toContain('default.yaml');
    expect(examples).toContain('collector.yaml');
  });

  it.each(examples)('%s is right, without anything set', async (name) => {
    const registry = await createHost().context.registry();
    const { problems } = loadConfig([{ file: name, text: readFileSync(new URL(name, folder), 'utf8') }], registry, {});
    expect(problems.map(formatProblem)).toEqual([]);
  });
});

describe('the process as commands see it', () => {
  it('hands signals on until it is told not to, and is not killed by one that comes later', () => {
    const { host, context } = createHost();
    const seen: string[] = [];
    const off = context.onSignal((name) => seen.push(name));
    host.emit('SIGINT', 'SIGINT');
    host.emit('SIGTERM', 'SIGTERM');
    off();
    // true: somebody listens, so that the default, which is to die, does not hold
    expect(host.emit('SIGINT', 'SIGINT')).toBe(true);
    expect(seen).toEqual(['SIGINT', 'SIGTERM']);
    expect(context.environment).toEqual({ A: 'b' });
  });

  it('hands SIGHUP on, and is not killed by one that nobody waits for any more', () => {
    const { host, context } = createHost();
    const seen: string[] = [];
    const off = context.onReload((name) => seen.push(name));
    host.emit('SIGHUP', 'SIGHUP');
    off();
    expect(host.emit('SIGHUP', 'SIGHUP')).toBe(true);
    expect(seen).toEqual(['SIGHUP']);
  });

  it('ends when the reader of the output goes away, unless a command stops in order', () => {
    const { host, exits, context } = createHost();
    const gone = Object.assign(new Error('write EPIPE'), { code: 'EPIPE' });
    let asked = 0;
    const off = context.onOutputClosed(() => asked++);
    host.stdout.emit('error', gone);
    expect([asked, exits]).toEqual([1, []]);
    off();
    host.stdout.emit('error', gone);
    expect([asked, exits]).toEqual([1, [0]]);
  });

  it.each([
    ['a screen', 'screen ', 'screen events '],
    ['nothing', '', 'events '],
  ])('holds what is written, and lets it go behind %s', async (_, first, expected) => {
    const file = join(mkdtempSync(join(tmpdir(), 'ringtail-output-')), 'out');
    const stdout = createWriteStream(file);
    await once(stdout, 'open');
    const { fd } = stdout as unknown as { readonly fd: number };
    const host = Object.assign(new EventEmitter(), { stdout: Object.assign(stdout, { fd }), stderr: new EventEmitter(), env: {} });
    const context = systemContext(host as unknown as Host);
    const release = context.holdOutput();
    stdout.write('events ');
    expect(readFileSync(file, 'utf8')).toBe('');
    release(first);
    stdout.end();
    await once(stdout, 'finish');
    expect(readFileSync(file, 'utf8')).toBe(expected);
    rmSync(dirname(file), { recursive: true });
  });

  it('hides no other error of the output, and every one of the log', () => {
    const { host } = createHost();
    const full = Object.assign(new Error('write ENOSPC'), { code: 'ENOSPC' });
    expect(() => host.stdout.emit('error', full)).toThrow('ENOSPC');
    expect(host.stderr.emit('error', full)).toBe(true);
  });

  it('has the components and a kernel side that is not started', async () => {
    const { context } = createHost();
    expect((await context.registry()).find('receiver', 'process')?.type).toBe('process');
    const kernel = await context.createKernel({
      config: kernelSchema.parse({}),
      counters: createCounters(),
      logger: silentLogger,
      version: '1',
    });
    expect(typeof kernel.start).toBe('function');
    expect(typeof kernel.probe).toBe('function');
  });
});
