/** Sessions without the kernel's programs: frames of their records, made by looking at the open sockets in /proc at an interval. */
import { readlinkSync } from 'node:fs';
import { NO_ACTOR } from '../../core/batch.ts';
import type { Health } from '../../core/component.ts';
import { createKernelFrameBuilder } from '../frame-builder.ts';
import type { KernelFrame } from '../frames.ts';
import type { ProcessTable } from '../lifecycle/process-table.ts';
import { readBootClock, type BootClock } from '../procfs/boot-clock.ts';
import { cgroup2Mount } from '../procfs/mounts.ts';
import type { SeenProcess } from '../procfs/snapshot.ts';
import type { SocketNeeds } from './needs.ts';
import { createSocketLook, isListening, listenerOf } from './procfs-look.ts';
import { createOwners, type Owner } from './procfs-owners.ts';
import { columnsOf, isLoopback, recordKinds } from './procfs-records.ts';
import { encodeShown, type OwnedSession } from './shown.ts';
import { createSessionTracker, isUnaccepted, type ProcfsSession, type SessionChange } from './procfs-sessions.ts';
import { createBreath, type Breath } from './procfs/breath.ts';
import { readHolders } from './procfs/holders.ts';
import { isPid, listProcesses, readNamespaces } from './procfs/namespaces.ts';

/** What this rung cannot see; for the start-up line and the documentation. */
export const SOCKETS_PROCFS_LIMITS =
  'reads /proc at an interval: misses sessions that begin and end between two looks, bytes, retransmits, durations, errors, who began a connection ' +
  'unless it was seen under way, peers of datagram sockets that are not connected, and idle time; times are when it was noticed';

/** Owners of sockets that were known before are looked up again every so many looks, and when one of them goes. */
const LOOKS_PER_OWNER_CHECK = 10;
/** Who looks at what is open is served by a look that is not older. */
const SHOWN_MS = 500;
/** Rows of a frame: what is built in one go. */
const FRAME_ROWS = 1_024;

export type SocketProcfsWatcherOptions = {
  /** Prefix of /proc. */
  readonly root?: string;
  readonly needs: SocketNeeds;
  readonly nowMs?: () => number;
  /** Processes of whose sessions nothing is told; Ringtail's own are never told. */
  readonly leavesOut?: (process: SeenProcess) => boolean;
  /** Which program of the process table an owner is. */
  readonly identityOf?: ProcessTable['identityOf'];
  /** Gets each frame that has rows. */
  readonly onFrame: (frame: KernelFrame) => void;
  /** True: what was given before is not worked off, so nobody looks for more this time. */
  readonly isBehind?: () => boolean;
  /** A look at the interval went wrong for another reason than what processes do; the next one comes in its time. */
  readonly onError?: (error: unknown) => void;
};

export type SocketProcfsWatcher = {
  /** Looks at what is open already, of which no beginning is told, then at the interval. */
  start(): Promise<void>;
  /** Ends after the look that is under way. */
  stop(): Promise<void>;
  /** Looks once, now. False when /proc cannot be read. */
  scan(): Promise<boolean>;
  /** `struct session_shown` of what is open, as a look of the last half second has it. */
  show(): Promise<Uint8Array>;
  /** Other needs, from the next look on. */
  change(needs: SocketNeeds): void;
  health(): Health;
};

/** Ringtail's own number as this procfs has it; undefined when it shows another pid namespace. */
const ownPid = (root: string): number | undefined => {
  try {
    const link = readlinkSync(`${root}/proc/self`);
    return isPid(link) ? Number(link) : undefined;
  } catch {
    return undefined;
  }
};

const isWithin = (path: string, folder: string): boolean => folder === '/' || path === folder || path.startsWith(`${folder}/`);

