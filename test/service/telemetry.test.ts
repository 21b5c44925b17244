import http from 'node:http';
import { describe, expect, it } from 'vitest';
import { createCounters } from '../../src/core/counters.ts';
import { messageOf } from '../../src/core/errors.ts';
import { computeLedger, formatRow } from '../../src/service/ledger.ts';
import { descriptions } from '../../src/service/metric-descriptions.ts';
import { observeProcess } from '../../src/service/process-metrics.ts';
import { parsePrometheusText } from '../../src/service/prometheus-text.ts';
import { serveMetrics } from '../../src/service/telemetry.ts';
import { recordingLogger } from './fakes.ts';

const request = (port: number, path: string, method = 'GET'): Promise<{ readonly status: number | undefined; readonly body: string }> => {
  const { promise, resolve, reject } = Promise.withResolvers<{ readonly status: number | undefined; readonly body: string }>();
  http
    .request({ host: '127.0.0.1', port, path, method, agent: false }, (response) => {
      let body = '';
      response.on('data', (chunk) => (body += String(chunk)));
      response.on('end', () => resolve({ status: response.statusCode, body }));
    })
    .on('error', reject)
    .end();
  return promise;
};

const serve = async (counters = createCounters()) => {
  const logger = recordingLogger();
  return { counters, logger, server: await serveMetrics({ counters, address: { host: '127.0.0.1', port: 0 }, version: '1', logger }) };
};

describe('the metrics page', () => {
  it('shows every counter and gauge as it is when asked, also those that came later', async () => {
    const { counters, server } = await serve();
    const { port } = server.address;
    const seen = counters.counter('ringtail_kernel_events', { receiver: 'process', event: 'exec', outcome: 'seen' });
    seen.value = 3;
    let held = 7;
    counters.gauge('ringtail_exporter_items', { exporter: 'a "b"\\\n', outcome: 'held' }, () => held);
    const first = await request(port, '/metrics');
    expect(first.status).toBe(200);
    expect(first.body).toContain('ringtail_kernel_events_total{receiver="process",event="exec",outcome="seen"} 3\n');
    expect(first.body).toContain(`# HELP ringtail_kernel_events_total ${descriptions['ringtail_kernel_events']}`);
    expect(first.body).toContain('# TYPE ringtail_kernel_events_total counter');
    seen.value = 5;
    held = 8;
    counters.counter('ringtail_late', {}).value = 1;
    const second = parsePrometheusText((await request(port, '/metrics?x=1')).body);
    expect(second).toEqual([
      { name: 'ringtail_kernel_events', labels: { receiver: 'process', event: 'exec', outcome: 'seen' }, value: 5 },
      { name: 'ringtail_exporter_items', labels: { exporter: 'a "b"\\\n', outcome: 'held' }, value: 8 },
      { name: 'ringtail_late', labels: {}, value: 1 },
    ]);
    await server.close();
  });

  it('keeps a counter and a gauge of one name apart by kind', async () => {
    const { counters, server } = await serve();
    counters.counter('ringtail_exporter_items', { exporter: 'a', outcome: 'accepted' }).value = 4;
    counters.gauge('ringtail_exporter_items', { exporter: 'a', outcome: 'held' }, () => 4);
    await request(server.address.port, '/metrics');
    const { body } = await request(server.address.port, '/metrics');
    expect(body).toContain(
      '# TYPE ringtail_exporter_items_total counter\nringtail_exporter_items_total{exporter="a",outcome="accepted"} 4\n',
    );
    expect(body).toContain('# TYPE ringtail_exporter_items gauge\nringtail_exporter_items{exporter="a",outcome="held"} 4\n');
    expect(computeLedger(parsePrometheusText(body))).toEqual(computeLedger(counters.samples()));
    expect(computeLedger(parsePrometheusText(body)).balanced).toBe(true);
    await server.close();
  });

  it('answers nothing else', async () => {
    const { server } = await serve();
    const { port } = server.address;
    expect((await request(port, '/')).status).toBe(404);
    expect((await request(port, '/metrics', 'POST')).status).toBe(405);
    expect(await request(port, '/metrics', 'HEAD')).toEqual({ status: 200, body: '' });
    await server.close();
    await expect(request(port, '/metrics')).rejects.toThrow('ECONNREFUSED');
  });

  it('survives a counter that cannot be read', async () => {
    const { counters, server, logger } = await serve();
    const take = counters.gauge('ringtail_ring_bytes', {}, () => {
      throw new Error('closed');
    });
    expect((await request(server.address.port, '/metrics')).status).toBe(500);
    expect(logger.lines).toEqual([{ level: 'error', message: 'the metrics page failed', fields: { error: 'closed' } }]);
    take();
    expect((await request(server.address.port, '/metrics')).status).toBe(200);
    await server.close();
  });

  it('tells that an address is taken', async () => {
    const { server } = await serve();
    const again = serveMetrics({ counters: createCounters(), address: server.address, version: '1', logger: recordingLogger() });
    expect(await again.then(() => 'served', messageOf)).toMatch(/^cannot serve metrics on 127\.0\.0\.1:\d+: listen EADDRINUSE/);
    await server.close();
  });

  it('has what Ringtail itself costs', async () => {
    const { counters, server } = await serve();
    observeProcess(counters);
    const samples = parsePrometheusText((await request(server.address.port, '/metrics')).body);
    const value = (name: string) => samples.find((sample) => sample.name === name)?.value;
    expect(value('otelcol_process_memory_rss')).toBeGreaterThan(1e6);
    expect(value('otelcol_process_cpu_seconds')).toBeGreaterThan(0);
    expect(value('otelcol_process_uptime')).toBeGreaterThan(0);
    await server.close();
  });
});

