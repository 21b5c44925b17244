/** Ids of traces and spans: the same for the same process of the same boot of the same host, whoever asks and however often Ringtail is restarted. */
import { hash } from 'node:crypto';
import { isZero } from '../../core/bytes.ts';
import { SPAN_ID_BYTES, TRACE_ID_BYTES } from '../../core/spans.ts';
import type { ProgramIdentity } from './types.ts';

export type TraceIds = {
  /** Of the tree that begins with this program. */
  trace(root: ProgramIdentity): Uint8Array;
  /** Of what is no tree of one process: a cgroup, the whole host. */
  traceOf(what: string): Uint8Array;
  span(program: ProgramIdentity): Uint8Array;
  session(id: bigint): Uint8Array;
  /** Another span about the same program. */
  spanOf(program: ProgramIdentity, what: string): Uint8Array;
};

/** `host`: what no other host is called; `boot`: what no other boot of it is called (/proc/sys/kernel/random/boot_id). */
export const createTraceIds = (host: string, boot: string): TraceIds => {
  const place = `${host}\0${boot}\0`;
  const hashed = (bytes: number, ...parts: readonly (string | number | bigint)[]): Uint8Array => {
    const id = new Uint8Array(hash('sha256', `${place}${parts.join('\0')}`, 'buffer').subarray(0, bytes));
    // all zero is not allowed: W3C Trace Context
    if (isZero(id)) id[bytes - 1] = 1;
    return id;
  };
  return {
    trace: ({ pid, startNs, execId }) => hashed(TRACE_ID_BYTES, 'trace', pid, startNs, execId),
    traceOf: (what) => hashed(TRACE_ID_BYTES, 'trace', what),
    span: ({ pid, startNs, execId }) => hashed(SPAN_ID_BYTES, 'span', pid, startNs, execId),
    session: (id) => hashed(SPAN_ID_BYTES, 'session', id),
    spanOf: ({ pid, startNs, execId }, what) => hashed(SPAN_ID_BYTES, what, pid, startNs, execId),
  };
};
