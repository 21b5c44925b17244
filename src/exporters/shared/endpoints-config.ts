/** `endpoint`, `endpoints`, `balancing` and `proxy_url`. */
import { z } from 'zod';
import { secret } from '../../core/config-types.ts';
import { areSound } from './checks.ts';
import { type Endpoint, parseEndpoint } from './endpoint.ts';
import { parseProxy } from './proxy.ts';

/** Each is a connection or several, and a certificate to watch. */
const MAX_ENDPOINTS = 16;

export const endpoints = z
  .array(z.string())
  .min(1)
  .max(MAX_ENDPOINTS)
  .optional()
  .describe('several of the same kind, instead of endpoint; a request goes to one of them');

export const balancing = z
  .enum(['round_robin', 'failover'])
  .default('round_robin')
  .describe('round_robin: one after the other; failover: the first that works');

export const proxyUrl = secret(
  z.string().refine((text) => text === 'none' || parseProxy(text) !== undefined, 'not the URL of an HTTP proxy, nor none'),
)
  .optional()
  .describe('HTTP proxy; none: not even the one that HTTPS_PROXY or HTTP_PROXY names');

type EndpointConfig = {
  readonly endpoint: string;
  readonly endpoints?: readonly string[] | undefined;
  readonly tls: { readonly insecure: boolean };
};

/** True also when nobody can tell, so that one mistake is not told as two. */
export const mayBeInsecure = ({ tls }: Pick<EndpointConfig, 'tls'>, context: z.RefinementCtx): boolean =>
  !areSound(context, 'tls') || tls.insecure;

/** Adds what is wrong with them; `more` tells what a protocol allows beyond. */
export const checkEndpoints = (
  config: EndpointConfig,
  context: z.RefinementCtx,
  defaults: { readonly endpoint: string; readonly port: number },
  more: (endpoint: Endpoint) => string | undefined = () => undefined,
): void => {
  if (!areSound(context, 'endpoint', 'endpoints')) return;
  const insecure = mayBeInsecure(config, context);
  const check = (text: string, path: readonly (string | number)[]): void => {
    const parsed = parseEndpoint(text, insecure, defaults.port);
    const message = typeof parsed === 'string' ? parsed : more(parsed);
    if (message !== undefined) context.addIssue({ code: 'custom', path: [...path], message });
  };
  if (config.endpoints === undefined) return check(config.endpoint, ['endpoint']);
  if (config.endpoint !== defaults.endpoint)
    context.addIssue({ code: 'custom', path: ['endpoints'], message: 'endpoint and endpoints exclude each other' });
  for (const [index, text] of config.endpoints.entries()) check(text, ['endpoints', index]);
};

/** Those of a configuration that was checked. */
export const endpointsOf = (config: EndpointConfig, defaultPort: number): readonly Endpoint[] =>
  (config.endpoints ?? [config.endpoint]).map((text) => parseEndpoint(text, config.tls.insecure, defaultPort) as Endpoint);