describe('the text format', () => {
  it.each([
    ['a 1', [{ name: 'a', labels: {}, value: 1 }]],
    ['a_total{x="1",y="2",} 3 1700000000000', [{ name: 'a', labels: { x: '1', y: '2' }, value: 3 }]],
    ['a{} +Inf', [{ name: 'a', labels: {}, value: Infinity }]],
    [String.raw`a{x="q\"\\\n,}"} 1e3`, [{ name: 'a', labels: { x: 'q"\\\n,}' }, value: 1000 }]],
    ['# HELP a b', []],
    ['', []],
    ['a{x=1} 2', []],
    ['<html> 1 2 3', []],
  ])('%s', (line, samples) => {
    expect(parsePrometheusText(line)).toEqual(samples);
  });
});

describe('the ledger', () => {
  const sample = (name: string, labels: Record<string, string>, value: number) => ({ name, labels, value });

  it('adds reasons up, sorts by book and name, and knows what balances', () => {
    const ledger = computeLedger([
      sample('ringtail_exporter_items', { exporter: 'b', outcome: 'accepted' }, 10),
      sample('ringtail_exporter_items', { exporter: 'b', outcome: 'dropped', reason: 'queue_full' }, 4),
      sample('ringtail_exporter_items', { exporter: 'b', outcome: 'dropped', reason: 'shutdown' }, 1),
      sample('ringtail_exporter_items', { exporter: 'b', outcome: 'sent' }, 3),
      sample('ringtail_exporter_items', { exporter: 'b', outcome: 'held' }, 2),
      sample('ringtail_exporter_items', { exporter: 'a', outcome: 'accepted' }, 1),
      sample('ringtail_kernel_events', { receiver: 'process', event: 'exec', outcome: 'seen' }, 2),
      sample('ringtail_kernel_events', { receiver: 'process', event: 'exec', outcome: 'written' }, 2),
      sample('something_else', { outcome: 'seen' }, 2),
    ]);
    expect(ledger.rows.map(formatRow)).toEqual([
      'kernel process exec: seen 2 = filtered 0 + limited 0 + aggregated 0 + lost 0 + written 2',
      'exporter a: accepted 1 = sent 0 + rejected 0 + failed 0 + dropped 0 + held 0, difference 1',
      'exporter b: accepted 10 = sent 3 + rejected 0 + failed 0 + dropped 5 + held 2',
    ]);
    expect(ledger.balanced).toBe(false);
  });

  it('lets no outcome hide that it does not know', () => {
    const { rows, balanced } = computeLedger([
      sample('ringtail_pipeline_items', { pipeline: 'logs', outcome: 'read' }, 1),
      sample('ringtail_pipeline_items', { pipeline: 'logs', outcome: 'accepted' }, 1),
      sample('ringtail_pipeline_items', { pipeline: 'logs', outcome: 'vanished' }, 1),
    ]);
    expect(rows[0]).toMatchObject({ total: 1, parts: { vanished: 1 }, difference: -1 });
    expect(balanced).toBe(false);
  });

  it('of nothing balances', () => {
    expect(computeLedger([])).toEqual({ rows: [], balanced: true });
  });
});
