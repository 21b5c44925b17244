import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { debugConfig } from '../../src/exporters/debug/config.ts';
import { otlpGrpcConfig } from '../../src/exporters/otlp-grpc/config.ts';
import { otlpHttpConfig } from '../../src/exporters/otlp-http/config.ts';
import { otlpGrpcExporter } from '../../src/exporters/otlp-grpc/index.ts';
import { otlpHttpExporter } from '../../src/exporters/otlp-http/index.ts';
import { sendingQueue } from '../../src/exporters/shared/queue-config.ts';
import { parseEndpoint } from '../../src/exporters/shared/endpoint.ts';

const messagesOf = (result: {
  readonly error?: { readonly issues: readonly { readonly path: PropertyKey[]; readonly message: string }[] } | undefined;
}) => result.error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? [];

describe('defaults', () => {
  it('are those of the documentation', () => {
    const shared = {
      balancing: 'round_robin',
      headers: {},
      headers_files: {},
      tls: {
        insecure: false,
        insecure_skip_verify: false,
        include_system_ca_certs_pool: false,
        min_version: '1.2',
        max_version: '1.3',
        reload_interval: 0,
      },
      timeout: 5000,
      compression: 'none',
      compression_params: {},
      flush_interval: 200,
      sending_queue: {
        enabled: true,
        sizer: 'bytes',
        queue_size: 32 * 2 ** 20,
        num_consumers: 4,
        block_on_overflow: false,
        wait_for_result: false,
      },
      retry_on_failure: {
        enabled: true,
        initial_interval: 5000,
        randomization_factor: 0.5,
        multiplier: 1.5,
        max_interval: 30_000,
        max_elapsed_time: 300_000,
      },
    };
    expect(otlpGrpcConfig.parse({})).toEqual({
      endpoint: '127.0.0.1:4317',
      keepalive: { time: 0, timeout: 10_000, permit_without_stream: false },
      ...shared,
    });
    expect(otlpHttpConfig.parse({})).toEqual({ endpoint: 'http://127.0.0.1:4318', idle_conn_timeout: 90_000, ...shared });
    expect(debugConfig.parse({})).toEqual({ verbosity: 'normal', format: 'text' });
  });
});

const queueRefusals: [object, string][] = (
  [
    [{ queue_size: '1MiB' }, 'out of range; allowed is 4MiB or more, so that a request fits; to count records or requests, set sizer'],
    [{ queue_size: 1000 }, 'out of range; allowed is 4MiB or more, so that a request fits; to count records or requests, set sizer'],
    [{ queue_size: 'much' }, 'not a size; write a number of bytes or one with a unit, as in 64MiB'],
    [{ queue_size: true }, 'not a size; write 64MiB for bytes, or a whole number for items and requests'],
    [{ sizer: 'requests', queue_size: '32MiB' }, 'not a number of requests; write a whole number as in 1000, or set sizer to bytes'],
    [{ sizer: 'items', queue_size: 1.5 }, 'not a number of records; write a whole number as in 100000, or set sizer to bytes'],
    [{ sizer: 'requests', queue_size: 0 }, 'out of range; allowed is 1 to 1000000000 requests'],
  ] as const
).map(([queue, message]) => [{ sending_queue: queue }, `sending_queue.queue_size: ${message}`]);

describe('the size of a queue', () => {
  it.each([
    [{}, 32 * 2 ** 20],
    [{ queue_size: '64MiB' }, 64 * 2 ** 20],
    [{ sizer: 'bytes', queue_size: 4 * 2 ** 20 }, 4 * 2 ** 20],
    [{ sizer: 'items' }, 100_000],
    [{ sizer: 'requests' }, 1000],
    [{ sizer: 'requests', queue_size: '5' }, 5],
  ])('%o', (queue, size) => expect(sendingQueue.parse(queue).queue_size).toBe(size));

  it('is read from what it was written as', () => {
    for (const queue of [{}, { sizer: 'items' }, { sizer: 'requests', queue_size: 7, block_on_overflow: true }] as const) {
      const once = sendingQueue.parse(queue);
      expect(sendingQueue.parse(once)).toEqual(once);
    }
  });
});