export const createSocketProcfsWatcher = (options: SocketProcfsWatcherOptions): SocketProcfsWatcher => {
  const { root = '', nowMs = Date.now, leavesOut = () => false, identityOf, onFrame, isBehind = () => false, onError = () => {} } = options;
  let { needs } = options;
  let nextNeeds = needs;
  const tracker = createSessionTracker({ maxSessions: () => needs.maxSessions });
  const sockets = createSocketLook(root, tracker);
  const owners = createOwners({ root, identityOf });
  let mount: string | undefined;
  let self: number | undefined;
  let sequence = 0;
  let looksSinceOwners = 0;
  let denied = 0;
  let lookMs = 0;
  let lookedMs = -Infinity;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<boolean> | undefined;

  const needsOwners = (pids: readonly number[]): boolean => {
    if (++looksSinceOwners >= LOOKS_PER_OWNER_CHECK) return true;
    const alive = new Set(pids);
    for (const { owner, isUnheld } of tracker.byInode.values())
      if (!isUnheld && (owner === undefined || !alive.has(owner.pid))) return true;
    return false;
  };

  const findOwners = async (pids: readonly number[], breath: Breath): Promise<void> => {
    if (needsOwners(pids)) {
      looksSinceOwners = 0;
      const holders = await readHolders({ root, pids, breath, isWanted: (inode) => tracker.byInode.has(inode) });
      ({ denied } = holders);
      for (const [inode, session] of tracker.byInode) {
        const first = holders.byInode.get(inode)?.[0];
        session.isUnheld = first === undefined;
        if (first !== undefined) session.owner = first;
      }
    }
    let listeners: readonly ProcfsSession[] | undefined;
    for (const session of tracker.sessions()) {
      if (session.owner !== undefined || !isUnaccepted(session.socket)) continue;
      listeners ??= Array.from(tracker.sessions()).filter(isListening);
      session.owner = listenerOf(session, listeners)?.owner;
    }
  };

  const isWanted = ({ kind, state, session }: SessionChange): boolean => {
    const { protocol } = session.socket;
    if (!needs.events.has(kind) || (kind === 'state' && !needs.states.has(state))) return false;
    if (protocol === 'packet' || needs.told?.has(protocol) === false) return false;
    return needs.loopback || !isLoopback(session.socket);
  };

  const isLeftOut = ({ actor, process }: Owner): boolean => actor.pid === self || leavesOut(process);

  const isTold = (owner: Owner | undefined): boolean => {
    if (owner !== undefined && isLeftOut(owner)) return false;
    if (needs.cgroup === undefined) return true;
    const path = owner?.process.facts.cgroups?.unified;
    return path !== undefined && mount !== undefined && isWithin(`${root}${mount}${path}`, needs.cgroup);
  };

  const emit = async (changes: readonly SessionChange[], { bootNs, wallOffsetNs }: BootClock, breath: Breath): Promise<void> => {
    owners.begin();
    const newBuilder = () => createKernelFrameBuilder({ wallOffsetNs, sequence: sequence++ });
    let builder: ReturnType<typeof newBuilder> | undefined;
    let rows = 0;
    const flush = (): void => {
      if (builder !== undefined) onFrame({ ...builder.build(), attribution: 'procfs' });
      builder = undefined;
      rows = 0;
    };
    for (const change of changes) {
      if (!isWanted(change)) continue;
      const holder = change.session.owner;
      const owner = holder === undefined ? undefined : await owners.ownerOf(holder);
      if (!isTold(owner)) continue;
      builder ??= newBuilder();
      const actor = owner === undefined ? NO_ACTOR : builder.addActor(owner.actor);
      builder.addRow(recordKinds[change.kind], { bootNs, actor, columns: columnsOf(change, owner !== undefined) });
      if (++rows >= FRAME_ROWS) flush();
      if (breath.isDue()) await breath.take();
    }
    flush();
  };

  const look = async (): Promise<boolean> => {
    if (needs !== nextNeeds) {
      needs = nextNeeds;
      sockets.forget(needs);
    }
    const startedMs = performance.now();
    const clock = await readBootClock(root, nowMs);
    const pids = listProcesses(root);
    if (clock === undefined || pids === undefined) return false;
    self ??= ownPid(root);
    if (needs.cgroup !== undefined) mount ??= await cgroup2Mount(root);
    const breath = createBreath();
    tracker.begin();
    await sockets.read(await readNamespaces(root, pids, breath), needs, breath);
    const changes = tracker.finish();
    await findOwners(pids, breath);
    await emit(changes, clock, breath);
    lookedMs = performance.now();
    lookMs = lookedMs - startedMs;
    return true;
  };

  const show = async (): Promise<Uint8Array> => {
    const breath = createBreath();
    const shown: OwnedSession[] = [];
    if (performance.now() - lookedMs > SHOWN_MS) await scan();
    for (const session of Array.from(tracker.sessions())) {
      const owner = session.owner === undefined ? undefined : await owners.ownerOf(session.owner);
      if (owner === undefined || !isLeftOut(owner)) shown.push({ session, owner: owner?.actor });
      if (breath.isDue()) await breath.take();
    }
    return encodeShown(shown);
  };

  const scan = (): Promise<boolean> => {
    running ??= look().finally(() => (running = undefined));
    return running;
  };
  const schedule = (): void => {
    if (stopped) return;
    timer = setTimeout(() => {
      if (isBehind()) return schedule();
      void scan().catch(onError).finally(schedule);
    }, needs.procfsIntervalMs);
  };

  return {
    async start() {
      stopped = false;
      await scan();
      schedule();
    },
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
    scan,
    show,
    change: (changed) => void (nextNeeds = changed),
    health() {
      const { size, skipped } = tracker;
      const message = skipped === 0 ? '' : `sockets beyond max_sessions, which are not followed: ${skipped}`;
      return {
        status: skipped === 0 ? 'ok' : 'recoverable',
        message,
        details: { sessions: size, skipped, processes_denied: denied, look_ms: Math.round(lookMs) },
      };
    },
  };
};
