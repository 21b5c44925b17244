/** The configuration behind `ringtail trace`: processes and their connections as spans, to where the caller says. */

/** Where spans go; nothing: only to the terminal. */
export type TraceDestination = { readonly endpoint?: string | undefined; readonly output?: string | undefined };

/** `4317` is the port of gRPC by convention; a path, or any other port, is HTTP where `grpc://` does not say otherwise. */
export const isGrpc = (endpoint: string): boolean =>
  endpoint.startsWith('grpc://') || /^[^/]*:4317$/.test(endpoint.replace(/^https?:\/\//, ''));

/** Of requests: fewer of them take less from the command; what is left goes at its end. */
const FLUSH_INTERVAL = '1s';

/** The exporters that the destination takes, and what the caller calls each. */
export const exportersOf = ({ endpoint, output }: TraceDestination): readonly { readonly exporter: string; readonly to: string }[] => [
  ...(endpoint === undefined ? [] : [{ exporter: isGrpc(endpoint) ? 'otlp_grpc' : 'otlp_http', to: endpoint }]),
  ...(output === undefined ? [] : [{ exporter: 'file', to: output }]),
];

const settingsOf = (exporter: string, to: string): object =>
  exporter === 'file' ? { path: to } : { endpoint: to.replace(/^grpc:\/\//, ''), flush_interval: FLUSH_INTERVAL };

export const traceConfigOf = (rootPath: string, destination: TraceDestination, arguments_: boolean): object => {
  const wanted = exportersOf(destination);
  const exporters =
    wanted.length === 0 ? { nop: {} } : Object.fromEntries(wanted.map(({ exporter, to }) => [exporter, settingsOf(exporter, to)]));
  const resolve = ['resolve_container', 'resolve_process', 'resolve_user'];
  return {
    receivers: { process: { args: { enabled: arguments_ } }, sockets: { protocols: ['tcp', 'udp'] } },
    processors: Object.fromEntries(resolve.map((type) => [type, {}])),
    exporters,
    kernel: { root_path: rootPath, flush_interval: '200ms' },
    service: {
      telemetry: { logs: { level: 'warn' }, metrics: { level: 'none' } },
      pipelines: { traces: { receivers: ['process', 'sockets'], processors: resolve, exporters: Object.keys(exporters) } },
    },
  };
}; // prettier-ignore
