/** What both protocols need before they can speak: dialers, headers, a compressor, one transport for each endpoint. */
import type { Secret } from '../../core/config-types.ts';
import { RuntimeError, messageOf } from '../../core/errors.ts';
import type { HostNeed } from '../../core/component.ts';
import type { Logger } from '../../core/logger.ts';
import { balance } from './balance.ts';
import { type Algorithm, type Compressor, compressorOf } from './compress.ts';
import { createDialer, type Dialer } from './dial.ts';
import type { Endpoint } from './endpoint.ts';
import { tlsNeeds } from './host-needs.ts';
import { createHeaderSource, type HeaderSource } from './header-source.ts';
import { type Environment, type Proxy, proxyFor } from './proxy.ts';
import type { TlsConfig } from './tls-config.ts';
import { createTlsSource } from './tls-source.ts';
import type { Transport } from './transport.ts';

export type ConnectionConfig = {
  readonly timeout: number;
  readonly tls: TlsConfig;
  readonly headers: Readonly<Record<string, Secret>>;
  readonly headers_files: Readonly<Record<string, string>>;
  readonly proxy_url?: Secret | undefined;
  readonly balancing: 'round_robin' | 'failover';
  readonly compression: Algorithm;
  readonly compression_params: { readonly level?: number | undefined };
};

export type ConnectionsOptions = {
  readonly config: ConnectionConfig;
  readonly endpoints: readonly Endpoint[];
  readonly logger: Logger;
  readonly env?: Environment;
  /** Plain text goes through the proxy by CONNECT too, and by the proxy that the environment names for TLS. */
  readonly alwaysTunnel: boolean;
  readonly alpn?: readonly string[];
};

export type Connection = {
  readonly endpoint: Endpoint;
  readonly dialer: Dialer;
  readonly proxy: Proxy | undefined;
  readonly headers: HeaderSource;
  readonly compress: Compressor | undefined;
  /** For making a connection: with several endpoints half the time of a request, so that another one gets its turn in the same try. */
  readonly connectTimeoutMs: number;
};

/** Reads all files; throws when one cannot be used. Waits for nobody on the network. */
export const connectAll = async (options: ConnectionsOptions, connect: (connection: Connection) => Transport): Promise<Transport> => {
  const { config, endpoints, logger, env, alwaysTunnel, alpn } = options;
  const proxies = endpoints.map((endpoint) => {
    try {
      return proxyFor(endpoint, config.proxy_url, { plainUsesHttp: !alwaysTunnel, ...(env && { env }) });
    } catch (error) {
      throw new RuntimeError(messageOf(error), { advice: 'correct it, or set proxy_url' });
    }
  });
  const secure = endpoints.some((endpoint, i) => endpoint.secure || proxies[i]?.secure);
  const headers = await createHeaderSource({ headers: config.headers, headersFiles: config.headers_files, logger });
  const source = secure ? await createTlsSource(config.tls, logger) : undefined;
  const compress = compressorOf(config);
  const connectTimeoutMs = Math.ceil(config.timeout / Math.min(endpoints.length, 2));
  const transports = endpoints.map((endpoint, i) => {
    const proxy = proxies[i];
    const dialer = createDialer({ endpoint, tls: config.tls, proxy, tunnel: alwaysTunnel, source, ...(alpn && { alpn }) });
    return connect({ endpoint, dialer, proxy, headers, compress, connectTimeoutMs });
  });
  return balance(transports, config.balancing);
};

/** Files that must be there when it starts. */
export const connectionNeeds = ({ tls, headers_files: files }: ConnectionConfig): readonly HostNeed[] => [
  ...tlsNeeds(tls),
  ...Object.entries(files).map(([name, path]): HostNeed => ({ kind: 'file', path, option: ['headers_files', name] })),
];
