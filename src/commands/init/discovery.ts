/** What is on this host for Ringtail to work with: a Collector, container runtimes, the kernel. Finds out by asking, changes nothing. */
import http from 'node:http';
import http2 from 'node:http2';
import { existsSync } from 'node:fs';
import path from 'node:path';

/** What listens here answers at once, or is not what we look for. */
const ANSWER_MS = 1000;
/** Registered for OTLP. */
export const OTLP_GRPC_PORT = 4317;
export const OTLP_HTTP_PORT = 4318;

const LOGS_HTTP = '/v1/logs';
const LOGS_GRPC = '/opentelemetry.proto.collector.logs.v1.LogsService/Export';
/** No compression, no bytes: an export request without anything in it is valid. */
const EMPTY_GRPC_MESSAGE = Buffer.alloc(5);
const GRPC_OK = '0';
/** Of google.rpc.Code: no such service, not allowed, not authenticated. */
const GRPC_REFUSALS: ReadonlySet<unknown> = new Set(['12', '7', '16']);
const HTTP_REFUSALS: ReadonlySet<unknown> = new Set([404, 401, 403]);

/** `logs`: takes them. `other`: speaks the protocol and takes no logs, or not from everybody. `none`: does not speak it, or nobody is there. */
export type Answer = 'logs' | 'other' | 'none';

/** Sends an empty export request by OTLP over HTTP in plain text. */
export const askHttp = (host: string, port: number): Promise<Answer> => {
  const { promise, resolve } = Promise.withResolvers<Answer>();
  const request = http.request({
    host,
    port,
    path: LOGS_HTTP,
    method: 'POST',
    agent: false,
    headers: { 'content-type': 'application/x-protobuf', 'content-length': 0 },
    signal: AbortSignal.timeout(ANSWER_MS),
  });
  request.on('error', () => resolve('none'));
  request.on('response', (response) => {
    const type = String(response.headers['content-type'] ?? '');
    resolve(
      response.statusCode === 200 && type.startsWith('application/x-protobuf')
        ? 'logs'
        : HTTP_REFUSALS.has(response.statusCode)
          ? 'other'
          : 'none',
    );
    response.on('error', () => {});
    response.destroy();
  });
  request.end();
  return promise;
};

/** Sends an empty export request by OTLP over gRPC in plain text. */
export const askGrpc = async (host: string, port: number): Promise<Answer> => {
  const { promise, resolve } = Promise.withResolvers<Answer>();
  const session = http2.connect(`http://${host.includes(':') ? `[${host}]` : host}:${port}`);
  const timer = setTimeout(() => resolve('none'), ANSWER_MS);
  const judge = (headers: http2.IncomingHttpHeaders) => {
    const status = headers['grpc-status'];
    if (status === GRPC_OK) resolve('logs');
    else if (GRPC_REFUSALS.has(status)) resolve('other');
    else if (status !== undefined) resolve('none');
  };
  session.on('error', () => resolve('none'));
  session.on('close', () => resolve('none'));
  const stream = session.request({ ':method': 'POST', ':path': LOGS_GRPC, 'content-type': 'application/grpc', te: 'trailers' });
  stream.on('response', judge);
  stream.on('trailers', judge);
  stream.on('error', () => resolve('none'));
  stream.on('close', () => resolve('none'));
  stream.resume();
  stream.end(EMPTY_GRPC_MESSAGE);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    session.destroy();
  }
};

/** `grpc` and `http` are what answers on the ports of OTLP on this host. */
export type Collector = { readonly http: Answer; readonly grpc: Answer };

export const findCollector = async (
  host: string,
  { grpcPort, httpPort }: { readonly grpcPort: number; readonly httpPort: number } = { grpcPort: OTLP_GRPC_PORT, httpPort: OTLP_HTTP_PORT },
): Promise<Collector> => {
  const [overHttp, overGrpc] = await Promise.all([askHttp(host, httpPort), askGrpc(host, grpcPort)]);
  return { http: overHttp, grpc: overGrpc };
};

export type Runtime = { readonly name: string; readonly place: string };

/** Where runtimes have their socket or their state; the first that is there counts. */
const runtimePlaces: Readonly<Record<string, readonly string[]>> = {
  docker: ['/run/docker.sock', '/var/run/docker.sock', '/var/lib/docker'],
  containerd: ['/run/containerd/containerd.sock', '/run/k3s/containerd/containerd.sock', '/var/lib/containerd'],
  'cri-o': ['/run/crio/crio.sock', '/var/run/crio/crio.sock'],
  podman: ['/run/podman/podman.sock', '/var/lib/containers/storage'],
  kubelet: ['/var/lib/kubelet'],
};

/** `root`: where the host's root is mounted. */
export const findRuntimes = (root: string): readonly Runtime[] =>
  Object.entries(runtimePlaces).flatMap(([name, places]) => {
    const place = places.find((candidate) => existsSync(path.join(root, candidate)));
    return place === undefined ? [] : [{ name, place }];
  });
