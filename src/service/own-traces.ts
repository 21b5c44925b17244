/** Ringtail's own spans (start, reload, export) by the SDK, which is loaded when somebody wants them. */
import type { Attributes, Context, Span, Tracer } from '@opentelemetry/api';
import type { TelemetryConfig } from '../config/schema.ts';
import { messageOf } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { noTracer, type OwnSpan, type OwnTracer } from '../core/own-spans.ts';

export type OwnTraces = {
  readonly tracer: OwnTracer;
  /** Sends what is held, for as long as that takes but no longer than this. */ close(deadlineMs: number): Promise<void>;
};

export type OwnTracesOptions = {
  readonly config: TelemetryConfig['traces'];
  readonly resource: readonly (readonly [string, string])[];
  readonly version: string;
  readonly logger: Logger;
};

const NOTHING: OwnTraces = { tracer: noTracer, close: async () => {} };
const EXPORT_TIMEOUT_MS = 5_000;

/** Never rejects: without its own spans Ringtail runs as well. */
export const openOwnTraces = async ({ config, resource, version, logger }: OwnTracesOptions): Promise<OwnTraces> => {
  const { endpoint, insecure } = config;
  if (endpoint === undefined) return NOTHING;
  try {
    const [{ NodeSDK }, { resourceFromAttributes }, { OTLPTraceExporter }, { context, ROOT_CONTEXT, SpanStatusCode, trace }] = await Promise.all([
      import('@opentelemetry/sdk-node'),
      import('@opentelemetry/resources'),
      import('@opentelemetry/exporter-trace-otlp-grpc'),
      import('@opentelemetry/api'),
    ]);
    const sdk = new NodeSDK({
      resource: resourceFromAttributes(Object.fromEntries(resource)),
      autoDetectResources: false,
      instrumentations: [],
      metricReaders: [],
      logRecordProcessors: [],
      traceExporter: new OTLPTraceExporter({ url: `${insecure ? 'http' : 'https'}://${endpoint}`, timeoutMillis: EXPORT_TIMEOUT_MS }),
    });
    sdk.start();
    const tracer: Tracer = trace.getTracer('ringtail', version);
    const own = (span: Span, parent: Context): OwnSpan => {
      const inside = trace.setSpan(parent, span);
      return {
        begin: (name, attributes = {}) => own(tracer.startSpan(name, { attributes: attributes as Attributes }, inside), inside),
        set: (attributes) => void span.setAttributes(attributes),
        end(failure) {
          if (failure !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: failure });
          span.end();
        },
      };
    };
    return {
      tracer: { begin: (name, attributes = {}) => own(tracer.startSpan(name, { attributes: attributes as Attributes }, ROOT_CONTEXT), ROOT_CONTEXT) },
      async close(deadlineMs) {
        const late = new Promise<void>((resolve) => void setTimeout(resolve, deadlineMs).unref());
        await Promise.race([sdk.shutdown().catch((error: unknown) => logger.warn({ error: messageOf(error) }, 'own spans could not be sent')), late]);
        trace.disable();
        context.disable();
      },
    };
  } catch (error) {
    logger.warn({ error: messageOf(error) }, 'running without own spans');
    return NOTHING;
  }
}; // prettier-ignore
