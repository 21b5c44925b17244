/** A real Jaeger with its storage in memory, asked by its query API. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { start, until } from './processes.ts';

export type JaegerSpan = {
  readonly spanID: string;
  readonly operationName: string;
  readonly references: readonly { readonly refType: string; readonly traceID: string; readonly spanID: string }[];
  /** Unix time, µs. */
  readonly startTime: number;
  /** µs. */
  readonly duration: number;
  readonly tags: readonly { readonly key: string; readonly value: string | number | boolean }[];
  readonly warnings: readonly string[] | null;
};

export type Jaeger = {
  /** The spans of a trace once there are `least`. */
  trace(traceId: string, least: number): Promise<readonly JaegerSpan[]>;
  stop(): Promise<void>;
};

export type JaegerPlace = {
  readonly folder: string;
  readonly grpcPort: number;
  readonly queryPort: number;
  readonly queryGrpcPort: number;
};

const configOf = ({ grpcPort, queryPort, queryGrpcPort }: JaegerPlace): string => `
service:
  extensions: [jaeger_storage, jaeger_query]
  telemetry: {metrics: {level: none}, logs: {level: warn}}
  pipelines:
    traces: {receivers: [otlp], exporters: [jaeger_storage_exporter]}
extensions:
  jaeger_storage: {backends: {memory: {memory: {max_traces: 1000}}}}
  jaeger_query:
    storage: {traces: memory}
    http: {endpoint: "127.0.0.1:${queryPort}"}
    grpc: {endpoint: "127.0.0.1:${queryGrpcPort}"}
receivers:
  otlp: {protocols: {grpc: {endpoint: "127.0.0.1:${grpcPort}"}}}
exporters:
  jaeger_storage_exporter: {trace_storage: memory}
`;

export const startJaeger = async (binary: string, place: JaegerPlace): Promise<Jaeger> => {
  const config = join(place.folder, 'jaeger.yaml');
  writeFileSync(config, configOf(place));
  const running = start(binary, ['--config', config]);
  const base = `http://127.0.0.1:${place.queryPort}/api`;
  const ask = async (path: string): Promise<{ readonly data?: readonly { readonly spans: readonly JaegerSpan[] }[] } | undefined> => {
    if (running.hasEnded()) throw new Error(`Jaeger ended\n${running.stderr()}`);
    try {
      const response = await fetch(`${base}${path}`);
      return response.ok ? ((await response.json()) as { data?: readonly { spans: readonly JaegerSpan[] }[] }) : undefined;
    } catch {
      return undefined;
    }
  };
  await until(async () => (await ask('/services')) !== undefined, 'Jaeger to answer', { otherwise: running.stderr });
  return {
    async trace(traceId, least) {
      let spans: readonly JaegerSpan[] = [];
      const look = async (): Promise<boolean> => {
        spans = (await ask(`/traces/${traceId}`))?.data?.[0]?.spans ?? [];
        return spans.length >= least;
      };
      await until(look, `${least} spans of ${traceId}`, { otherwise: () => `there are ${spans.length}` });
      return spans;
    },
    async stop() {
      running.child.kill('SIGTERM');
      await running.ended;
    },
  };
};
