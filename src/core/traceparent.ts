/** W3C Trace Context, level 1: the header `traceparent` as it stands in the variable TRACEPARENT of an environment. */
import { randomBytes } from 'node:crypto';

/** `flags`: bit 0 says that the trace is sampled. */
export type TraceContext = { readonly traceId: Uint8Array; readonly spanId: Uint8Array; readonly flags: number };

const SAMPLED = 1;

/** Whether who made it keeps the trace. */
export const isSampled = ({ flags }: Pick<TraceContext, 'flags'>): boolean => (flags & SAMPLED) !== 0;

/** Undefined: it is none. A later version is read as far as this one goes. */
export const parseTraceparent = (text: string): TraceContext | undefined => {
  const match = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/.exec(text.trim());
  if (match === null) return undefined;
  const [, version, trace = '', span = '', flags = '', more] = match;
  const isNothing = /^0+$/.test(trace) || /^0+$/.test(span);
  if (version === 'ff' || isNothing || (version === '00' && more !== undefined)) return undefined;
  return { traceId: Buffer.from(trace, 'hex'), spanId: Buffer.from(span, 'hex'), flags: Number.parseInt(flags, 16) };
};

export const formatTraceparent = ({ traceId, spanId, flags }: TraceContext): string =>
  `00-${Buffer.from(traceId).toString('hex')}-${Buffer.from(spanId).toString('hex')}-${(flags & 0xff).toString(16).padStart(2, '0')}`;

/** Ids that nobody has. */
export const newContext = (): TraceContext => ({ traceId: randomBytes(16), spanId: randomBytes(8), flags: SAMPLED });
