/** The page as it is asked for over HTTP, and what becomes of it over a reload. */
import { readFileSync, copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { request, type IncomingHttpHeaders, type RequestOptions } from 'node:http';
import { request as requestTls } from 'node:https';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/core/errors.ts';
import { prometheusConfig } from '../../src/exporters/prometheus/config.ts';
import { prometheusExporter } from '../../src/exporters/prometheus/index.ts';
import { type Authority, type Certificate, createAuthority } from '../support/certificates.ts';
import { deadPort, listening } from './loopback.ts';
import { batch, counter, level, point, startExporter } from './prometheus-support.ts';
import { imbalance, itemsOf, sampleOf, until } from './support.ts';

type Answer = { readonly status: number; readonly headers: IncomingHttpHeaders; readonly body: Buffer };

const ask = (port: number, options: RequestOptions & { readonly ca?: Buffer; readonly cert?: Buffer; readonly key?: Buffer } = {}) => {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const send = options.ca === undefined ? request : requestTls;
  const sent = send({ host: '127.0.0.1', port, path: '/metrics', agent: false, ...options }, (response) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => void chunks.push(chunk));
    response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks) }));
    response.on('error', reject);
  });
  sent.on('error', reject);
  sent.end();
  return promise;
};

const pageOf = async (port: number): Promise<readonly string[]> =>
  String((await ask(port)).body).split('\n').filter((line) => line !== '' && !line.startsWith('#')); // prettier-ignore

const some = (value: bigint, at = 10) => batch([counter('io', [point(value, { at })], { unit: 'By' })]);
const plain = { without_scope_info: true } as const;

describe('configuration', () => {
  const use = { pipelines: [], all: [], graph: [] };
  it('has the defaults of the documentation', () => {
    expect(prometheusConfig.parse({})).toEqual({
      endpoint: { host: '127.0.0.1', port: 18_889 },
      tls: { min_version: '1.2', max_version: '1.3', reload_interval: 0 },
      const_labels: {},
      send_timestamps: false,
      metric_expiration: 300_000,
      enable_open_metrics: false,
      add_metric_suffixes: true,
      without_scope_info: false,
      resource_to_telemetry_conversion: { enabled: false, exclude_service_attributes: false },
      resource_constant_labels: { included: [], excluded: [] },
      max_series: 100_000,
    });
  });

  it.each([
    [{ endpoint: ':8889' }, 'endpoint', 'not an address; allowed is host:port, as in 127.0.0.1:18889, 0.0.0.0:18889 or [::1]:18889'],
    [{ endpoint: '127.0.0.1:70000' }, 'endpoint', 'not an address'],
    [{ const_labels: { __a: 'x' } }, 'const_labels.__a', ''],
    [{ metric_expiration: '0s' }, 'metric_expiration', 'out of range'],
    [{ tls: { cert_file: 'a' } }, 'tls', 'a certificate and its key go together: cert_file and key_file'],
    [{ tls: { client_ca_file: 'a' } }, 'tls.client_ca_file', 'needs a certificate of the server: cert_file and key_file'],
    [{ tls: { min_version: 1.3, max_version: 1.2 } }, 'tls.min_version', 'newer than max_version'],
    [{ resource_to_telemetry_conversion: { enabled: true }, resource_constant_labels: { included: ['a'] } }, 'resource_constant_labels', 'excludes resource_to_telemetry_conversion; write one of them'],
    [{ max_series: 0 }, 'max_series', ''],
  ])('refuses %j', (options, path, message) => {
    const { error } = prometheusConfig.safeParse(options);
    expect(error?.issues.map((issue) => [issue.path.join('.'), issue.message.slice(0, message.length)])).toEqual([[path, message]]);
  }); // prettier-ignore

  it('needs a port, and warns when others can reach it', () => {
    const config = (options: object) => prometheusConfig.parse(options) as never;
    const port = { kind: 'port', host: '127.0.0.1', port: 18_889, option: ['endpoint'] };
    expect(prometheusExporter.hostNeeds!(config({}))).toEqual([port]);
    const files = { cert_file: '/c', key_file: '/k', client_ca_file: '/a' };
    expect(prometheusExporter.hostNeeds!(config({ tls: files })).map((need) => 'option' in need && need.option)).toEqual(
      [['endpoint'], ['tls', 'cert_file'], ['tls', 'key_file'], ['tls', 'client_ca_file']],
    ); // prettier-ignore
    expect(prometheusExporter.warnings!(config({}), use)).toEqual([]);
    expect(prometheusExporter.warnings!(config({ endpoint: '[::1]:1' }), use)).toEqual([]);
    expect(prometheusExporter.warnings!(config({ endpoint: '0.0.0.0:1' }), use)).toEqual([
      expect.objectContaining({ option: ['endpoint'] }),
    ]);
    expect(prometheusExporter.warnings!(config({ endpoint: '0.0.0.0:1', tls: files }), use)).toEqual([]);
  });
});

