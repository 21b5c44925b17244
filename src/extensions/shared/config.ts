import { BlockList, isIP } from 'node:net';
import { z } from 'zod';
import type { ConfigWarning, HostNeed } from '../../core/component.ts';

/** Where an extension listens. */
export type Endpoint = { readonly host: string; readonly port: number };

const MOST_HOSTS = 16;

const parseEndpoint = (text: string): Endpoint | undefined => {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^\s:/[\]]+)):(\d{1,5})$/i.exec(text);
  const port = Number(match?.[3]);
  return match === null || port > 65_535 ? undefined : { host: (match[1] ?? match[2])!, port };
};

/** `host:port` or `[v6]:port`. */
const endpoint = (byDefault: string) =>
  z
    .string()
    .transform((text, context): Endpoint => {
      const parsed = parseEndpoint(text);
      if (parsed !== undefined) return parsed;
      context.addIssue({ code: 'custom', message: `not an address; allowed is host:port, as in ${byDefault} or [::1]:18000` });
      return z.NEVER;
    })
    .prefault(byDefault)
    .describe('Address to listen on, `host:port`.');

/** Options that every extension with pages has. */
export const serverOptions = (defaultEndpoint: string) => ({
  endpoint: endpoint(defaultEndpoint),
  hosts: z
    .array(z.string().regex(/^[A-Za-z0-9.-]+$/, 'not a name of a host; write it without a port'))
    .max(MOST_HOSTS)
    .default([])
    .describe('Names by which it may be asked, beside `localhost`, addresses, and the host of the endpoint.'),
});

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

export const isLoopback = (host: string): boolean => {
  const family = isIP(host);
  return family === 0 ? host === 'localhost' : loopback.check(host, family === 4 ? 'ipv4' : 'ipv6');
};

type WithEndpoint = { readonly endpoint: Endpoint };

export const endpointNeeds = ({ endpoint: { host, port } }: WithEndpoint): readonly HostNeed[] => [
  { kind: 'port', host, port, option: ['endpoint'] },
];

/** `who` may see or do `what`. */
export const endpointWarnings = ({ endpoint: { host } }: WithEndpoint, what: string): readonly ConfigWarning[] =>
  isLoopback(host) ? [] : [{ option: ['endpoint'], message: `not a loopback address: whoever reaches it ${what}, without a password` }];
