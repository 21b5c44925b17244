/** `struct call_settings`: what the programs of system calls do, as bytes. */
import { callId, callWant, limitPer, mapLayout } from '../layouts.gen.ts';
import type { CallLimit, CallName, CallNeeds } from './needs.ts';
import type { CallNumbers } from './numbers.ts';

const NS_PER_S = 1_000_000_000;
const CALL_NUMBERS = mapLayout.callSettings.compat - mapLayout.callSettings.native;

/** ia32 reaches all of these by one number too. */
const socketCalls: ReadonlySet<CallName> = new Set<CallName>([
  'connect', 'accept', 'accept4', 'sendto', 'sendmsg', 'sendmmsg', 'recvfrom', 'recvmsg', 'recvmmsg', 'send', 'recv',
]); // prettier-ignore

/** Calls that only 32-bit programs make, with the one that says the same elsewhere. */
const alike: Readonly<Partial<Record<CallName, CallName>>> = { sendto: 'send', recvfrom: 'recv' };

/** Those that can be added up. */
const ioCalls: readonly CallName[] = [
  'read', 'pread64', 'readv', 'preadv', 'preadv2', 'write', 'pwrite64', 'writev', 'pwritev', 'pwritev2',
]; // prettier-ignore

const union = <T>(sets: readonly ReadonlySet<T>[]): ReadonlySet<T> => new Set(sets.flatMap((set) => [...set]));

/** The one that lets most through. */
const widest = (limits: readonly (CallLimit | undefined)[]): CallLimit | undefined => {
  const known = limits.filter((limit) => limit !== undefined);
  if (known.length === 0 || known.length < limits.length) return undefined;
  return {
    per: known.some(({ per }) => per === 'process') ? 'process' : 'cgroup',
    perSecond: Math.max(...known.map(({ perSecond }) => perSecond)),
    burst: Math.max(...known.map(({ burst }) => burst)),
  };
};

/** What all ask for together; undefined when nobody does. Who wants no records has no say in what becomes of them. */
export const unionOfCalls = (all: readonly CallNeeds[]): CallNeeds | undefined => {
  if (all.length === 0) return undefined;
  const withEvents = all.filter(({ events, failures }) => events.size + failures.size > 0);
  const windows = withEvents
    .filter(({ events }) => ioCalls.some((call) => events.has(call)))
    .map(({ aggregateWindowMs }) => aggregateWindowMs);
  const shortest = windows.includes(undefined) ? undefined : Math.min(...(windows as readonly number[]));
  return {
    events: union(all.map(({ events }) => events)),
    failures: union(all.map(({ failures }) => failures)),
    counted: union(all.map(({ counted }) => counted)),
    limit: widest(withEvents.map(({ limit }) => limit)),
    aggregateWindowMs: shortest === Infinity ? undefined : shortest,
    // who was told of no pipeline drops nothing
    ruleSets: withEvents.flatMap(({ ruleSets }) => (ruleSets.length === 0 ? [undefined] : ruleSets)),
  };
};

const withAlike = (calls: ReadonlySet<CallName>): ReadonlySet<CallName> =>
  new Set([...calls].flatMap((call) => (alike[call] === undefined ? [call] : [call, alike[call]])));

/** Undefined needs: nothing is done. `enterRound`: how often the program of enters was attached. */
export const encodeSettings = (needs: CallNeeds | undefined, { native, compat }: CallNumbers, enterRound = 0): Uint8Array => {
  const at = mapLayout.callSettings;
  const bytes = new Uint8Array(at.size);
  if (needs === undefined) return bytes;
  const view = new DataView(bytes.buffer);
  const mark = (calls: ReadonlySet<CallName>, want: number) => {
    for (const call of withAlike(calls)) bytes[at.wants + callId[call]]! |= want;
  };
  mark(needs.events, callWant.event);
  mark(needs.failures, callWant.failure);
  mark(needs.counted, callWant.count);
  const fill = (place: number, table: CallNumbers['native']) => {
    for (const [name, numbers] of Object.entries(table) as [keyof typeof table, number | readonly number[]][]) {
      const isWanted =
        name === 'socketcall'
          ? [...socketCalls].some((call) => bytes[at.wants + callId[call]] !== 0)
          : bytes[at.wants + callId[name]] !== 0;
      if (isWanted) for (const number of [numbers].flat()) if (number < CALL_NUMBERS) bytes[place + number] = callId[name];
    }
  };
  fill(at.native, native);
  fill(at.compat, compat);
  if (needs.limit !== undefined) {
    view.setBigUint64(at.tokenNs, BigInt(Math.max(1, Math.round(NS_PER_S / needs.limit.perSecond))), true);
    view.setUint32(at.limitPer, limitPer[needs.limit.per], true);
    view.setUint32(at.burst, needs.limit.burst, true);
  }
  view.setUint32(at.enterRound, enterRound, true);
  view.setUint32(at.aggregate, needs.aggregateWindowMs === undefined ? 0 : 1, true);
  return bytes;
};