describe('the page', () => {
  it('is there for GET, its head for HEAD, and nothing for others', async () => {
    const { exporter, port } = await startExporter(plain);
    exporter.metrics!(some(5n));
    const { status, headers, body } = await ask(port);
    expect([status, headers['content-type'], headers['content-encoding']]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8', undefined]);
    expect(String(body)).toBe('# HELP io_bytes_total \n# TYPE io_bytes_total counter\nio_bytes_total{job="ringtail"} 5\n');
    expect((await ask(port, { path: '/metrics?x=1' })).status).toBe(200);
    const head = await ask(port, { method: 'HEAD' });
    expect([head.status, head.headers['content-type'], head.body.length]).toEqual([200, headers['content-type'], 0]);
    for (const path of ['/', '/metrics/', '/metrics/../etc', '//metrics']) expect([path, (await ask(port, { path })).status]).toEqual([path, 404]);
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
      const refused = await ask(port, { method });
      expect([refused.status, refused.headers['allow']]).toEqual([405, 'GET, HEAD']);
    }
  }); // prettier-ignore

  it('is OpenMetrics for who asks for it, when it may be', async () => {
    const accept = 'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5';
    const one = await startExporter({ ...plain, enable_open_metrics: true });
    one.exporter.metrics!(some(5n));
    const answer = await ask(one.port, { headers: { accept } });
    expect(answer.headers['content-type']).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
    expect(String(answer.body)).toMatch(/^io_bytes_total\{job="ringtail"\} 5\nio_bytes_created\{job="ringtail"\} 1795000000\n# EOF\n$/m);
    const other = await startExporter(plain);
    expect((await ask(other.port, { headers: { accept } })).headers['content-type']).toMatch(/^text\/plain/);
  });

  it('is compressed for who takes that', async () => {
    const { exporter, port } = await startExporter(plain);
    exporter.metrics!(
      batch([
        counter(
          'io',
          Array.from({ length: 5000 }, (_, n) => point(BigInt(n), { attributes: [['n', n]] })),
        ),
      ]),
    );
    const packed = await ask(port, { headers: { 'accept-encoding': 'gzip' } });
    expect(packed.headers['content-encoding']).toBe('gzip');
    const text = String(gunzipSync(packed.body));
    expect(text).toBe(String((await ask(port)).body));
    expect(text.split('\n').length).toBe(5003);
  });

  it('is not for pages of other names that were made to point to loopback', async () => {
    const { port } = await startExporter();
    const statusFor = async (host: string) => (await ask(port, { headers: { host } })).status;
    for (const host of ['127.0.0.1', 'localhost:18889', '[::1]:80', '10.0.0.1']) expect([host, await statusFor(host)]).toEqual([host, 200]);
    for (const host of ['evil.example', 'localhost.evil.example:80', 'a b']) expect([host, await statusFor(host)]).not.toEqual([host, 200]);
  });

  it('does not wait for who reads slowly, nor keeps pages for many of those', async () => {
    const { exporter, port, counters } = await startExporter(plain);
    const points = Array.from({ length: 60_000 }, (_, n) => point(1n, { attributes: [['n', `${n}`.padEnd(200, 'x')]] }));
    exporter.metrics!(batch([counter('io', points)]));
    const slow = Array.from({ length: 4 }, () => {
      const socket = connect(port, '127.0.0.1').pause();
      socket.write('GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n');
      return socket;
    });
    const statusOf = async () => (await ask(port, { method: 'HEAD' })).status;
    while ((await statusOf()) !== 503);
    exporter.metrics!(
      batch([
        counter(
          'io',
          points.map((one) => ({ ...one, value: 2n })),
        ),
      ]),
    );
    expect(itemsOf(counters)).toEqual({ accepted: 120_000, sent: 120_000 });
    for (const socket of slow) socket.destroy();
    while ((await statusOf()) !== 200);
    expect((await pageOf(port)).filter((line) => line.endsWith(' 2'))).toHaveLength(60_000);
  });
});

describe('the books', () => {
  it('count a point as sent when it is on the page', async () => {
    const { exporter, counters, said } = await startExporter({ ...plain, max_series: 2 });
    exporter.metrics!(some(1n));
    const levels = ['a', 'a', 'b', 'c'].map((s) => point(1n, { attributes: [['s', s]] }));
    exporter.metrics!(batch([level('open', levels)]));
    expect(itemsOf(counters)).toEqual({ accepted: 5, sent: 2, 'failed/conflict': 1, 'dropped/max_series': 2 });
    expect(sampleOf(counters, 'otelcol_exporter_sent_metric_points')).toBe(2);
    expect(sampleOf(counters, 'otelcol_exporter_send_failed_metric_points')).toBe(1);
    expect(sampleOf(counters, 'otelcol_exporter_enqueue_failed_metric_points')).toBe(2);
    expect(exporter.health!()).toMatchObject({ status: 'recoverable', details: { series: 2, max_series: 2 } });
    const warned = said.slice(1).map(({ message, fields }) => [message, fields['points']]);
    expect(warned.toSorted()).toEqual([['points of a metric cannot be shown', 1], ['there are more series than max_series; newcomers are dropped', 2]]); // prettier-ignore
    await exporter.stop(0);
    exporter.metrics!(some(2n));
    expect(itemsOf(counters)['dropped/shutdown']).toBe(1);
    expect(imbalance(counters)).toBe(0);
  });
});

describe('a port that is taken', () => {
  it('ends the start with the option to change', async () => {
    const port = await listening(createServer());
    const starting = startExporter({ endpoint: `127.0.0.1:${port}` }, { id: 'prometheus/a' });
    await expect(starting).rejects.toThrow(ConfigError);
    await expect(starting).rejects.toMatchObject({
      message: `exporters.prometheus/a.endpoint: cannot listen on 127.0.0.1:${port}: the address is in use`,
      advice: 'set exporters.prometheus/a.endpoint to an address that is free, or end what has it',
    });
  });

  it('by another exporter of ours is taken too', async () => {
    const { endpoint } = await startExporter({ endpoint: `127.0.0.1:${await deadPort()}` }, { id: 'prometheus/a' });
    await expect(startExporter({ endpoint }, { id: 'prometheus/b' })).rejects.toThrow('the address is in use');
  });
});

describe('a reload', () => {
  const pair = async (before: object, after: object) => {
    const endpoint = `127.0.0.1:${await deadPort()}`;
    const one = await startExporter({ endpoint, ...plain, ...before });
    one.exporter.metrics!(batch([counter('io', [point(5n)], { temporality: 'delta' })]));
    const two = await startExporter({ endpoint, ...plain, ...after }, { counters: one.counters });
    return { one: one.exporter, two: two.exporter, port: one.port };
  };
  const more = batch([counter('io', [point(6n, { start: 10, at: 20 })], { temporality: 'delta' })]);

  it('keeps the server, and what was added up, when other options change', async () => {
    const { one, two, port } = await pair({}, { namespace: 'edge' });
    expect(await pageOf(port)).toEqual(['io_total{job="ringtail"} 5']);
    two.metrics!(more);
    expect(await pageOf(port)).toEqual(['edge_io_total{job="ringtail"} 11']);
    await one.stop(1000);
    expect(await pageOf(port)).toEqual(['edge_io_total{job="ringtail"} 11']);
    await two.stop(1000);
    await expect(ask(port)).rejects.toThrow('ECONNREFUSED');
  });

  it('hands everything over also before anything was told', async () => {
    const { one, two, port } = await pair({}, {});
    await one.stop(1000);
    expect(await pageOf(port)).toEqual(['io_total{job="ringtail"} 5']);
    two.metrics!(more);
    expect(await pageOf(port)).toEqual(['io_total{job="ringtail"} 11']);
  });

  it('that fails leaves everything as it was', async () => {
    const { one, two, port } = await pair({}, { namespace: 'edge' });
    two.metrics!(more);
    await two.stop(1000);
    expect(await pageOf(port)).toEqual(['io_total{job="ringtail"} 11']);
    one.metrics!(batch([counter('io', [point(1n, { start: 20, at: 30 })], { temporality: 'delta' })]));
    expect(await pageOf(port)).toEqual(['io_total{job="ringtail"} 12']);
  });

  it('can change the address of the same port', async () => {
    const port = await deadPort();
    const one = await startExporter({ endpoint: `127.0.0.1:${port}`, ...plain });
    one.exporter.metrics!(some(5n));
    const two = await startExporter({ endpoint: `0.0.0.0:${port}`, ...plain });
    await one.exporter.stop(1000);
    expect(two.endpoint).toBe(`0.0.0.0:${port}`);
    expect(await pageOf(port)).toEqual(['io_bytes_total{job="ringtail"} 5']);
    expect((await ask(port, { headers: { host: 'node.example' } })).status).toBe(200);
  });
});

describe('TLS', () => {
  let folder = '';
  let ours: Authority;
  let server: Certificate;
  const here = { names: ['DNS:localhost', 'IP:127.0.0.1'] };
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'ringtail-prometheus-'));
    ours = createAuthority(folder, 'ours');
    server = ours.issue('server', here);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const trust = () => ({ ca: readFileSync(ours.caFile) });
  const filesOf = ({ certFile, keyFile }: Certificate) => ({ cert_file: certFile, key_file: keyFile });

  it('serves the page, and only to who has a certificate when it asks for one', async () => {
    const open = await startExporter({ tls: filesOf(server) });
    expect((await ask(open.port, trust())).status).toBe(200);
    await expect(ask(open.port)).rejects.toThrow('socket hang up');
    const closed = await startExporter({ tls: { ...filesOf(server), client_ca_file: ours.caFile } });
    await expect(ask(closed.port, trust())).rejects.toThrow(/certificate required|ECONNRESET/);
    const { certFile, keyFile } = ours.issue('scraper');
    expect((await ask(closed.port, { ...trust(), cert: readFileSync(certFile), key: readFileSync(keyFile) })).status).toBe(200);
  });

  it('can be had, renewed and given up by a reload', async () => {
    const endpoint = `127.0.0.1:${await deadPort()}`;
    const one = await startExporter({ endpoint, ...plain });
    one.exporter.metrics!(some(5n));
    const two = await startExporter({ endpoint, ...plain, tls: filesOf(server) });
    await one.exporter.stop(100);
    expect(String((await ask(one.port, trust())).body)).toContain('io_bytes_total{job="ringtail"} 5');
    const three = await startExporter({ endpoint, ...plain, tls: filesOf(ours.issue('second', here)) });
    await two.exporter.stop(100);
    expect((await ask(one.port, trust())).status).toBe(200);
    const four = await startExporter({ endpoint, ...plain });
    await three.exporter.stop(100);
    expect(await pageOf(one.port)).toEqual(['io_bytes_total{job="ringtail"} 5']);
    await four.exporter.stop(100);
  });

  it('reads its files again', async () => {
    const files = { cert_file: join(folder, 'live.pem'), key_file: join(folder, 'live-key.pem') };
    const install = ({ certFile, keyFile }: Certificate) => {
      copyFileSync(certFile, files.cert_file);
      copyFileSync(keyFile, files.key_file);
    };
    install(server);
    const { said, port } = await startExporter({ tls: { ...files, reload_interval: '10ms' } });
    const others = createAuthority(folder, 'others');
    install(others.issue('server', here));
    await until(() => said.some(({ message }) => message === 'certificates were read again; new connections use them'));
    await expect(ask(port, trust())).rejects.toThrow('certificate');
    expect((await ask(port, { ca: readFileSync(others.caFile) })).status).toBe(200);
  });

  it.each([
    ['cert_file', 'holds no certificate in PEM'],
    ['key_file', 'holds no private key in PEM that can be used'],
  ] as const)('a %s that is none ends the start', async (option, message) => {
    const starting = startExporter({ tls: { ...filesOf(server), [option]: import.meta.filename } });
    await expect(starting).rejects.toThrow(`tls.${option} (${import.meta.filename}) ${message}`);
  });

  it('a key of another certificate ends the start', async () => {
    const starting = startExporter({ tls: { ...filesOf(server), key_file: ours.issue('other', here).keyFile } });
    await expect(starting).rejects.toThrow(/is not the key of tls\.cert_file/);
  });
});
