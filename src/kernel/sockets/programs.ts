/** The programs of sockets: loaded when somebody asks, changed while they run, given back when nobody asks any more. */
import { readlinkSync, statSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { messageOf } from '../../core/errors.ts';
import type { Counters } from '../../core/counters.ts';
import type { Logger } from '../../core/logger.ts';
import { createRateLimit } from '../../core/rate-limit.ts';
import type { PushDownReport } from '../../core/rules.ts';
import type { EntryMatch, KernelFacts, MapEntries, NativeSession } from '../addon.ts';
import { describeRefusal } from '../process-programs.ts';
import { nextGeneration, type Reading } from '../sums.ts';
import type { CountMap } from './counts.ts';
import { hooksOf } from './hook-report.ts';
import { attachHooks, loadHooks, type LoadedHooks } from './hooks.ts';
import { loadTracing, type LoadedTracing, type TracingGroup } from './tracing.ts';
import type { SocketNeeds, SocketsStatus } from './needs.ts';
import { createBreath } from './procfs/breath.ts';
import { listProcesses, readNamespaces } from './procfs/namespaces.ts';
import { createSessionRules, type SessionRules } from './rules.ts';
import { hasTimeWait } from './time-wait.ts';
import { encodeSocketSettings } from './settings.ts';

/** How often sessions without a datagram are looked for. */
const SWEEP_MS = 1_000;
/** How often, in sweeps, all holders of sockets are looked at: an owner that handed its socket on is corrected then. */
const SWEEPS_PER_OWNERS = 15;
const NO_RULES: PushDownReport = { places: [] };
/** Of what a walk writes: 800,000 sessions. */
const MOST_SHOWN_BYTES = 128 * 2 ** 20;
const NOTHING: SocketsStatus = { rung: 'none', notes: [], hooks: [], pushDown: NO_RULES };

export type SocketMap =
  | 'sessions'
  | 'unix_sessions'
  | 'flows'
  | 'session_counts'
  | 'session_live'
  | 'session_rest'
  | 'session_stats'
  | 'session_rule_counts';
export type SocketWalk = 'on_clear_live' | 'on_live_sessions' | 'on_live_flows';

const mapOfWalk: Readonly<Record<SocketWalk, SocketMap>> = {
  on_clear_live: 'session_live',
  on_live_sessions: 'sessions',
  on_live_flows: 'flows',
};

export type SocketProgramsOptions = {
  readonly session: NativeSession;
  readonly facts: KernelFacts;
  readonly ringBytes: number;
  readonly selfPid: number;
  readonly cgroupOptions: Readonly<Record<string, number>>;
  /** Object of the process programs. */
  readonly processObject: number;
  /** Where the v2 hierarchy is mounted, seen from here; undefined: it is not. */
  readonly cgroupRoot: () => Promise<string | undefined>;
  /** Prefix of /proc. */
  readonly root: string;
  readonly counters: Counters;
  readonly logger: Logger;
};

export type SocketPrograms = {
  /** Other needs; undefined: nobody asks. One call at a time. A kernel that gives no sessions is told by `status`, not thrown. */
  change(needs: SocketNeeds | undefined): Promise<void>;
  status(): SocketsStatus;
  /** Lets go of the hooks; what is counted can still be read. */
  detach(): Promise<void>;
  /** Before the session is closed. */
  release(): void;
  /** Runs that the kernel skipped, by program. */
  recursionMisses(): Readonly<Record<string, number>>;
  /** Entries of a map, or those that match one of these; undefined when it is not loaded. */
  read(map: SocketMap, match?: readonly EntryMatch[]): MapEntries | undefined;
  /** What a map adds up, off the main thread; undefined when it is not loaded. */
  readSums(map: CountMap): Promise<Reading | undefined>;
  /** The same of these keys, which are taken out. */
  takeSums(map: 'session_counts', keys: Uint8Array): Promise<Reading | undefined>;
  /** Runs an iterator over its map; false when it is not loaded. */
  walk(program: SocketWalk): Promise<boolean>;
  /** What is open now, `struct session_shown` one behind the other: sessions, then those of UDP; undefined when that cannot be had. */
  show(): Promise<readonly Buffer[] | undefined>;
  /** Runs an iterator in every network namespace that a process is in; false when it is not loaded. */
  walkNamespaces(program: 'on_time_wait'): Promise<boolean>;
};

type Loaded = {
  readonly tracing: LoadedTracing;
  readonly hooks: LoadedHooks;
  readonly rules: SessionRules;
  readonly timer: NodeJS.Timeout;
  readonly generation: number;
};

/** The cgroup that counts: its folder, and the number that the kernel knows it by; 0n for the root, whose sockets are all. */
const cgroupOf = (wanted: string | undefined, root: string | undefined): { readonly folder: string | undefined; readonly id: bigint } => {
  if (wanted === undefined || wanted === root) return { folder: root, id: 0n };
  return { folder: wanted, id: statSync(wanted, { bigint: true }).ino };
};

const hasGroup = ({ groups }: LoadedTracing, group: TracingGroup): boolean => groups.has(group);

export const createSocketPrograms = (options: SocketProgramsOptions): SocketPrograms => {
  const { session, facts, ringBytes, selfPid, cgroupOptions, processObject, cgroupRoot, root, counters, logger } = options;
  let loaded: Loaded | undefined;
  let status = NOTHING;

  const writeSettings = (object: number, needs: SocketNeeds | undefined, cgroupId: bigint): void =>
    session.putEntry(object, 'session_settings', new Uint8Array(4), encodeSocketSettings(needs, cgroupId));

  /** In our own namespace, then in every other one, but for those that `isWorth` says no to. */
  const inNamespaces = async (
    object: number,
    program: string,
    isWorth: (folder: string) => Promise<boolean> = async () => true,
  ): Promise<void> => {
    const namespaces = await readNamespaces(root, listProcesses(root) ?? [], createBreath());
    const own = readlinkSync('/proc/self/ns/net');
    for (const { netns, folders } of namespaces) {
      for (const folder of folders) {
        try {
          if (!(await isWorth(folder))) break;
          // to go into another one takes CAP_SYS_ADMIN
          await session.walk(object, program, own === `net:[${netns}]` ? {} : { netns: `${folder}/ns/net` });
          break;
        } catch {
          // the process went; the namespace may live on in another one
        }
      }
    }
  };

  /** Enters what is open already. Returns why that could not be. */
  const enterExisting = async ({ object, groups }: LoadedTracing): Promise<string | undefined> => {
    if (!groups.has('existing')) return 'the kernel does not take the iterator';
    try {
      await session.walk(object, 'on_socket_file');
      for (const program of ['on_open_udp', 'on_open_tcp']) if (groups.has('tables')) await inNamespaces(object, program);
      return undefined;
    } catch (error) {
      return describeRefusal(error);
    }
  };

  const sweep = async ({ tracing: { object, groups } }: Pick<Loaded, 'tracing'>): Promise<void> => {
    if (!groups.has('sweep')) return;
    await session.walk(object, 'on_sweep_flows', { map: 'flows' });
    await session.walk(object, 'on_sweep_sessions', { map: 'sessions' });
  };

  /** Why it cannot be done. */
  const trySweep = async (tracing: LoadedTracing): Promise<string | undefined> => {
    if (!tracing.groups.has('sweep')) return 'the kernel does not take the iterator';
    try {
      await sweep({ tracing });
      return undefined;
    } catch (error) {
      return describeRefusal(error);
    }
  };

  /** Which sockets nobody seems to hold any more, who holds them, and what was missed. */
  const findOwners = async (now: Loaded): Promise<void> => {
    await sweep(now);
    const { object, groups } = now.tracing;
    if (groups.has('owners')) await session.walk(object, 'on_owner_file');
    if (groups.has('existing')) await session.walk(object, 'on_socket_file');
  };

  const rateLimit = createRateLimit();
  let canSweep = true;
  let walking: Promise<void> | undefined;
  let ticks = 0;
  /** One walk at a time; what goes wrong is tried again in its time. */
  const tick = (): void => {
    if (loaded === undefined || walking !== undefined || !canSweep) return;
    const work = ++ticks % SWEEPS_PER_OWNERS === 0 ? findOwners : sweep;
    walking = work(loaded)
      .catch((error: unknown) => rateLimit('walk', logger.warn.bind(logger), { error: messageOf(error) }, 'cannot walk the open sockets'))
      .finally(() => (walking = undefined));
  };

  const open = async (needs: SocketNeeds): Promise<void> => {
    let tracing: LoadedTracing | undefined;
    let hooks: LoadedHooks | undefined;
    let rules: SessionRules | undefined;
    try {
      const place = cgroupOf(needs.cgroup, await cgroupRoot());
      tracing = loadTracing({ session, facts, ringBytes, selfPid, cgroupOptions, processObject, maxSessions: needs.maxSessions });
      rules = createSessionRules({ session, object: tracing.object, counters });
      const pushDown = await rules.set(needs.ruleSets);
      writeSettings(tracing.object, needs, place.id);
      // the verifier took its time; what goes on meanwhile has its turn
      await setImmediate();
      hooks = loadHooks({ session, facts, ringBytes, selfPid, cgroupOptions, tracing, hasLengths: hasGroup(tracing, 'length') });
      await setImmediate();
      for (const program of tracing.first) session.attach(tracing.object, program);
      attachHooks(session, hooks, place.folder);
      for (const program of tracing.last) session.attach(tracing.object, program);
      const existing = await enterExisting(tracing);
      const noSweep = await trySweep(tracing);
      canSweep = noSweep === undefined;
      const timer = setInterval(tick, SWEEP_MS).unref();
      loaded = { tracing, hooks, rules, timer, generation: nextGeneration() };
      status = {
        rung: 'ebpf',
        cgroup: needs.cgroup,
        notes: [...tracing.notes, ...(canSweep ? [] : [`sessions do not end by idle time: ${noSweep}`])],
        hooks: hooksOf(tracing, hooks, { existing, sweep: noSweep }),
        pushDown,
      };
    } catch (error) {
      rules?.close();
      if (hooks?.object !== undefined) session.unload(hooks.object);
      if (tracing !== undefined) session.unload(tracing.object);
      status = { ...NOTHING, notes: [describeRefusal(error)] };
    }
  };

  const close = async (): Promise<void> => {
    if (loaded === undefined) return;
    const { tracing, hooks, rules, timer } = loaded;
    clearInterval(timer);
    await walking;
    writeSettings(tracing.object, undefined, 0n);
    loaded = undefined;
    status = NOTHING;
    await session.detach(tracing.object);
    if (hooks.object !== undefined) await session.detach(hooks.object);
    rules.close();
    if (hooks.object !== undefined) session.unload(hooks.object);
    session.unload(tracing.object);
  };

  /** What cannot change while the programs run: the size of the maps, and where the hooks are attached. */
  let frozen: Pick<SocketNeeds, 'cgroup' | 'maxSessions'> = { cgroup: undefined, maxSessions: 0 };

  return {
    async change(needs) {
      if (needs === undefined) return await close();
      if (loaded !== undefined && (frozen.cgroup !== needs.cgroup || frozen.maxSessions !== needs.maxSessions)) await close();
      if (loaded === undefined) {
        frozen = { cgroup: needs.cgroup, maxSessions: needs.maxSessions };
        return await open(needs);
      }
      const pushDown = await loaded.rules.set(needs.ruleSets);
      writeSettings(loaded.tracing.object, needs, cgroupOf(needs.cgroup, await cgroupRoot()).id);
      status = { ...status, pushDown };
    },
    status: () => status,
    async detach() {
      if (loaded === undefined) return;
      const { tracing, hooks, timer } = loaded;
      clearInterval(timer);
      await walking;
      // what is over and was not found yet is told before nobody listens any more
      await sweep(loaded).catch(() => {});
      await session.detach(tracing.object);
      if (hooks.object !== undefined) await session.detach(hooks.object);
    },
    release() {
      clearInterval(loaded?.timer);
      loaded?.rules.close();
    },
    recursionMisses: () => (loaded === undefined ? {} : session.recursionMisses(loaded.tracing.object)),
    read: (map, match) => (loaded === undefined ? undefined : session.readEntries(loaded.tracing.object, map, match)),
    async readSums(map) {
      if (loaded === undefined) return undefined;
      const { tracing, generation } = loaded;
      return { ...(await session.readSums(tracing.object, map)), generation };
    },
    async takeSums(map, keys) {
      if (loaded === undefined) return undefined;
      const { tracing, generation } = loaded;
      return { ...(await session.takeSums(tracing.object, map, keys)), generation };
    },
    async walk(program) {
      if (loaded === undefined || !hasGroup(loaded.tracing, 'live')) return false;
      await session.walk(loaded.tracing.object, program, { map: mapOfWalk[program] });
      return true;
    },
    async show() {
      if (loaded === undefined || !hasGroup(loaded.tracing, 'shown')) return undefined;
      const { object } = loaded.tracing;
      // one behind the other: together they would hold two of the few threads for such work
      const sessions = await session.walkBytes(object, 'on_show_session', { map: 'sessions' }, MOST_SHOWN_BYTES);
      if (loaded?.tracing.object !== object) return [sessions];
      return [sessions, await session.walkBytes(object, 'on_show_flow', { map: 'flows' }, MOST_SHOWN_BYTES)];
    },
    async walkNamespaces(program) {
      if (loaded === undefined || !hasGroup(loaded.tracing, 'time_wait')) return false;
      await inNamespaces(loaded.tracing.object, program, hasTimeWait(root));
      return true;
    },
  };
};
