/**
 * What the workloads say of their calls (test/workloads/calls.h), compared with the records. Knows neither vitest nor where the records come from, so that
 * a guest and an end-to-end test judge alike.
 */

export type SeenCall = {
  readonly name: string;
  readonly unixNs: bigint;
  readonly attributes: Readonly<Record<string, unknown>>;
};

export type ToldCall = {
  readonly tid: number;
  readonly call: string;
  readonly result: number;
  /** As texts; items of arrays joined by commas. `*` = whatever, or nothing. */
  readonly attributes: ReadonlyMap<string, string>;
};

const UNVERIFIED = 'ringtail.unverified';
const MARK = '/ringtail-mark';

const kinds: readonly (readonly [event: string, calls: readonly string[]])[] = [
  ['ringtail.file.open', ['open', 'creat', 'openat', 'openat2']],
  ['ringtail.file.read', ['read', 'pread64', 'readv', 'preadv', 'preadv2']],
  ['ringtail.file.write', ['write', 'pwrite64', 'writev', 'pwritev', 'pwritev2']],
  ['ringtail.file.unlink', ['unlink', 'unlinkat', 'rmdir']],
  ['ringtail.network.connect', ['connect']],
  ['ringtail.network.accept', ['accept', 'accept4']],
  ['ringtail.network.send', ['sendto', 'sendmsg', 'sendmmsg', 'send']],
  ['ringtail.network.receive', ['recvfrom', 'recvmsg', 'recvmmsg', 'recv']],
  ['ringtail.network.close', ['close']],
  ['ringtail.syscall.failed', ['clone', 'clone3', 'fork', 'vfork']],
  ['ringtail.process.exec', ['execve', 'execveat']],
];
const eventOfCalls = new Set(kinds.map(([event]) => event).filter((event) => event !== 'ringtail.process.exec'));
const eventOf = new Map(kinds.flatMap(([event, calls]) => calls.map((call) => [call, event] as const)));

const actorNames = new Set([
  'ringtail.thread.id',
  'ringtail.thread.comm',
  'ringtail.kernel_thread',
  'ringtail.cgroup.id',
  'ringtail.attribution',
  'ringtail.executable.kind',
  'ringtail.executable.truncated',
  'ringtail.ancestors',
  'ringtail.login_user.id',
  'ringtail.login_user.name',
]);

/** Attributes of the acting process. */
export const isOfActor = (name: string): boolean =>
  name.startsWith('process.') || name.startsWith('ringtail.process.') || actorNames.has(name);

/** What is judged by itself, or what no workload can know. */
const isCommon = (name: string): boolean =>
  isOfActor(name) || ['ringtail.netns.cookie', 'ringtail.syscall.name', 'ringtail.syscall.return'].includes(name);

export const isCallEvent = (name: string): boolean => eventOfCalls.has(name);

/** From the lines of a workload, in words. Octal escapes stand for blanks. */
export const toldCalls = (lines: readonly (readonly string[])[]): readonly ToldCall[] =>
  lines
    .filter(([word]) => word === 'call')
    .map(([, tid, call, result, ...rest]) => ({
      tid: Number(tid),
      call: call!,
      result: Number(result),
      attributes: new Map(
        rest.map((word) => {
          const at = word.indexOf('=');
          return [word.slice(0, at), word.slice(at + 1).replaceAll('\\040', ' ')];
        }),
      ),
    }));

const textOf = (value: unknown): string => (Array.isArray(value) ? value.join(',') : String(value));

/** Records between the marks of a thread, in the order in which they happened. */
export const betweenMarks = (seen: readonly SeenCall[]): readonly SeenCall[] => {
  const inOrder = seen.toSorted((a, b) => (a.unixNs < b.unixNs ? -1 : Number(a.unixNs > b.unixNs)));
  const kept: SeenCall[] = [];
  let inside = false;
  for (const one of inOrder) {
    if (one.attributes['file.path'] === MARK) inside = !inside;
    else if (inside) kept.push(one);
  }
  return kept;
};

