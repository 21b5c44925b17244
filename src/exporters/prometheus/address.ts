/** Where the page is served. */
import { z } from 'zod';

export const DEFAULT_PROMETHEUS_ENDPOINT = '127.0.0.1:18889';

export type Address = { readonly host: string; readonly port: number };

const parseAddress = (text: string): Address | undefined => {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^\s:/[\]]+)):(\d{1,5})$/i.exec(text);
  const port = Number(match?.[3]);
  return match === null || port > 65_535 ? undefined : { host: (match[1] ?? match[2])!, port };
};

export const endpoint = z
  .string()
  .transform((text, context): Address => {
    const parsed = parseAddress(text);
    if (parsed !== undefined) return parsed;
    context.addIssue({
      code: 'custom',
      message: `not an address; allowed is host:port, as in ${DEFAULT_PROMETHEUS_ENDPOINT}, 0.0.0.0:18889 or [::1]:18889`,
    });
    return z.NEVER;
  })
  .prefault(DEFAULT_PROMETHEUS_ENDPOINT)
  .describe('address to listen on; the path is /metrics');
