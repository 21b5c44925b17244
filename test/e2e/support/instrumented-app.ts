/** An application with OpenTelemetry's SDK: a span, and within it a program that is told of it. `instrumented-app.ts ENDPOINT COMMAND [ARGUMENT...]`; it prints the span's ids. */
import { spawnSync } from 'node:child_process';
import { context, propagation, trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { NodeSDK } from '@opentelemetry/sdk-node';

const [endpoint = '', command = '', ...args] = process.argv.slice(2);
const sdk = new NodeSDK({
  resource: resourceFromAttributes({ 'service.name': 'shop' }),
  traceExporter: new OTLPTraceExporter({ url: `http://${endpoint}` }),
  instrumentations: [],
});
sdk.start();
trace.getTracer('shop').startActiveSpan('nightly report', (span) => {
  const carrier: { traceparent?: string } = {};
  propagation.inject(context.active(), carrier);
  spawnSync(command, args, { stdio: 'ignore', env: { ...process.env, TRACEPARENT: carrier.traceparent } });
  span.end();
  console.log(JSON.stringify(span.spanContext()));
});
await sdk.shutdown();