/** What of a record differs from what was told; empty: nothing. */
const differences = ({ call, result, attributes: wanted }: ToldCall, { name, attributes }: SeenCall): string => {
  const found = new Map(Object.entries(attributes).filter(([key]) => !isCommon(key)));
  /** Of an open that failed the path is what the caller said. */
  const unverified = wanted.get(UNVERIFIED) ?? (name === 'ringtail.file.open' && result < 0 ? 'true' : undefined);
  const wrong: string[] = [];
  const compare = (what: string, is: unknown, should: unknown): void => {
    if (is !== should) wrong.push(`${what} ${String(is)} instead of ${String(should)}`);
  };
  compare('event', name, eventOf.get(call));
  compare('name', attributes['ringtail.syscall.name'], call);
  compare('return', attributes['ringtail.syscall.return'], result);
  const names = new Set([...found.keys(), ...wanted.keys(), ...(unverified === undefined ? [] : [UNVERIFIED])]);
  for (const key of names) {
    const should = key === UNVERIFIED ? unverified : wanted.get(key);
    const is = found.has(key) ? textOf(found.get(key)) : undefined;
    if (should === '*') continue;
    if (should?.endsWith('*') && is?.startsWith(should.slice(0, -1))) continue;
    // what says the same again, and what only the kernel knows
    if (should === undefined && key === 'file.name' && textOf(found.get('file.path')).endsWith(`/${is}`)) continue;
    if (should === undefined && key === 'file.inode' && result >= 0) continue;
    compare(key, is, should);
  }
  return wrong.join('; ');
};

/**
 * Compares, thread by thread and in order. Returns what is wrong, a line each.
 */
export const judgeCalls = (told: readonly ToldCall[], seen: readonly SeenCall[]): readonly string[] => {
  const byThread = new Map<number, SeenCall[]>();
  for (const one of seen) {
    const tid = Number(one.attributes['ringtail.thread.id']);
    const list = byThread.get(tid);
    if (list === undefined) byThread.set(tid, [one]);
    else list.push(one);
  }
  return [...Map.groupBy(told, ({ tid }) => tid)].flatMap(([tid, wanted]) => {
    const found = betweenMarks(byThread.get(tid) ?? []);
    const wrong: string[] = [];
    let at = 0;
    for (const one of wanted) {
      const label = `thread ${tid} ${one.call} = ${one.result}`;
      const here = found[at];
      const isIt = (record: SeenCall | undefined) =>
        record?.attributes['ringtail.syscall.name'] === one.call && record.attributes['ringtail.syscall.return'] === one.result;
      if (!isIt(here)) {
        const later = found.findIndex((record, index) => index > at && isIt(record));
        if (later < 0 || later > at + 3) {
          wrong.push(`${label}: no record (${Array.from(one.attributes, ([key, value]) => `${key}=${value}`).join(' ')})`);
          continue;
        }
        wrong.push(...found.slice(at, later).map((record) => `thread ${tid}: nobody did ${describeCall(record)}`));
        at = later;
      }
      const difference = differences(one, found[at]!);
      if (difference !== '') wrong.push(`${label}: ${difference} in ${describeCall(found[at]!)}`);
      at++;
    }
    return [...wrong, ...found.slice(at).map((record) => `thread ${tid}: nobody did ${describeCall(record)}`)];
  });
};

/** For messages. */
export const describeCall = ({ name, attributes }: SeenCall): string =>
  `${name} ${String(attributes['ringtail.syscall.name'])} = ${String(attributes['ringtail.syscall.return'])} ${Object.entries(attributes)
    .filter(([key]) => !isCommon(key))
    .map(([key, value]) => `${key}=${textOf(value)}`)
    .join(' ')}`.slice(0, 700);

/** Most lines of what is wrong that a message has. */
const LINES_TOLD = 12;

/** Throws when something is wrong. */
export const expectCalls = (told: readonly ToldCall[], seen: readonly SeenCall[]): void => {
  const wrong = judgeCalls(told, seen);
  if (wrong.length === 0) return;
  const names = Array.from(
    Map.groupBy(seen, ({ name }) => name),
    ([name, { length }]) => `${length} × ${name}`,
  );
  throw new Error(
    `${wrong.length} of ${told.length} calls differ; there came ${names.join(', ')}\n${wrong.slice(0, LINES_TOLD).join('\n')}`,
  );
};
