/** The tracing programs of sockets: which of them this kernel takes. */
import type { KernelFacts, NativeSession } from '../addon.ts';
import { objectPath } from '../flavours.ts';
import { describeRefusal } from '../process-programs.ts';

/**
 * What may be missing without harm to the rest. `length`: bytes of datagrams. `overflow`: datagrams that found no room. `uring`: calls through io_uring.
 * `existing`, `tables`: what was open before. `owners`: who holds it now. `sweep`: idle sessions. `live`: what is open, for metrics. `shown`: the same one by one, for who looks. `time_wait`: the same for TIME_WAIT.
 */
export type TracingGroup = 'length' | 'overflow' | 'uring' | 'existing' | 'tables' | 'owners' | 'sweep' | 'live' | 'shown' | 'time_wait';

type Group = {
  readonly group: TracingGroup;
  readonly programs: readonly string[];
  /** Those of them that are attached; the others are iterators. */
  readonly attached: readonly string[];
};

export type TracingOptions = {
  readonly session: NativeSession;
  readonly facts: KernelFacts;
  readonly ringBytes: number;
  readonly selfPid: number;
  readonly cgroupOptions: Readonly<Record<string, number>>;
  readonly processObject: number;
  readonly maxSessions: number;
};

export type LoadedTracing = {
  readonly object: number;
  readonly groups: ReadonlySet<TracingGroup>;
  /** Attached in this order, before the hooks of cgroups. */
  readonly first: readonly string[];
  /** Behind them: whoever begins a session comes last, so that nothing begins whose end is not seen. */
  readonly last: readonly string[];
  /** Why a group is missing, a sentence each. */
  readonly notes: readonly string[];
};

/** What the programs of processes and these must have in common. */
const SHARED_MAPS = ['excluded', 'excluded_kinds', 'left_out_runs'];
const FIRST = ['on_destroy', 'on_socket_exit'];
const LAST = ['on_set_state'];

/** `io_uring_complete` by the number of its arguments: 5.10, 6.1 to 6.17, since 6.18. */
const uringOf = (argumentCount: number): string | undefined => {
  if (argumentCount === 3) return 'on_uring_618';
  if (argumentCount === 4) return 'on_uring_510';
  return argumentCount >= 5 ? 'on_uring_61' : undefined;
};

const groupsOf = ({ traceArguments }: KernelFacts): readonly Group[] => {
  const has = (...tracepoints: readonly string[]): boolean => tracepoints.every((name) => (traceArguments[name] ?? -1) > 0);
  const hooked = (group: TracingGroup, programs: readonly string[]): Group => ({ group, programs, attached: programs });
  const walked = (group: TracingGroup, programs: readonly string[]): Group => ({ group, programs, attached: [] });
  const uring = uringOf(traceArguments['io_uring_complete'] ?? -1);
  const hasLengths = has('sock_send_length', 'sock_recv_length');
  return [
    ...(hasLengths ? [hooked('length', ['on_send', 'on_receive'])] : []),
    ...(has('udp_fail_queue_rcv_skb') ? [hooked('overflow', ['on_queue_failed'])] : []),
    ...(uring === undefined ? [] : [hooked('uring', [uring])]),
    walked('existing', ['on_socket_file', 'on_owner_file']),
    walked('tables', ['on_open_tcp', 'on_open_udp']),
    walked('owners', ['on_owner_file']),
    walked('sweep', ['on_sweep_flows', 'on_sweep_sessions']),
    walked('live', ['on_clear_live', 'on_live_sessions', 'on_live_flows']),
    walked('shown', ['on_show_session', 'on_show_flow']),
    walked('time_wait', ['on_time_wait']),
  ];
};

/** Bytes of datagrams are counted in one way: by tracepoints, or by the packets that the hooks of cgroups see. */
const countsOnce = (groups: readonly Group[]): readonly Group[] =>
  groups.some(({ group }) => group === 'length') ? groups.filter(({ group }) => group !== 'overflow') : groups;

/** Throws what loading the programs that are needed throws; the others are left out one by one. */
export const loadTracing = ({
  session,
  facts,
  ringBytes,
  selfPid,
  cgroupOptions,
  processObject,
  maxSessions,
}: TracingOptions): LoadedTracing => {
  const load = (groups: readonly Group[]): number =>
    session.load({
      path: objectPath('sockets', facts),
      programs: [...FIRST, ...LAST, ...groups.flatMap(({ programs }) => programs)],
      options: {
        ...cgroupOptions,
        ring_bytes: ringBytes,
        self_tgid: selfPid,
        counts_packets: groups.some(({ group }) => group === 'length') ? 0 : 1,
      },
      mapEntries: { sessions: maxSessions, flows: maxSessions, unix_sessions: maxSessions },
      share: { from: processObject, maps: SHARED_MAPS },
    });
  const attachedOf = (groups: readonly Group[], counting: boolean): readonly string[] =>
    groups.flatMap(({ group, attached }) => ((group === 'length' || group === 'overflow') === counting ? attached : []));
  const result = (object: number, groups: readonly Group[], notes: readonly string[]): LoadedTracing => ({
    object,
    groups: new Set(groups.map(({ group }) => group)),
    first: [...FIRST, ...attachedOf(groups, false)],
    last: [...attachedOf(groups, true), ...LAST],
    notes,
  });

  const all = groupsOf(facts);
  const wanted = countsOnce(all);
  try {
    return result(load(wanted), wanted, []);
  } catch {
    // one of them is not for this kernel: the good ones are found one by one
  }
  const good: Group[] = [];
  const notes: string[] = [];
  for (const group of all) {
    try {
      session.unload(load([group]));
      good.push(group);
    } catch (error) {
      notes.push(`${group.programs.join(', ')}: ${describeRefusal(error)}`);
    }
  }
  const taken = countsOnce(good);
  return result(load(taken), taken, notes);
};
