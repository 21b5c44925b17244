/** Which proxy to go through, by configuration or by the environment. */
import { BlockList, isIP } from 'node:net';
import { createSecret, type Secret } from '../../core/config-types.ts';
import { type Endpoint, isLoopback } from './endpoint.ts';

export type Proxy = {
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
  /** Value of `Proxy-Authorization`, when the URL has credentials. */
  readonly authorization: Secret | undefined;
};

/** As in curl and Go. */
const DEFAULT_PORTS: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 };

/** Undefined when it is no URL of a proxy. Its messages are written elsewhere, without the text: it may hold a password. */
export const parseProxy = (text: string): Proxy | undefined => {
  let url: URL;
  try {
    url = new URL(text.includes('://') ? text : `http://${text}`);
  } catch {
    return undefined;
  }
  const defaultPort = DEFAULT_PORTS[url.protocol];
  if (defaultPort === undefined || url.hostname === '') return undefined;
  let credentials: string;
  try {
    credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  } catch {
    return undefined;
  }
  return {
    secure: url.protocol === 'https:',
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? defaultPort : Number(url.port),
    authorization: credentials === ':' ? undefined : createSecret(`Basic ${Buffer.from(credentials).toString('base64')}`),
  };
};

/** One entry of NO_PROXY: `*`, a name and what is below it, an address or a network in CIDR; each with a port or without. */
const covers = (entry: string, host: string, port: number): boolean => {
  if (entry === '*') return true;
  const network = /^([0-9a-f.:]+)\/(\d+)$/i.exec(entry);
  if (network !== null) {
    const family = isIP(network[1]!);
    const list = new BlockList();
    try {
      list.addSubnet(network[1]!, Number(network[2]), family === 6 ? 'ipv6' : 'ipv4');
    } catch {
      return false;
    }
    const own = isIP(host);
    return own !== 0 && own === family && list.check(host, own === 6 ? 'ipv6' : 'ipv4');
  }
  if (isIP(entry) !== 0) return entry === host;
  const [, name = entry, wantedPort] = /^\[?(.*?)\]?:(\d+)$/.exec(entry) ?? [];
  if (wantedPort !== undefined && Number(wantedPort) !== port) return false;
  const wanted = name.replace(/^\*?\./, '').toLowerCase();
  const asked = host.toLowerCase();
  return wanted !== '' && (asked === wanted || (isIP(asked) === 0 && asked.endsWith(`.${wanted}`)));
};

export type Environment = Readonly<Record<string, string | undefined>>;

const variable = (env: Environment, name: string): { readonly name: string; readonly value: string } | undefined => {
  for (const written of [name, name.toLowerCase()]) {
    const value = env[written];
    if (value !== undefined && value !== '') return { name: written, value };
  }
  return undefined;
};

/**
 * The proxy for an endpoint: `configured` if there is one (`none` means none at all), else HTTPS_PROXY or, for plain text when `plainUsesHttp`,
 * HTTP_PROXY, unless NO_PROXY covers the endpoint. Never for this host by the environment. Throws when the variable is no URL.
 */
export const proxyFor = (
  endpoint: Endpoint,
  configured: Secret | undefined,
  { plainUsesHttp, env = process.env }: { readonly plainUsesHttp: boolean; readonly env?: Environment },
): Proxy | undefined => {
  if (configured !== undefined) return configured.reveal() === 'none' ? undefined : parseProxy(configured.reveal());
  if (isLoopback(endpoint.host)) return undefined;
  const found = variable(env, endpoint.secure || !plainUsesHttp ? 'HTTPS_PROXY' : 'HTTP_PROXY');
  if (found === undefined) return undefined;
  const exceptions = (variable(env, 'NO_PROXY')?.value ?? '').split(/[\s,]+/).filter((entry) => entry !== '');
  if (exceptions.some((entry) => covers(entry, endpoint.host, endpoint.port))) return undefined;
  const proxy = parseProxy(found.value);
  if (proxy === undefined) throw new Error(`the environment variable ${found.name} is not the URL of an HTTP proxy`);
  return proxy;
};
