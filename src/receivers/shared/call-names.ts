/** The system calls that there are records of: in groups, by their kinds of records, by what their numbers in records are called. */
import type { CallName } from '../../kernel/calls/needs.ts';
import { callId, eventKind } from '../../kernel/layouts.gen.ts';

/** What a configuration may name instead of the single calls. */
export const callGroups = {
  files: ['open', 'creat', 'openat', 'openat2', 'unlink', 'unlinkat', 'rmdir'],
  io: ['read', 'pread64', 'readv', 'preadv', 'preadv2', 'write', 'pwrite64', 'writev', 'pwritev', 'pwritev2'],
  network: [
    'connect', 'accept', 'accept4', 'sendto', 'sendmsg', 'sendmmsg', 'recvfrom', 'recvmsg', 'recvmmsg', 'close',
  ],
  process: ['clone', 'clone3', 'fork', 'vfork', 'execve', 'execveat'],
} as const satisfies Readonly<Record<string, readonly CallName[]>>; // prettier-ignore

export type CallGroup = keyof typeof callGroups;
export const groupNames = Object.keys(callGroups) as [CallGroup, ...CallGroup[]];

/** Those that a configuration may name one by one. */
export type ListedCall = (typeof callGroups)[CallGroup][number];
export const listedCalls = Object.values(callGroups).flat() as [ListedCall, ...ListedCall[]];

/** What only 32-bit programs call, with the call that stands for it in a configuration. */
const standsFor: Readonly<Partial<Record<CallName, CallName>>> = { sendto: 'send', recvfrom: 'recv' };

/** Of these a failure alone is told here: successes are records of the process receiver. */
const madeProcesses: ReadonlySet<CallName> = new Set(['clone', 'clone3', 'fork', 'vfork']);
/** Told by the process receiver, failed or not. */
const startedPrograms: ReadonlySet<CallName> = new Set(['execve', 'execveat']);

/** The calls behind names and groups. */
export const callsOf = (names: readonly (CallGroup | ListedCall)[]): ReadonlySet<CallName> =>
  new Set(
    names.flatMap((name): readonly CallName[] => {
      const calls: readonly CallName[] = name in callGroups ? callGroups[name as CallGroup] : [name as ListedCall];
      return calls.flatMap((call) => (standsFor[call] === undefined ? [call] : [call, standsFor[call]]));
    }),
  );

/** What becomes records of which calls: every end of it, or failures. */
export const recordedCalls = (
  calls: ReadonlySet<CallName>,
): { readonly events: ReadonlySet<CallName>; readonly failures: ReadonlySet<CallName> } => ({
  events: new Set([...calls].filter((call) => !madeProcesses.has(call) && !startedPrograms.has(call))),
  failures: new Set([...calls].filter((call) => madeProcesses.has(call))),
});

/** `ringtail.syscall.name` by `enum call_id`. */
export const callNameOf: ReadonlyMap<number, string> = new Map(
  Object.entries(callId)
    .filter(([name]) => name !== 'none' && name !== 'ids' && name !== 'socketcall')
    .map(([name, id]) => [id, name]),
);

const kindsOfCall: readonly (readonly [kind: number, calls: readonly CallName[]])[] = [
  [eventKind.open, ['open', 'creat', 'openat', 'openat2']],
  [eventKind.read, ['read', 'pread64', 'readv', 'preadv', 'preadv2']],
  [eventKind.write, ['write', 'pwrite64', 'writev', 'pwritev', 'pwritev2']],
  [eventKind.unlink, ['unlink', 'unlinkat', 'rmdir']],
  [eventKind.connect, ['connect']],
  [eventKind.accept, ['accept', 'accept4']],
  [eventKind.send, ['sendto', 'sendmsg', 'sendmmsg', 'send']],
  [eventKind.receive, ['recvfrom', 'recvmsg', 'recvmmsg', 'recv']],
  [eventKind.close, ['close']],
  [eventKind.callFailed, ['clone', 'clone3', 'fork', 'vfork']],
];

/** The kinds of records that these calls become. */
export const kindsOf = (calls: ReadonlySet<CallName>): readonly number[] =>
  kindsOfCall.filter(([, names]) => names.some((name) => calls.has(name))).map(([kind]) => kind);
