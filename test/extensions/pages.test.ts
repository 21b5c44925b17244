/** What each extension answers. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { healthCheckExtension } from '../../src/extensions/health-check/index.ts';
import { goDuration } from '../../src/extensions/health-check/report.ts';
import { pprofExtension } from '../../src/extensions/pprof/index.ts';
import { escapeHtml } from '../../src/extensions/zpages/html.ts';
import { zpagesExtension } from '../../src/extensions/zpages/index.ts';
import { pagePaths } from '../../src/extensions/zpages/pages.ts';
import { ask, createWorld, startedAt, startExtension, stopExtensions, type World } from './support.ts';

afterEach(stopExtensions);

const fill = ({ counters }: World): void => {
  counters.counter('ringtail_kernel_events', { receiver: 'process', event: 'exec', outcome: 'seen' }).value = 1_234_567;
  counters.counter('ringtail_kernel_events', { receiver: 'process', event: 'exec', outcome: 'lost' }).value = 4;
  counters.counter('ringtail_kernel_events', { receiver: 'process', event: 'exec', outcome: 'written' }).value = 1_234_563;
  counters.counter('ringtail_pipeline_items', { pipeline: 'logs/<a>', outcome: 'read' }).value = 10;
  counters.counter('ringtail_pipeline_items', { pipeline: 'logs/<a>', outcome: 'accepted' }).value = 10;
  counters.counter('ringtail_exporter_items', { exporter: 'otlp_http', outcome: 'accepted' }).value = 10;
  counters.counter('ringtail_exporter_items', { exporter: 'otlp_http', outcome: 'sent' }).value = 7;
  counters.counter('ringtail_exporter_items', { exporter: 'otlp_http', outcome: 'dropped', reason: 'queue_full' }).value = 3;
  counters.gauge('otelcol_exporter_queue_size', { exporter: 'otlp_http' }, () => 512);
  counters.gauge('otelcol_exporter_queue_capacity', { exporter: 'otlp_http' }, () => 1024);
  counters.gauge('ringtail_receiver_rung', { receiver: 'process', rung: 'raw_tp' }, () => 1);
};

describe('health_check', () => {
  it("answers as the Collector's does", async () => {
    const world = createWorld();
    const running = await startExtension(healthCheckExtension, world);
    const ready = await ask(running, '/');
    expect([ready.status, ready.headers['content-type']]).toEqual([200, 'application/json']);
    expect(JSON.parse(ready.body)).toEqual({
      status: 'Server available',
      upSince: startedAt.toISOString(),
      uptime: expect.stringMatching(/^(\d+h)?(\d+m)?[\d.]+s$/),
    });
    for (const state of ['starting', 'stopping'] as const) {
      world.state = state;
      const { status, body } = await ask(running, '/?probe=1');
      expect([status, JSON.parse(body)]).toEqual([503, { status: 'Server not available', upSince: '0001-01-01T00:00:00Z', uptime: '' }]);
    }
  });

  it('answers with the words and at the paths of the configuration', async () => {
    const world = createWorld();
    const running = await startExtension(healthCheckExtension, world, {
      path: '/live',
      health_path: '/all',
      response_body: { healthy: 'up', unhealthy: 'down' },
    });
    expect(await ask(running, '/live')).toMatchObject({ status: 200, body: 'up' });
    world.state = 'stopping';
    expect(await ask(running, '/live')).toMatchObject({ status: 503, body: 'down' });
    expect((await ask(running, '/')).status).toBe(404);
    expect(JSON.parse((await ask(running, '/all')).body)).toMatchObject({ status: 'stopping' });
    expect(healthCheckExtension.config.safeParse({ path: '/x', health_path: '/x' }).error?.issues[0]).toMatchObject({
      path: ['health_path'],
    });
    expect(healthCheckExtension.config.safeParse({ path: 'x' }).success).toBe(false);
    expect(healthCheckExtension.config.safeParse({ check_collector_pipeline: { enabled: true, interval: '5m' } }).success).toBe(true);
  });

  it('tells how each part fares: rungs, exporters, queue, loss, the last reload', async () => {
    const world = createWorld();
    fill(world);
    world.components = [
      { kind: 'kernel', id: 'kernel', health: { status: 'ok', message: '', details: { rung: 'raw_tp' } } },
      { kind: 'exporter', id: 'otlp_http', health: { status: 'recoverable', message: 'the back end is away' } },
    ];
    world.reload = { at: new Date(0), result: 'refused', message: 'one error' };
    const running = await startExtension(healthCheckExtension, world);
    const { status, body } = await ask(running, '/health');
    expect(status).toBe(200);
    expect(JSON.parse(body)).toEqual({
      status: 'recoverable', upSince: startedAt.toISOString(), uptime: expect.any(String),
      components: [
        { kind: 'kernel', id: 'kernel', status: 'ok', message: '', details: { rung: 'raw_tp' } },
        { kind: 'exporter', id: 'otlp_http', status: 'recoverable', message: 'the back end is away' },
      ],
      rungs: { process: 'raw_tp' },
      exporters: [{ id: 'otlp_http', status: 'recoverable', sent: 7, held: 0, rejected: 0, failed: 0, dropped: 3, queue_size: 512, queue_capacity: 1024 }],
      loss: { kernel_lost: 4, pipeline_refused: 0, exporter_rejected: 0, exporter_failed: 0, exporter_dropped: 3 },
      books_balance: true,
      last_reload: { at: '1970-01-01T00:00:00.000Z', result: 'refused', message: 'one error' },
    }); // prettier-ignore
    world.components = [...world.components, { kind: 'receiver', id: 'process', health: { status: 'failed', message: 'gone' } }];
    expect(await ask(running, '/health')).toMatchObject({ status: 503, body: expect.stringContaining('"status":"failed"') });
    // a probe asks whether Ringtail runs, not whether all is well
    expect((await ask(running, '/')).status).toBe(200);
  });

  it.each([
    [0, '0s'], [1500, '1.5s'], [61_000, '1m1s'], [3_600_000, '1h0m0s'], [90_061_007, '25h1m1.007s'],
  ] as const)('%i ms is %s, as Go writes it', (ms, expected) => expect(goDuration(ms)).toBe(expected)); // prettier-ignore
});

describe('zpages', () => {
  it.each(pagePaths)('%s is HTML without scripts, in which every text is escaped', async (path) => {
    const world = createWorld();
    const hostile = `<script>alert("x")</script>&'\u0007`;
    world.config = `a: ${hostile}\n`;
    world.reload = { at: new Date(0), result: 'refused', message: hostile };
    world.components = [
      { kind: 'exporter', id: hostile, health: { status: 'failed', message: hostile, details: { [hostile]: hostile } } },
      { kind: 'extension', id: hostile, health: { status: 'ok', message: hostile } },
    ];
    fill(world);
    world.counters.counter('ringtail_pipeline_items', { pipeline: hostile, outcome: 'read' }).value = 1;
    const { status, headers, body } = await ask(await startExtension(zpagesExtension, world), path);
    expect([status, headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
    expect(body).toMatch(/^<!doctype html>/);
    expect(body).not.toMatch(/<script|\son\w+=|javascript:/i);
    expect(body).not.toContain('\u0007');
    expect(body).not.toContain('<b>host');
    // each tag that is opened is closed
    const open: string[] = [];
    for (const [, slash, name] of body.matchAll(/<(\/?)([a-z][a-z0-9]*)[^>]*>/g)) {
      if (name === 'meta') continue;
      if (slash === '/' && open.at(-1) === name) open.pop();
      else open.push(`${slash}${name}`);
    }
    expect(open).toEqual([]);
    for (const one of pagePaths) expect(body).toContain(`href="${one}"`);
    expect(body).toContain(`href="${path}" aria-current="page"`);
  });

  it('show pipelines, books, configuration and components', async () => {
    const world = createWorld();
    fill(world);
    world.config = 'exporters:\n  otlp_http:\n    headers:\n      authorization: "[REDACTED]"\n';
    const running = await startExtension(zpagesExtension, world);
    const page = async (path: string) => (await ask(running, path)).body;
    expect(await page('/debug/pipelinez')).toMatch(/logs\/&lt;a&gt;.*process.*redact.*otlp_http.*>10<.*>0<.*>0<.*>10</s);
    expect(await page('/debug/pipelinez')).not.toContain('Traces');
    world.counters.counter('ringtail_traces', { receiver: 'process/<a>', outcome: 'rate_limited' }).value = 17;
    world.counters.counter('ringtail_trace_spans', { receiver: 'process/<a>', outcome: 'told' }).value = 23;
    expect(await page('/debug/pipelinez')).toMatch(/Traces.*rate limited.*process\/&lt;a&gt;.*>0<.*>0<.*>17<.*>0<.*>0<.*>23</s);
    expect(await page('/debug/ledgerz')).toMatch(/the books balance.*process exec.*1,234,567.*>4<.*1,234,563/s);
    expect(await page('/debug/configz')).toContain('authorization: &quot;[REDACTED]&quot;');
    expect(await page('/')).toBe(await page('/debug'));
    expect(await page('/debug/extensionz')).toContain('There are none.');
    world.counters.counter('ringtail_pipeline_items', { pipeline: 'logs/<a>', outcome: 'read' }).value = 11;
    expect(await page('/debug/ledgerz')).toContain('the books do not balance');
  });

  it('escape every text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const escaped = escapeHtml(text);
        expect(escaped).not.toMatch(/[<>"']/);
        expect(escaped.replaceAll(/&(?:amp|lt|gt|quot|#39);/g, '')).not.toContain('&');
      }),
    );
  });
});

describe('pprof', () => {
  it('gives a CPU profile, one at a time, within its bounds', async () => {
    const running = await startExtension(pprofExtension, createWorld(), { max_duration: '2s' });
    for (const seconds of ['0', '-1', '3', 'x', '1e9', '', 'Infinity'])
      expect((await ask(running, `/debug/pprof/profile?seconds=${seconds}`)).status).toBe(400);
    const both = await Promise.all(
      ['/debug/pprof/profile?seconds=0.2', '/debug/pprof/profile?seconds=0.2'].map((path) => ask(running, path)),
    );
    expect(both.map(({ status }) => status).toSorted()).toEqual([200, 409]);
    const { body, headers } = both.find(({ status }) => status === 200)!;
    expect(headers['content-disposition']).toMatch(/^attachment; filename="ringtail-.*\.cpuprofile"$/);
    const profile = JSON.parse(body) as { nodes: { callFrame: object }[]; samples: number[]; startTime: number; endTime: number };
    expect(profile.nodes.length).toBeGreaterThan(0);
    expect(profile.samples.length).toBeGreaterThan(0);
    expect(profile.endTime).toBeGreaterThan(profile.startTime);
  });

  it('ends a profile when it stops', async () => {
    const running = await startExtension(pprofExtension, createWorld(), { max_duration: '10m' });
    const asked = ask(running, '/debug/pprof/profile?seconds=600');
    // it is under way as soon as another one is refused
    while ((await ask(running, '/debug/pprof/profile?seconds=0.01')).status !== 409);
    await running.extension.stop(30_000);
    expect((await asked).status).toBe(200);
  });

  it('writes heap snapshots that only the owner can read, and keeps the newest', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ringtail-pprof-'));
    const directory = join(folder, 'a/b');
    const child = spawn(process.execPath, [fileURLToPath(new URL('heap-child.ts', import.meta.url)), directory], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const ended = once(child, 'exit');
    try {
      const [port] = (await once(child.stdout, 'data')) as [Buffer];
      const snapshot = async () =>
        JSON.parse((await ask({ port: Number(port.toString()) }, '/debug/pprof/heap')).body) as {
          readonly path: string;
          readonly bytes: number;
        };
      const first = await snapshot();
      expect(statSync(first.path)).toMatchObject({ size: first.bytes });
      expect(statSync(first.path).mode & 0o777).toBe(0o600);
      expect(statSync(directory).mode & 0o777).toBe(0o700);
      expect(readFileSync(first.path, 'utf8')).toMatch(/^\{"snapshot":\{"meta":.*\}\s*$/s);
      writeFileSync(join(directory, 'other.txt'), '');
      const second = await snapshot();
      expect(existsSync(first.path)).toBe(false);
      expect(readdirSync(directory).toSorted()).toEqual([second.path.split('/').at(-1), 'other.txt']);
    } finally {
      child.stdin.end();
      await ended;
      rmSync(folder, { recursive: true });
    }
  }, 60_000);

  it('takes no heap snapshot without a folder, and says when it cannot be written', async () => {
    const world = createWorld();
    const running = await startExtension(pprofExtension, world);
    expect(await ask(running, '/debug/pprof/heap')).toMatchObject({
      status: 404,
      body: expect.stringContaining('extensions.pprof.directory'),
    });
    const broken = await startExtension(pprofExtension, world, { directory: '/etc/hostname/none' });
    expect((await ask(broken, '/debug/pprof/heap')).status).toBe(500);
    expect(world.lines.at(-1)?.message).toBe('a page failed');
  });
});
