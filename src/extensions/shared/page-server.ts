/**
 * The server of extensions with pages, on a TCP address. Browsers are answered only for what a person asks there: pages of other sites, also those that let
 * their own name point here (DNS rebinding), are refused.
 */
import type { IncomingMessage } from 'node:http';
import { type AddressInfo, isIP } from 'node:net';
import { ConfigError, messageOf } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import type { Endpoint } from './config.ts';
import { createHttpServer, listening, text, type Answer, type HttpServer, type Place, type Reply } from './http-server.ts';

export type PageServerOptions = {
  readonly id: string;
  readonly endpoint: Endpoint;
  /** Further names that stand in the Host header. */
  readonly hosts: readonly string[];
  readonly logger: Logger;
  readonly answer: Answer;
  readonly paths: readonly string[];
  readonly answerTimeoutMs?: number;
};

const headers = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
} as const;

/** The name in a Host header without its port; undefined when it is none. */
const nameOf = (host: string | undefined): string | undefined => {
  const match = /^(?:\[([0-9a-f:.]+)\]|([A-Za-z0-9._-]+))(?::\d{1,5})?$/i.exec(host ?? '');
  return (match?.[1] ?? match?.[2])?.toLowerCase();
};

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the address is in use',
  EACCES: 'this port needs a privilege',
  EADDRNOTAVAIL: 'this host has no such address',
  ENOTFOUND: 'there is no host of that name',
};

const tcpPlace = (id: string, { host, port }: Endpoint): Place => ({
  async open(server) {
    try {
      await listening(server, { host, port });
    } catch (error) {
      const why = reasons[(error as NodeJS.ErrnoException).code ?? ''] ?? messageOf(error);
      throw new ConfigError(`extensions.${id}.endpoint: cannot listen on ${host}:${port}: ${why}`, {
        cause: error,
        advice: `set extensions.${id}.endpoint to an address that is free, or end what has it`,
      });
    }
    return { endpoint: `${host}:${(server.address() as AddressInfo).port}` };
  },
});

export const createPageServer = ({ id, endpoint, hosts, ...rest }: PageServerOptions): HttpServer => {
  const names = new Set(['localhost', endpoint.host.toLowerCase(), ...hosts.map((host) => host.toLowerCase())]);
  const refusal = ({ headers: given }: IncomingMessage): Reply | undefined => {
    const name = nameOf(given.host);
    if (name === undefined || (isIP(name) === 0 && !names.has(name)))
      return text(421, `not asked by this name; the option hosts of ${id} adds names`);
    const site = given['sec-fetch-site'];
    if (site !== undefined && site !== 'none' && site !== 'same-origin') return text(403, 'not for pages of other sites');
    if (given.origin !== undefined && given.origin !== `http://${given.host}`) return text(403, 'not for pages of other sites');
    return undefined;
  };
  return createHttpServer({ ...rest, place: tcpPlace(id, endpoint), refusal, headers });
};
