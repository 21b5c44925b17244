/** The command line as a process of its own: what cannot be tried inside the test. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'ringtail-process-'));
});
afterAll(() => rm(folder, { recursive: true }));

const children = new Set<ChildProcess>();
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  children.clear();
});

const ringtail = (...argv: string[]) => {
  const child = spawn(process.execPath, [main, ...argv], { stdio: ['ignore', 'pipe', 'pipe'] });
  children.add(child);
  const text = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => (text.stdout += String(chunk)));
  child.stderr.on('data', (chunk) => (text.stderr += String(chunk)));
  const closed = once(child, 'close').then(([code]) => code as number | null);
  return {
    child,
    text,
    closed,
    /** Resolves when stderr has this text; fails when the process ends without it. */
    says: (wanted: string): Promise<void> => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const look = () => text.stderr.includes(wanted) && resolve();
      child.stderr.on('data', look);
      look();
      void closed.then((code) => reject(new Error(`ended with ${code}: ${text.stderr}`)));
      return promise;
    },
  };
};

/** Needs no privileges: processes come from procfs. */
const configFile = async (exporters: string, exporter: string): Promise<string> => {
  const file = path.join(folder, `${exporter.replace('/', '-')}.yaml`);
  await writeFile(
    file,
    `receivers: {process: }
exporters: ${exporters}
kernel: {rung: procfs, procfs_interval: 100ms}
service:
  telemetry: {logs: {encoding: console}, metrics: {level: none}}
  pipelines: {logs: {receivers: [process], exporters: [${exporter}]}}
`,
  );
  return file;
};

/** Gives the receiver something to tell, until `done`. */
const keepBusy = async (done: Promise<unknown>): Promise<void> => {
  const ended = done.then(() => true);
  for (;;) {
    const busy = once(spawn('sleep', ['0.25'], { stdio: 'ignore' }), 'close').then(() => false);
    if (await Promise.race([ended, busy])) return;
  }
};

describe('the process', () => {
  it('answers with text and exit code', async () => {
    const version = ringtail('--version');
    expect(await version.closed).toBe(0);
    expect(version.text.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    const usage = ringtail('rum');
    expect(await usage.closed).toBe(2);
    expect(usage.text.stderr).toContain("unknown command 'rum'");
    const config = ringtail('validate', '--config', path.join(folder, 'none.yaml'));
    expect(await config.closed).toBe(1);
    expect(config.text.stderr).toContain('cannot read the configuration');
  });

  it('writes more than a pipe holds, to the end', async () => {
    const { text, closed } = ringtail('schema');
    expect(await closed).toBe(0);
    expect(text.stdout.length).toBeGreaterThan(2 * 65_536);
    expect(JSON.parse(text.stdout)).toHaveProperty('properties.receivers');
  });

  it('ends in silence when nobody reads what it prints', async () => {
    const { child, closed, text } = ringtail('components');
    child.stdout!.destroy();
    expect(await closed).toBe(0);
    expect(text.stderr).toBe('');
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('stops in order at %s', async (signal) => {
    const { child, closed, says, text } = ringtail('run', '--config', await configFile('{debug: }', 'debug'));
    await says('ready');
    child.kill(signal);
    expect(await closed).toBe(0);
    expect(text.stderr).toContain('stopped; the books balance');
  });

  it('stops in order when the reader of its events goes away', async () => {
    const { child, closed, says, text } = ringtail('run', '--config', await configFile('{debug: }', 'debug'));
    await says('ready');
    child.stdout!.destroy();
    await keepBusy(closed);
    expect(await closed).toBe(0);
    expect(text.stderr).toContain('reason="output closed"');
    expect(text.stderr).toContain('stopped;');
  });

  it('stops at once when it is told again', async () => {
    // Takes connections and never answers, so that there is something to wait for.
    const server = createServer((socket) => socket.on('error', () => {}));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const { child, closed, says, text } = ringtail(
      'run',
      '--config',
      await configFile(`{otlp_http: {endpoint: 'http://127.0.0.1:${port}'}}`, 'otlp_http'),
    );
    await says('ready');
    await Promise.race([once(server, 'connection'), keepBusy(once(server, 'connection'))]);
    child.kill('SIGINT');
    await says('stopping');
    const again = setInterval(() => child.kill('SIGINT'), 50);
    expect(await closed).toBe(4);
    clearInterval(again);
    expect(text.stderr).toContain('stopped at once');
    server.close();
  });
});