describe('an exporter that can stall pipelines', () => {
  const graph = (['logs', 'logs/b', 'metrics'] as const).map((id) => ({
    id,
    signal: id.split('/')[0] as 'logs' | 'metrics',
    receivers: [],
    processors: [],
  }));
  const use = { pipelines: ['logs'], all: graph.map(({ id }) => id), graph };
  it('says nothing when it is one of metrics alone, which nobody draws from the ring', () => {
    const { config, warnings } = otlpGrpcExporter;
    expect(warnings!(config.parse({ sending_queue: { block_on_overflow: true } }) as never, { ...use, pipelines: ['metrics'] })).toEqual(
      [],
    );
  });

  it.each([otlpGrpcExporter, otlpHttpExporter])('says so: $type', ({ config, warnings }) => {
    const of = (queue: object) => warnings!(config.parse({ sending_queue: queue }) as never, use);
    expect(of({})).toEqual([]);
    expect(of({ block_on_overflow: true, wait_for_result: true })).toEqual([
      {
        option: ['sending_queue', 'block_on_overflow'],
        message: 'when the queue is full, all receivers wait for this exporter; it can stall the pipelines logs, logs/b',
      },
      {
        option: ['sending_queue', 'wait_for_result'],
        message: 'while a request is under way, all receivers wait for this exporter; it can stall the pipelines logs, logs/b',
      },
    ]);
  });
});

