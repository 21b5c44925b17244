/**
 * The map in which OpenTelemetry's eBPF instrumentation (OBI) keeps where in a trace each thread is. The kernel programs look into it when something
 * happens; here it is looked for, judged, and put into their hands.
 */
import { messageOf } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Addon, NativeError, NativeSession, PinnedMap } from './addon.ts';
import { mapLayout } from './layouts.gen.ts';

/**
 * Where OBI pins it: `<bpf_fs_path>/otel/<name>`, the first being /sys/fs/bpf unless configured. Source: bpf/shared/obi_ctx.h and
 * devdocs/trace-log-correlation.md in open-telemetry/opentelemetry-ebpf-instrumentation.
 */
export const OBI_PIN = '/sys/fs/bpf/otel/traces_ctx_v1';

const LRU_HASH = 9; // BPF_MAP_TYPE_LRU_HASH in linux/bpf.h
/** Thread group and thread, as bpf_get_current_pid_tgid() has them. */
const KEY_BYTES = 8;

/** Of `off`, `auto` or a path, as in the configuration. */
export const contextPlace = (wanted: string, root: string): Pick<TraceContextsOptions, 'path' | 'isNamed'> => {
  if (wanted === 'off') return { path: undefined, isNamed: false };
  return wanted === 'auto' ? { path: `${root}${OBI_PIN}`, isNamed: false } : { path: wanted, isNamed: true };
};

/** Why a map cannot be that one; undefined: it can. */
export const shapeProblem = ({ type, keyBytes, valueBytes, flags }: PinnedMap): string | undefined => {
  const found: string[] = [];
  if (type !== LRU_HASH) found.push(`is of type ${type} and not an LRU hash (${LRU_HASH})`);
  if (keyBytes !== KEY_BYTES) found.push(`has keys of ${keyBytes} bytes and not ${KEY_BYTES}`);
  if (valueBytes !== mapLayout.traceContext.size) found.push(`has values of ${valueBytes} bytes and not ${mapLayout.traceContext.size}`);
  if (flags !== 0) found.push(`has the flags 0x${flags.toString(16)} and not none`);
  return found.length === 0 ? undefined : found.join(' and ');
};

export type ContextMapState =
  | { readonly state: 'found'; readonly map: PinnedMap }
  | { readonly state: 'absent' }
  /** Without the right to look; `code` is EACCES or EPERM, the first also of what is no pin at all. */
  | { readonly state: 'hidden'; readonly code: string }
  /** There is something that is not that map; a sentence without its subject. */
  | { readonly state: 'unusable'; readonly why: string };

/** What is at the path now. Never throws. */
export const findContextMap = (addon: Pick<Addon, 'pinnedMap'>, path: string): ContextMapState => {
  try {
    const map = addon.pinnedMap(path);
    const problem = shapeProblem(map);
    return problem === undefined ? { state: 'found', map } : { state: 'unusable', why: problem };
  } catch (error) {
    const { code } = error as NativeError;
    if (code === 'ENOENT' || code === 'ENOTDIR') return { state: 'absent' };
    if (code === 'EACCES' || code === 'EPERM') return { state: 'hidden', code };
    return { state: 'unusable', why: `cannot be used: ${messageOf(error)}` };
  }
};

export type TraceContextsOptions = {
  readonly addon: Pick<Addon, 'pinnedMap'>;
  readonly session: Pick<NativeSession, 'usePinned'>;
  /** That has the map of the programs. */
  readonly object: number;
  /** Undefined: off. */
  readonly path: string | undefined;
  /** The configuration names it: then it is told when it may not be looked at. Else nobody said that there is one. */
  readonly isNamed: boolean;
  readonly logger: Logger;
};

export type TraceContexts = {
  /** Looks whether the map came, went, or was replaced, and gives the programs what is there. Never rejects; while it is under way nothing begins anew. */
  look(): Promise<void>;
  /** Number of the map that the programs look into; 0: none. */
  mapId(): number;
};

export const createTraceContexts = ({ addon, session, object, path, isNamed, logger }: TraceContextsOptions): TraceContexts => {
  let used = 0;
  /** What was complained about last. */
  let told = '';
  let under: Promise<void> | undefined;

  const complain = (why: string): void => {
    if (why !== told)
      logger.warn({ path, advice: 'set kernel.trace_context to the right path, or to off' }, `the map of trace contexts ${why}`);
    told = why;
  };

  const use = async (id: number): Promise<void> => {
    await session.usePinned(object, 'trace_contexts', id === 0 ? undefined : path);
    used = id;
    if (id !== 0) told = '';
    if (id === 0) logger.info({ path }, 'the map of trace contexts is gone; log records carry no trace');
    else logger.info({ path, map_id: id }, 'log records carry the trace that a thread is in');
  };

  const lookNow = async (at: string): Promise<void> => {
    const found = findContextMap(addon, at);
    if (found.state === 'unusable') complain(found.why);
    if (found.state === 'hidden' && isNamed) complain(`may not be opened, or is none: ${found.code}`);
    if (found.state === 'absent') told = '';
    const wanted = found.state === 'found' ? found.map.id : 0;
    if (wanted === used) return;
    try {
      await use(wanted);
    } catch (error) {
      complain(`cannot be used: ${messageOf(error)}`);
    }
  };

  return {
    async look() {
      if (path === undefined) return;
      under ??= lookNow(path).finally(() => (under = undefined));
      await under;
    },
    mapId: () => used,
  };
};
