/** Where to send, and whether in plain text. */
import { BlockList, isIP } from 'node:net';

export type Endpoint = {
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
  /** Without a slash at the end. */
  readonly path: string;
};

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

export const isLoopback = (host: string): boolean => {
  const family = isIP(host);
  if (family === 0) return host === 'localhost' || host.endsWith('.localhost');
  return loopback.check(host, family === 6 ? 'ipv6' : 'ipv4');
};

/**
 * `http://host:port/path`, `https://…`, or `host:port`, which is plain text when `insecure` or on this host, else TLS.
 * Without a port: that of the scheme, or `defaultPort` when there is no scheme. Returns what is wrong with it as text.
 */
export const parseEndpoint = (text: string, insecure: boolean, defaultPort: number): Endpoint | string => {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme !== undefined && scheme !== 'http' && scheme !== 'https')
    return `the scheme ${scheme} is not known; allowed are http and https`;
  let url: URL;
  try {
    url = new URL(scheme === undefined ? `http://${text}` : text);
  } catch {
    return 'not an endpoint; write host:port or a URL, as in 127.0.0.1:4317 or https://collector.example:4318';
  }
  if (url.username !== '' || url.password !== '') return 'credentials do not belong into an endpoint; use headers';
  if (url.search !== '' || url.hash !== '') return 'an endpoint has neither a query nor a fragment';
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const local = isLoopback(host);
  if (scheme === 'http' && !local && !insecure) return `plain text to ${host}, which is not this host, needs tls.insecure: true`;
  const secure = scheme === 'https' || (scheme === undefined && !insecure && !local);
  // A URL without a port means the port of its scheme. Without a scheme ours is meant, and 80 must be told from none.
  const written = /:(\d+)$/.exec(scheme === undefined ? text.split('/', 1)[0]! : `:${url.port}`)?.[1];
  const port = written === undefined ? (scheme === undefined ? defaultPort : secure ? 443 : 80) : Number(written);
  return { secure, host, port, path: url.pathname.replace(/\/+$/, '') };
};
