/** Ringtail's own spans, as a server of traces gets them. */
import { Server, ServerCredentials, type sendUnaryData, type ServerUnaryCall } from '@grpc/grpc-js';
import { expect, it, onTestFinished } from 'vitest';
import { noTracer, within } from '../../src/core/own-spans.ts';
import { openOwnTraces } from '../../src/service/own-traces.ts';
import { otlp } from '../support/otlp.ts';
import { recordingLogger } from './fakes.ts';

type Span = {
  readonly name: string;
  readonly spanId: Buffer;
  readonly parentSpanId: Buffer | null;
  readonly status?: { readonly code: number | null; readonly message: string | null };
};
type Request = {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly { readonly key: string; readonly value: { readonly stringValue: string } }[] };
    readonly scopeSpans: readonly { readonly spans: readonly Span[] }[];
  }[];
};

const serve = async () => {
  const requests: Request[] = [];
  const same = (bytes: Buffer): Buffer => bytes;
  const server = new Server();
  const method = {
    path: '/opentelemetry.proto.collector.trace.v1.TraceService/Export', requestStream: false, responseStream: false,
    requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same,
  } as const; // prettier-ignore
  server.addService(
    { Export: method },
    {
      Export(call: ServerUnaryCall<Buffer, Buffer>, respond: sendUnaryData<Buffer>) {
        requests.push(otlp.collector.trace.v1.ExportTraceServiceRequest.decode(call.request) as Request);
        respond(null, Buffer.alloc(0));
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => (error ? reject(error) : resolve(bound))),
  );
  onTestFinished(() => server.forceShutdown());
  return { port, requests };
};

it('they go by OTLP over gRPC, each below its own, with what failed', async () => {
  const { port, requests } = await serve();
  const own = await openOwnTraces({
    config: { endpoint: `127.0.0.1:${port}`, insecure: true },
    resource: [['service.name', 'ringtail']],
    version: '1',
    logger: recordingLogger(),
  });
  const start = own.tracer.begin('start', { pipelines: 2 });
  await within(start.begin('start kernel'), async () => {});
  await expect(within(start.begin('start exporter'), () => Promise.reject(new Error('no luck')))).rejects.toThrow('no luck');
  start.end();
  await own.close(5000);
  const [{ resource, scopeSpans } = { resource: { attributes: [] }, scopeSpans: [] }] = requests.flatMap(
    ({ resourceSpans }) => resourceSpans,
  );
  expect(resource.attributes.map(({ key, value }) => [key, value.stringValue])).toContainEqual(['service.name', 'ringtail']);
  const spans = scopeSpans.flatMap((scope) => scope.spans);
  const root = spans.find(({ name }) => name === 'start')!;
  const shown = spans.map(({ name, parentSpanId, status }) => [
    name,
    (parentSpanId ?? Buffer.alloc(0)).toString('hex') === root.spanId.toString('hex'),
    status?.message || '',
  ]);
  expect(shown).toEqual([
    ['start kernel', true, ''],
    ['start exporter', true, 'no luck'],
    ['start', false, ''],
  ]);
});

it('nobody who asks for none pays for them, and a server that is away keeps nobody', async () => {
  const logger = recordingLogger();
  const none = await openOwnTraces({ config: { insecure: true }, resource: [], version: '1', logger });
  expect(none.tracer).toBe(noTracer);
  const away = await openOwnTraces({ config: { endpoint: '127.0.0.1:1', insecure: true }, resource: [], version: '1', logger });
  away.tracer.begin('start').end();
  await away.close(200);
});
