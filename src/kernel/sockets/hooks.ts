/** The cgroup programs of sockets: each that cannot be had costs only what it brings. */
import type { KernelFacts, NativeSession } from '../addon.ts';
import { describeRefusal } from '../process-programs.ts';
import { isModern, objectPath } from '../flavours.ts';
import type { LoadedTracing } from './tracing.ts';

export type LoadedHooks = {
  /** Undefined: the kernel takes none of them. */
  readonly object: number | undefined;
  readonly attached: Set<string>;
  /** Why a program is not attached. */
  readonly refusals: Map<string, string>;
};

export type HooksOptions = {
  readonly session: NativeSession;
  readonly facts: KernelFacts;
  readonly ringBytes: number;
  readonly selfPid: number;
  readonly cgroupOptions: Readonly<Record<string, number>>;
  readonly tracing: LoadedTracing;
  /** Tracepoints count datagrams: packets need not be looked at. */
  readonly hasLengths: boolean;
};

const SHARED_MAPS = [
  'sessions', 'flows', 'session_settings', 'session_rules', 'session_rule_counts', 'session_counts', 'session_live', 'session_rest', 'session_stats',
  'session_notes', 'unix_sessions', 'last_arrivals', 'excluded', 'excluded_kinds', 'left_out_runs',
]; // prettier-ignore

const LEGACY_MAPS = ['session_claims'];

/** In the order in which they are attached: the end of a socket before its beginning. */
const PROGRAMS = [
  'on_sock_release', 'on_sock_create', 'on_sendmsg4', 'on_sendmsg6', 'on_recvmsg4', 'on_recvmsg6', 'on_connect4', 'on_connect6',
]; // prettier-ignore
const PACKET_PROGRAMS = ['on_egress', 'on_ingress'];
const LEGACY_PROGRAMS = ['on_sockops'];

/** Never throws: what is refused is told by `refusals`. */
export const loadHooks = ({ session, facts, ringBytes, selfPid, cgroupOptions, tracing, hasLengths }: HooksOptions): LoadedHooks => {
  const modern = isModern(facts);
  const wanted = [...PROGRAMS, ...(hasLengths ? [] : PACKET_PROGRAMS), ...(modern ? [] : LEGACY_PROGRAMS)];
  const load = (programs: readonly string[]): number =>
    session.load({
      path: objectPath('socket_hooks', facts),
      programs,
      options: {
        ...cgroupOptions,
        ring_bytes: ringBytes,
        self_tgid: selfPid,
        counts_packets: hasLengths ? 0 : 1,
      },
      mapEntries: {},
      share: { from: tracing.object, maps: modern ? SHARED_MAPS : [...SHARED_MAPS, ...LEGACY_MAPS] },
    });
  const refusals = new Map<string, string>();
  try {
    const object = load(wanted);
    return { object, attached: new Set(wanted), refusals };
  } catch {
    // one of them is not for this kernel, or these privileges
  }
  const good: string[] = [];
  for (const program of wanted) {
    try {
      session.unload(load([program]));
      good.push(program);
    } catch (error) {
      refusals.set(program, describeRefusal(error));
    }
  }
  try {
    return { object: good.length === 0 ? undefined : load(good), attached: new Set(good), refusals };
  } catch (error) {
    for (const program of good) refusals.set(program, describeRefusal(error));
    return { object: undefined, attached: new Set(), refusals };
  }
};

/** To the cgroup of a folder; from then on `attached` holds those that are. */
export const attachHooks = (session: NativeSession, { object, attached, refusals }: LoadedHooks, folder: string | undefined): void => {
  if (object === undefined) return;
  for (const program of attached) {
    try {
      if (folder === undefined) throw new Error('cgroup v2 is not mounted');
      session.attach(object, program, folder);
    } catch (error) {
      attached.delete(program);
      refusals.set(program, describeRefusal(error));
    }
  }
};
