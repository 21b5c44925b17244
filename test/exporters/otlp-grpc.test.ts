import { Metadata, Server, ServerCredentials, status, type sendUnaryData, type ServerUnaryCall } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import type { Exporter } from '../../src/core/component.ts';
import { otlpGrpcExporter } from '../../src/exporters/otlp-grpc/index.ts';
import { otlpGrpcConfig } from '../../src/exporters/otlp-grpc/config.ts';
import { outcomeOfStatus } from '../../src/exporters/otlp-grpc/transport.ts';
import { decodeRequest, encodeResponse } from '../support/otlp.ts';
import { itemsOf, settingsFor, textBatch, until } from './support.ts';

type Call = ServerUnaryCall<Buffer, Buffer>;
type Answer = (respond: sendUnaryData<Buffer>, count: number) => void;

const closers: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

const ok: Answer = (respond) => respond(null, encodeResponse());
const same = (bytes: Buffer): Buffer => bytes;

const serve = async (answer: Answer = ok, port = 0) => {
  const received: { readonly metadata: Record<string, unknown>; readonly texts: readonly unknown[] }[] = [];
  const server = new Server();
  const definition = {
    Export: {
      path: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
      requestStream: false, responseStream: false, requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same,
    }, // prettier-ignore
  };
  server.addService(definition, {
    Export(call: Call, respond: sendUnaryData<Buffer>) {
      received.push({
        metadata: call.metadata.getMap(),
        texts: decodeRequest(call.request).records.map(({ attributes }) => attributes.at(-1)![1]),
      });
      answer(respond, received.length);
    },
  });
  const bound = await new Promise<number>((resolve, reject) =>
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, actual) => (error ? reject(error) : resolve(actual))),
  );
  const close = () => server.forceShutdown();
  closers.push(close);
  return { port: bound, received, close };
};

const exporterTo = async (endpoint: string, config: object = {}) => {
  const { settings, counters, warnings } = settingsFor('otlp_grpc');
  const parsed = otlpGrpcConfig.parse({
    endpoint,
    flush_interval: '1ms',
    retry_on_failure: { initial_interval: '5ms', max_interval: '50ms' },
    ...config,
  });
  const exporter: Exporter = otlpGrpcExporter.create(settings, parsed as never);
  await exporter.start();
  closers.push(() => exporter.stop(0));
  return { exporter, counters, warnings, items: () => itemsOf(counters) };
};

/** `google.rpc.Status` with a RetryInfo of `seconds` and `nanos`, written by hand (below 128 each field is one byte). */
const statusDetails = (seconds: number, nanos: number): Buffer => {
  const field = (tag: number, bytes: Uint8Array) => Buffer.concat([Buffer.from([tag, bytes.length]), bytes]);
  const delay = Buffer.from([0x08, seconds, 0x10, nanos]);
  const any = Buffer.concat([field(0x0a, Buffer.from('type.googleapis.com/google.rpc.RetryInfo')), field(0x12, field(0x0a, delay))]);
  return Buffer.concat([Buffer.from([0x08, 8]), field(0x12, Buffer.from('slow down')), field(0x1a, any)]);
};
const withDetails = (details: Buffer): Metadata => {
  const metadata = new Metadata();
  metadata.set('grpc-status-details-bin', details);
  return metadata;
};

