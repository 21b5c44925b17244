/** `headers` and `headers_files`. */
import { z } from 'zod';
import { secret } from '../../core/config-types.ts';

/** An ASCII token, and no line breaks in the value (RFC 9110, section 5). */
export const HEADER_VALUE = /^[\t\x20-\x7e]*$/;

const headerName = z.string().regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/, 'not a header name');

export const headers = z
  .record(headerName, secret(z.string().regex(HEADER_VALUE, 'not a header value')))
  .default({})
  .describe('headers sent with every request; values are secrets and never shown');

export const headersFiles = z
  .record(headerName, z.string().min(1))
  .default({})
  .describe('names of headers and files that hold their values; read again when they change');

/** Of the protocol itself: another value breaks requests. */
const protocolHeaders: ReadonlySet<string> = new Set([
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'expect',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Null or something else when they are wrong. */
type Headers = { readonly headers: object | null; readonly headers_files: object | null };

/** Adds what is wrong with the names of both. */
export const checkHeaders = (config: Headers, context: z.RefinementCtx, isReserved: (name: string) => boolean = () => false): void => {
  const seen = new Set<string>();
  for (const key of ['headers', 'headers_files'] as const) {
    if (typeof config[key] !== 'object' || config[key] === null) continue;
    for (const written of Object.keys(config[key])) {
      const name = written.toLowerCase();
      const wrong = (message: string) => context.addIssue({ code: 'custom', path: [key, written], message });
      if (protocolHeaders.has(name) || isReserved(name)) wrong('a header of the protocol, which cannot be set');
      if (seen.has(name)) wrong('a header that stands here twice');
      seen.add(name);
    }
  }
};
