/**
 * Follows the sessions of this host while somebody asks: has the kernel keep them, walks them once for all who ask at about the same time, and lets go of them a while
 * after the last question.
 */
import { KernelError, messageOf } from '../../core/errors.ts';
import { sessionStat } from '../../kernel/layouts.gen.ts';
import type { KernelServices } from '../../kernel/services.ts';
import type { SocketsClaim, SocketsStatus } from '../../kernel/sockets/needs.ts';
import type { ShownSessions } from '../../kernel/sockets/shown.ts';
import { createNames, type Names } from '../shared/names.ts';
import { guestNeeds } from '../shared/socket-needs.ts';
import { createDetails } from './details.ts';
import { createSessionStore, type Entry } from './store.ts';
import type { SessionSample, SessionSampler, TimeWaits } from './types.ts';

export type SamplerKernel = Pick<
  KernelServices,
  'needSockets' | 'reconfigure' | 'sockets' | 'liveSockets' | 'socketMaps' | 'users' | 'cgroups' | 'containers' | 'gate'
>;

export type SamplerOptions = {
  /** How long the kernel keeps sessions after the last question, at least; Infinity: until `close`. */
  readonly keepMs?: number;
  /** Who asks within this time after a sample was begun gets the same. */
  readonly shareMs?: number;
  /** A clock in ms that never goes back. */
  readonly nowMs?: () => number;
};

/** Longer than somebody who looks waits between two looks, most of the time: loading the programs takes a tenth of a second of a core. */
const KEEP_MS = 15_000;
/** Of who asks more seldom, so many times that. */
const KEEP_GAPS = 2;
const LONGEST_KEEP_MS = 600_000;
const SHARE_MS = 100;

const U64_BYTES = 8;

type Held = { readonly claim: SocketsClaim; readonly names: Names };

const notesOf = ({ notes, hooks, cgroup }: SocketsStatus): readonly string[] => [
  ...notes,
  ...(cgroup === undefined ? [] : [`of what is not TCP only the sockets of ${cgroup} are followed, as a receiver asks for`]),
  ...hooks.filter(({ note, rung }) => note !== '' && rung === 'none').map(({ hook, note }) => `${hook}: ${note}`),
];

export const createSessionSampler = (kernel: SamplerKernel, options: SamplerOptions = {}): SessionSampler => {
  const { keepMs = KEEP_MS, shareMs = SHARE_MS, nowMs = () => performance.now() } = options;
  const store = createSessionStore();
  let held: Held | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;
  /** When the last sample was taken; undefined: there is none to compare with. */
  let takenMs: number | undefined;
  const details = createDetails({
    live: kernel.liveSockets,
    names: () => held?.names,
    lookupUser: (question) => kernel.users.lookup(question),
    unixNames: () => kernel.socketMaps.read('unix_sessions'),
    nowMs,
  });

  /** One thing at a time: taking hold, looking, letting go. */
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = last.then(work);
    last = mine.catch(() => {});
    return mine;
  };

  const letGo = async (): Promise<void> => {
    const before = held;
    if (before === undefined) return;
    held = undefined;
    takenMs = undefined;
    store.clear();
    details.clear();
    before.claim.end();
    before.names.close();
    // what cannot be given back now is at the next change
    await kernel.reconfigure().catch(() => {});
  };

  const takeHold = async (): Promise<void> => {
    if (held !== undefined) return;
    held = { claim: kernel.needSockets(guestNeeds({})), names: createNames(kernel) };
    try {
      await kernel.reconfigure();
    } catch (error) {
      await letGo();
      throw error;
    }
  };

  const look = async (): Promise<ShownSessions> => {
    // whoever reloads Ringtail may have them loaded anew
    for (const isLastTry of [false, true]) {
      const shown = await kernel.liveSockets.show().catch((error: unknown) => {
        if (isLastTry) throw new KernelError(`open sessions cannot be read: ${messageOf(error)}`, { cause: error });
      });
      if (shown !== undefined) return shown;
      await kernel.reconfigure();
    }
    const reasons = notesOf(kernel.sockets());
    throw new KernelError(['this host does not tell of open sessions', ...reasons].join('; '), {
      advice: '`ringtail doctor` tells what is missing',
    });
  };

  const timeWaits = async (): Promise<readonly TimeWaits[]> => {
    const counts = await kernel.liveSockets.timeWaits();
    const cookies = store.cookies();
    return counts.map(({ netns, count }) => ({ netnsCookie: cookies.get(netns) ?? 0n, family: undefined, count }));
  };

  let askedMs: number | undefined;
  let gapMs = 0;
  const noteQuestion = (now: number): void => {
    gapMs = askedMs === undefined ? 0 : now - askedMs;
    askedMs = now;
  };

  const release = (): void => {
    clearTimeout(timer);
    if (keepMs === Infinity) return;
    timer = setTimeout(() => void inTurn(letGo), Math.max(keepMs, Math.min(gapMs * KEEP_GAPS, LONGEST_KEEP_MS)));
    timer.unref();
  };

  const take = async (): Promise<SessionSample> => {
    if (isClosed) throw new KernelError('nobody follows sessions any more');
    clearTimeout(timer);
    try {
      await takeHold();
      const { parts } = await look();
      const now = nowMs();
      const sinceMs = takenMs === undefined ? 0 : now - takenMs;
      takenMs = now;
      const [atMs, bootNs] = [Date.now(), kernel.liveSockets.bootNs()];
      const sessions = await store.update(parts, sinceMs);
      await details.learn(store.owners());
      return { atMs, sinceMs, bootNs, sessions, timeWaits: await timeWaits() };
    } finally {
      release();
    }
  };

  /** Sockets that found no room in the maps since we look. */
  const roomNotes = (): readonly string[] => {
    const entries = kernel.socketMaps.read('session_stats');
    if (entries === undefined) return [];
    const { values, valueBytes } = entries;
    let count = 0n;
    const start = sessionStat.noRoom * valueBytes;
    for (let at = start; at < start + valueBytes; at += U64_BYTES) count += values.readBigUInt64LE(at);
    return count === 0n
      ? []
      : [`${count} times a session was not followed, for want of room: max_sessions of the receiver sockets is too small`];
  };
  const ifLoaded = (read: () => readonly string[]): readonly string[] => {
    try {
      return read();
    } catch {
      return []; // they are just being given back
    }
  };

  let shared: { readonly begunMs: number; readonly sample: Promise<SessionSample> } | undefined;

  return {
    sample() {
      const begunMs = nowMs();
      noteQuestion(begunMs);
      if (shared !== undefined && begunMs - shared.begunMs < shareMs) return shared.sample;
      const mine = { begunMs, sample: inTurn(take) };
      shared = mine;
      // who asks behind a failure is not given that
      mine.sample.catch(() => {
        if (shared === mine) shared = undefined;
      });
      return mine.sample;
    },
    details: (session) => details.of(session as Entry),
    notes: () => (held === undefined ? [] : [...notesOf(kernel.sockets()), ...ifLoaded(roomNotes)]),
    async close() {
      isClosed = true;
      clearTimeout(timer);
      shared = undefined;
      await inTurn(letGo);
      clearTimeout(timer);
    },
  };
};