describe('otlp_grpc', () => {
  it.each(['none', 'gzip'] as const)('sends requests with compression %s', async (compression) => {
    const { port, received } = await serve();
    const { exporter, items } = await exporterTo(`127.0.0.1:${port}`, { compression, headers: { 'x-scope-orgid': 'edge' } });
    exporter.logs!(textBatch(2, 3));
    await until(() => items()['sent'] === 2);
    exporter.logs!(textBatch(1, 3, 2));
    await until(() => items()['sent'] === 3);
    expect(received.flatMap(({ texts }) => texts)).toEqual(['0 x', '1 x', '2 x']);
    expect(received[0]!.metadata).toMatchObject({ 'x-scope-orgid': 'edge' });
    expect(String(received[0]!.metadata['user-agent'])).toBe('ringtail/1.2.3');
  });

  it('takes a URL', async () => {
    const { port, received } = await serve();
    const { exporter, items } = await exporterTo(`http://localhost:${port}`);
    exporter.logs!(textBatch(1));
    await until(() => items()['sent'] === 1);
    expect(received).toHaveLength(1);
  });

  it('tries again when the other side is unavailable', async () => {
    const { port, received } = await serve((respond, count) =>
      count < 3 ? respond({ code: status.UNAVAILABLE, details: 'draining' }) : ok(respond, count),
    );
    const { exporter, items, warnings } = await exporterTo(`127.0.0.1:${port}`);
    exporter.logs!(textBatch(2));
    await until(() => items()['sent'] === 2);
    expect(received).toHaveLength(3);
    expect(warnings[0]!.fields).toMatchObject({ error: 'gRPC UNAVAILABLE: draining' });
  });

  it('gives up what will never be taken', async () => {
    const { port, received } = await serve((respond) => respond({ code: status.INVALID_ARGUMENT, details: 'no' }));
    const { exporter, items } = await exporterTo(`127.0.0.1:${port}`);
    exporter.logs!(textBatch(2));
    await until(() => items()['failed/permanent'] === 2);
    expect(received).toHaveLength(1);
  });

  it('tells exhausted for now, with RetryInfo, from exhausted for good', async () => {
    const { port, received } = await serve((respond, count) =>
      respond({ code: status.RESOURCE_EXHAUSTED, details: 'full', ...(count === 1 && { metadata: withDetails(statusDetails(0, 1)) }) }),
    );
    const { exporter, items } = await exporterTo(`127.0.0.1:${port}`);
    exporter.logs!(textBatch(2));
    await until(() => items()['failed/permanent'] === 2);
    expect(received).toHaveLength(2);
  });

  it('counts a partial success', async () => {
    const { port } = await serve((respond) => respond(null, encodeResponse({ rejectedLogRecords: 2, errorMessage: 'too old' })));
    const { exporter, items, warnings } = await exporterTo(`127.0.0.1:${port}`);
    exporter.logs!(textBatch(5));
    await until(() => items()['sent'] === 3);
    expect(items()).toEqual({ accepted: 5, sent: 3, 'rejected/partial_success': 2 });
    expect(warnings[0]!.fields).toEqual({ rejected: 2, answer: 'too old' });
  });

  it('loses nothing when the other side goes and comes back', async () => {
    const first = await serve();
    const { exporter, items, warnings } = await exporterTo(`127.0.0.1:${first.port}`);
    exporter.logs!(textBatch(1));
    await until(() => items()['sent'] === 1);
    first.close();
    exporter.logs!(textBatch(3));
    await until(() => warnings.length > 0);
    expect(items()).toEqual({ accepted: 4, sent: 1, held: 3 });
    await serve(ok, first.port);
    await until(() => items()['sent'] === 4);
  }, 20_000);

  it('takes no answer in time for a failure that may pass', async () => {
    const { port, received } = await serve((respond, count) => (count === 1 ? undefined : ok(respond, count)));
    const { exporter, items, warnings } = await exporterTo(`127.0.0.1:${port}`, { timeout: '50ms' });
    exporter.logs!(textBatch(1));
    await until(() => items()['sent'] === 1);
    expect(received).toHaveLength(2);
    expect(String(warnings[0]!.fields['error'])).toContain('DEADLINE_EXCEEDED');
  });

  it('stops in time although nobody answers', async () => {
    const { port, received } = await serve(() => undefined);
    const { exporter, items } = await exporterTo(`127.0.0.1:${port}`);
    exporter.logs!(textBatch(2));
    await until(() => received.length === 1);
    await exporter.stop(50);
    expect(items()).toEqual({ accepted: 2, 'dropped/shutdown': 2 });
  });

  it('does not speak plain text to who expects TLS', async () => {
    const { port } = await serve();
    const { exporter, items, warnings } = await exporterTo(`https://localhost:${port}`, { retry_on_failure: { enabled: false } });
    exporter.logs!(textBatch(1));
    await until(() => items()['failed/retry_disabled'] === 1);
    expect(String(warnings[0]!.fields['error'])).toContain('does not speak TLS');
  });
});

describe('gRPC codes', () => {
  const retryable = new Set(['CANCELLED', 'DEADLINE_EXCEEDED', 'ABORTED', 'OUT_OF_RANGE', 'UNAVAILABLE', 'DATA_LOSS']);
  it.each(Object.entries(status).filter((entry): entry is [string, status] => typeof entry[1] === 'number' && entry[0] !== 'OK'))(
    '%s',
    (name, code) => {
      expect(outcomeOfStatus({ code, message: 'x' }).kind).toBe(retryable.has(name) ? 'retryable' : 'permanent');
    },
  );

  it('wait as long as RetryInfo says', () => {
    const details = statusDetails(7, 5);
    const wanted = { kind: 'retryable', afterMs: 7000.000005 };
    expect(outcomeOfStatus({ code: status.RESOURCE_EXHAUSTED, message: 'x', details })).toMatchObject(wanted);
    expect(outcomeOfStatus({ code: status.UNAVAILABLE, message: 'x', details })).toMatchObject(wanted);
    expect(outcomeOfStatus({ code: status.UNAVAILABLE, message: 'x', details: Buffer.from('garbage') })).not.toHaveProperty('afterMs');
  });
});
