/** Extensions beside a service that a test plays, and requests as bytes. */
import { request } from 'node:http';
import { connect } from 'node:net';
import type { ComponentKind, Extension, ExtensionFactory, Health, ReloadOutcome, ServiceView } from '../../src/core/component.ts';
import { createCounters, type Counters } from '../../src/core/counters.ts';
import type { Logger } from '../../src/core/logger.ts';
import { computeLedger } from '../../src/service/ledger.ts';

export type World = {
  readonly service: ServiceView;
  readonly counters: Counters;
  readonly lines: { readonly message: string; readonly fields: Record<string, unknown> }[];
  state: ReturnType<ServiceView['state']>;
  components: { readonly kind: ComponentKind | 'kernel'; readonly id: string; readonly health: Health }[];
  reload: ReloadOutcome | undefined;
  config: string;
};

export const startedAt = new Date('2026-11-21T07:00:00.000Z');

export const createWorld = (): World => {
  const counters = createCounters();
  const lines: World['lines'] = [];
  const world: World = {
    counters,
    lines,
    state: 'ready',
    components: [{ kind: 'exporter', id: 'otlp_http', health: { status: 'ok', message: '' } }],
    reload: undefined,
    config: 'receivers:\n',
    service: {
      startedAt,
      state: () => world.state,
      pipelines: () => [{ id: 'logs/<a>', receivers: ['process'], processors: ['redact'], exporters: ['otlp_http'] }],
      components: () => world.components,
      ledger: () => computeLedger(counters.samples()),
      samples: counters.samples,
      config: () => world.config,
      lastReload: () => world.reload,
      tap: () => () => {},
    },
  };
  return world;
};

export type Running = { readonly extension: Extension; readonly port: number };

const running: Extension[] = [];

/** Starts it on a free port of loopback unless the options name one. */
export const startExtension = async (factory: ExtensionFactory, world: World, options: object = {}): Promise<Running> => {
  const keep = (fields: object, message: string) => void world.lines.push({ message, fields: fields as Record<string, unknown> });
  const logger: Logger = { debug: keep, info: keep, warn: keep, error: keep };
  const extension = factory.create(
    {
      id: factory.type, logger, counters: world.counters, version: '1.2.3', resource: [['host.name', '<b>host</b>']], kernel: undefined, service: world.service,
    } as never,
    factory.config.parse({ endpoint: '127.0.0.1:0', ...options }) as never,
  ); // prettier-ignore
  await extension.start();
  running.push(extension);
  const started = world.lines.findLast(({ message }) => message === 'extension started');
  return { extension, port: Number(String(started!.fields['endpoint']).split(':').at(-1)) };
};

export const stopExtensions = async (): Promise<void> => {
  await Promise.all(running.splice(0).map((extension) => extension.stop(100)));
};

export type Response = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
};
export type Ask = { readonly method?: string; readonly headers?: Readonly<Record<string, string>>; readonly body?: string };

export const ask = ({ port }: Pick<Running, 'port'>, path: string, { method = 'GET', headers = {}, body }: Ask = {}): Promise<Response> => {
  const { promise, resolve, reject } = Promise.withResolvers<Response>();
  const sent = request({ host: '127.0.0.1', port, path, method, headers, agent: false }, (response) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => void chunks.push(chunk));
    response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks).toString() }));
    response.on('error', reject);
  });
  sent.on('error', reject);
  sent.end(body);
  return promise;
};

/** Sends bytes and returns all that comes back until the other side closes. */
export const talk = ({ port }: Pick<Running, 'port'>, bytes: string): Promise<string> => {
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
  let answer = '';
  socket.on('data', (chunk) => void (answer += chunk.toString()));
  socket.on('close', () => resolve(answer));
  socket.on('error', () => {});
  return promise;
};