describe('what is refused', () => {
  it.each<[object, string]>([
    [{ endpoint: 'collector:4317', tls: { insecure: false }, extra: 1 }, ': Unrecognized key: "extra"'],
    [{ endpoint: 'ftp://x:1' }, 'endpoint: the scheme ftp is not known; allowed are http and https'],
    [{ endpoint: 'http://collector:4317' }, 'endpoint: plain text to collector, which is not this host, needs tls.insecure: true'],
    [{ endpoint: '127.0.0.1:4317/v1/logs' }, 'endpoint: an endpoint of gRPC has no path; that is otlp_http'],
    [{ endpoint: '' }, 'endpoint: not an endpoint; write host:port or a URL, as in 127.0.0.1:4317 or https://collector.example:4318'],
    [{ endpoint: 'https://me:secret@collector' }, 'endpoint: credentials do not belong into an endpoint; use headers'],
    [{ endpoint: 'https://collector?x=1' }, 'endpoint: an endpoint has neither a query nor a fragment'],
    [{ headers: { 'bad name': 'x' } }, 'headers.bad name: Invalid key in record'],
    [{ headers: { good: 'line\nbreak' } }, 'headers.good: not a header value'],
    [
      { headers: { Authorization: 'a' }, headers_files: { authorization: '/b' } },
      'headers_files.authorization: a header that stands here twice',
    ],
    [{ headers: { 'Content-Type': 'text/plain' } }, 'headers.Content-Type: a header of the protocol, which cannot be set'],
    [{ headers: { 'grpc-timeout': '1S' } }, 'headers.grpc-timeout: a header of the protocol, which cannot be set'],
    [{ tls: { cert_file: 'a.pem' } }, 'tls: a certificate and its key go together: cert_file or cert_pem, and key_file or key_pem'],
    [{ tls: { ca_file: 'a.pem', ca_pem: '-----BEGIN CERTIFICATE-----' } }, 'tls.ca_pem: ca_file and ca_pem exclude each other'],
    [{ tls: { ca_pem: 'a.pem' } }, 'tls.ca_pem: not a certificate in PEM'],
    [{ tls: { cert_file: 'a', key_pem: 'canary' } }, 'tls.key_pem: not a private key in PEM'],
    [{ tls: { min_version: 1.1 } }, 'tls.min_version: not a version of TLS; allowed is 1.2 or 1.3'],
    [{ tls: { min_version: 1.3, max_version: '1.2' } }, 'tls.min_version: newer than max_version'],
    [{ endpoint: 'https://a', endpoints: ['https://b'] }, 'endpoints: endpoint and endpoints exclude each other'],
    [{ endpoints: ['https://a', 'x://b'] }, 'endpoints.1: the scheme x is not known; allowed are http and https'],
    [{ proxy_url: 'socks5://user:canary@proxy' }, 'proxy_url: not the URL of an HTTP proxy, nor none'],
    [{ compression: 'gzip', compression_params: { level: 10 } }, 'compression_params.level: not a level of gzip; allowed is 1 to 9'],
    [{ compression_params: { level: 1 } }, 'compression_params.level: has no meaning without compression'],
    [{ keepalive: { time: '1s' } }, 'keepalive.time: out of range; allowed is 0, or 10s and more'],
    ...queueRefusals,
    [{ timeout: 0 }, 'timeout: out of range; allowed is 1ms to 24 days'],
  ])('%o', (config, message) => {
    expect(messagesOf(otlpGrpcConfig.safeParse(config))).toEqual([message]);
  });

  it.each([otlpGrpcConfig, otlpHttpConfig])('is told all at once', (schema) => {
    const wrong = {
      endpoint: 'https://me:secret@x',
      headers: { te: 3, authorization: 'a' },
      headers_files: { Authorization: '/b' },
      tls: { key_pem: 'x', ca_file: 'a', ca_pem: '-----BEGIN CERTIFICATE-----', min_version: 7 },
      compression: 'gzip',
      compression_params: { level: 99 },
      timeout: 'soon',
    };
    expect(messagesOf(schema.safeParse(wrong))).toEqual([
      'headers.te: Invalid input: expected string, received number',
      'tls.key_pem: not a private key in PEM',
      'tls.min_version: not a version of TLS; allowed is 1.2 or 1.3',
      'tls.ca_pem: ca_file and ca_pem exclude each other',
      'timeout: not a duration; write it with a unit, as in 50ms, 5s or 1h30m',
      'endpoint: credentials do not belong into an endpoint; use headers',
      'headers.te: a header of the protocol, which cannot be set',
      'headers_files.Authorization: a header that stands here twice',
      'compression_params.level: not a level of gzip; allowed is 1 to 9',
    ]);
  });

  it.each([otlpGrpcConfig, otlpHttpConfig])('whatever it is, without a crash', (schema) => {
    const keys = [
      'endpoint',
      'endpoints',
      'headers',
      'headers_files',
      'tls',
      'proxy_url',
      'compression',
      'compression_params',
      'logs_endpoint',
      'metrics_endpoint',
    ];
    const anything = fc.oneof(
      fc.jsonValue(),
      fc.string(),
      fc.constantFrom('https://x', 'http://x:1', '127.0.0.1', 'gzip', { level: 3 }, { insecure: true }),
    );
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), fc.dictionary(fc.constantFrom(...keys), anything)), (input) => {
        const { success, error } = schema.safeParse(input);
        expect(success || error!.issues.length > 0).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it('by otlp_http is the same, but for paths', () => {
    expect(messagesOf(otlpHttpConfig.safeParse({ endpoint: 'http://gateway/otlp' }))).toEqual([
      'endpoint: plain text to gateway, which is not this host, needs tls.insecure: true',
    ]);
    const own = {
      logs_endpoint: 'https://gateway/logs',
      metrics_endpoint: 'https://gateway/metrics',
      traces_endpoint: 'https://gateway/traces',
    };
    expect(messagesOf(otlpHttpConfig.safeParse({ endpoint: 'http://gateway/otlp', ...own }))).toEqual([]);
    // where metrics still go
    expect(messagesOf(otlpHttpConfig.safeParse({ endpoint: 'http://gateway/otlp', logs_endpoint: own.logs_endpoint }))).toEqual([
      'endpoint: plain text to gateway, which is not this host, needs tls.insecure: true',
    ]);
    expect(messagesOf(otlpHttpConfig.safeParse({ endpoints: ['https://a', 'https://b'], logs_endpoint: own.logs_endpoint }))).toEqual([]);
    expect(messagesOf(otlpHttpConfig.safeParse({ logs_endpoint: 'x://y' }))).toEqual([
      'logs_endpoint: the scheme x is not known; allowed are http and https',
    ]);
    expect(messagesOf(otlpHttpConfig.safeParse({ metrics_endpoint: 'http://gateway/metrics' }))).toEqual([
      'metrics_endpoint: plain text to gateway, which is not this host, needs tls.insecure: true',
    ]);
  });
});

describe('endpoints', () => {
  it.each<[string, boolean, object]>([
    ['127.0.0.1:4317', false, { secure: false, host: '127.0.0.1', port: 4317, path: '' }],
    ['localhost', false, { secure: false, host: 'localhost', port: 99, path: '' }],
    ['[::1]:80', false, { secure: false, host: '::1', port: 80, path: '' }],
    ['collector:4317', false, { secure: true, host: 'collector', port: 4317, path: '' }],
    ['collector:4317', true, { secure: false, host: 'collector', port: 4317, path: '' }],
    ['http://collector:80', true, { secure: false, host: 'collector', port: 80, path: '' }],
    ['https://collector:443/a/b/', true, { secure: true, host: 'collector', port: 443, path: '/a/b' }],
    ['HTTPS://collector/', false, { secure: true, host: 'collector', port: 443, path: '' }],
    ['collector:80', true, { secure: false, host: 'collector', port: 80, path: '' }],
    ['http://10.1.2.3', true, { secure: false, host: '10.1.2.3', port: 80, path: '' }],
  ])('%s, insecure %s', (text, insecure, wanted) => expect(parseEndpoint(text, insecure, 99)).toEqual(wanted));
});
