/**
 * User names by number: of the host through NSS, of a container by the /etc/passwd of its own root. Names are asked for ahead of time
 * (by the gate) and read from memory in the pipeline.
 */
import { readlink, stat } from 'node:fs/promises';
import { LRUCache } from 'lru-cache';
import type { AttributeSource, Actors, Frame } from '../core/batch.ts';
import { attributeName } from '../otlp/names.ts';
import { createFrameMemo } from './frame-memo.ts';
import { headFlag } from './layouts.gen.ts';
import { createTextPool } from './named-source.ts';
import { readPasswd } from './procfs/passwd.ts';
import { readStat, TICK_NS } from './procfs/stat.ts';

/** Users that act on one host within the time to live; each takes about 300 bytes. */
export const DEFAULT_USER_CAPACITY = 10_000;
export const DEFAULT_USER_TTL_MS = 600_000;
/** Containers whose users are kept, and processes whose root is known. */
const MAX_SCOPES = 512;
const MAX_SCOPED_PROCESSES = 16_384;
/** A number without a name is asked for again after this, then twice as long, up to the longest. */
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 60_000;
/** Users that are asked for beforehand, and the longest wait for them: start-up goes on without a user base that hangs. */
const MAX_KNOWN_BEFOREHAND = 1_000;
const START_WAIT_MS = 200;
export const UNSET_UID = 0xffff_ffff;
const HOST_SCOPE = 0;

/** Names in the order of the numbers; null or undefined for a number without one. */
export type LookupUsers = (uids: readonly number[]) => Promise<readonly (string | null | undefined)[]>;

export type UsersOptions = {
  /** NSS; without it, or when it fails, `<root>/etc/passwd`. */
  readonly lookupUsers?: LookupUsers | undefined;
  /** Prefix of /proc and /etc. */
  readonly root?: string;
  readonly capacity?: number;
  readonly ttlMs?: number;
  readonly nowMs?: () => number;
};

/** Ids of names by actor, 0 = no name known. `logins` has only those that differ from the effective user. */
export type UserIds = { readonly owners: Uint32Array; readonly logins: Uint32Array; readonly missing: readonly UserQuestion[] };

/** A name that is not known, or known for too long. `process`: ask the root of this process. */
export type UserQuestion = {
  readonly uid: number;
  readonly process?: { readonly pid: number; readonly startNs: bigint };
};

export type Users = {
  /**
   * Asks for the users that the host's own /etc/passwd lists, so that the first records have owners too: loading NSS alone can take longer
   * than a frame waits. Resolves within 200 ms or when the answers are there, never rejects.
   */
  start(): Promise<void>;
  /** Valid until the cache changes. */
  resolve(frame: Frame): UserIds;
  /** Asks for names; resolves when the answers are in the cache, never rejects. The same question is under way at most once. */
  fetch(questions: readonly UserQuestion[]): Promise<void>;
  /** One name, from the cache or by asking. */
  lookup(question: UserQuestion): Promise<string | undefined>;
  /** `process.owner` and `ringtail.login_user.name` by the ids of `resolve`. */
  readonly ownerSource: AttributeSource;
  readonly loginSource: AttributeSource;
  readonly size: number;
};

type Entry = { readonly id: number; readonly freshUntilMs: number; readonly retries: number };
type Scope = { readonly number: number; readonly root: string };

const processKey = (pid: number, startLo: number, startHi: number): string => `${pid}/${startHi * 0x1_0000_0000 + startLo}`;
const keyOfProcess = ({ pid, startNs }: { readonly pid: number; readonly startNs: bigint }): string =>
  processKey(pid, Number(startNs & 0xffff_ffffn), Number(startNs >> 32n));
/** Scopes are small and uids have 32 bits: one exact number. */
const userKey = (scope: number, uid: number): number => scope * 0x1_0000_0000 + uid;

export const createUsers = (options: UsersOptions = {}): Users => {
  const { lookupUsers, root = '', capacity = DEFAULT_USER_CAPACITY, ttlMs = DEFAULT_USER_TTL_MS, nowMs = Date.now } = options;
  const pool = createTextPool([attributeName.processOwner, attributeName.loginUserName]);
  const entries = new LRUCache<number, Entry>({ max: capacity, dispose: ({ id }) => pool.release(id) });
  const scopeOfRoot = new LRUCache<string, Scope>({ max: MAX_SCOPES });
  const scopeOfProcess = new LRUCache<string, Scope>({ max: MAX_SCOPED_PROCESSES });
  const underWay = new Map<string, Promise<void>>();
  let lastScope = HOST_SCOPE;
  let version = 0;

  const put = (scope: number, uid: number, name: string | null | undefined): void => {
    const key = userKey(scope, uid);
    const retries = name ? 0 : (entries.peek(key)?.retries ?? -1) + 1;
    const waitMs = name ? ttlMs : Math.min(FIRST_RETRY_MS * 2 ** retries, LONGEST_RETRY_MS);
    version++;
    entries.set(key, { id: name ? pool.add(name) : 0, freshUntilMs: nowMs() + waitMs, retries });
  };

  const askHost = async (uids: readonly number[]): Promise<void> => {
    let names: readonly (string | null | undefined)[] | undefined;
    try {
      names = await lookupUsers?.(uids);
    } catch {
      // Answered by the file instead.
    }
    if (names === undefined) {
      const passwd = await readPasswd(root);
      names = uids.map((uid) => (passwd.ok ? passwd.value.get(uid) : undefined));
    }
    uids.forEach((uid, i) => put(HOST_SCOPE, uid, names[i]));
  };

  /** The root that a process sees: the mount namespace and the root directory in it. */
  const learnScope = async (key: string, pid: number, startNs: bigint): Promise<Scope | undefined> => {
    const known = scopeOfProcess.get(key);
    if (known !== undefined) return known;
    const base = `${root}/proc/${pid}`;
    try {
      const namespace = await readlink(`${base}/ns/mnt`);
      const directory = await stat(`${base}/root`);
      if (!(await isStill(pid, startNs))) return undefined;
      const rootKey = `${namespace} ${directory.dev} ${directory.ino}`;
      const scope = scopeOfRoot.get(rootKey) ?? { number: ++lastScope, root: rootKey };
      scopeOfRoot.set(rootKey, scope);
      scopeOfProcess.set(key, scope);
      return scope;
    } catch {
      return undefined;
    }
  };
  const isStill = async (pid: number, startNs: bigint): Promise<boolean> => {
    const now = await readStat(root, pid);
    return now.ok && startNs >= now.value.startNs && startNs - now.value.startNs < TICK_NS;
  };

  const askContainer = async (uid: number, { pid, startNs }: { readonly pid: number; readonly startNs: bigint }): Promise<void> => {
    const scope = await learnScope(keyOfProcess({ pid, startNs }), pid, startNs);
    version++;
    if (scope === undefined || (entries.peek(userKey(scope.number, uid))?.freshUntilMs ?? 0) > nowMs()) return;
    const passwd = await readPasswd(`${root}/proc/${pid}/root`);
    if (!(await isStill(pid, startNs))) return;
    put(scope.number, uid, passwd.ok ? passwd.value.get(uid) : undefined);
  };

  const once = (key: string, ask: () => Promise<void>): Promise<void> => {
    let promise = underWay.get(key);
    if (promise === undefined) {
      promise = ask().finally(() => underWay.delete(key));
      underWay.set(key, promise);
    }
    return promise;
  };

  const fetch = async (questions: readonly UserQuestion[]): Promise<void> => {
    const hosts = [...new Set(questions.filter(({ process }) => process === undefined).map(({ uid }) => uid))];
    const waiting = hosts.map((uid) => underWay.get(`host/${uid}`)).filter((promise) => promise !== undefined);
    const fresh = hosts.filter((uid) => !underWay.has(`host/${uid}`));
    if (fresh.length > 0) {
      const asked = askHost(fresh).finally(() => fresh.forEach((uid) => underWay.delete(`host/${uid}`)));
      for (const uid of fresh) underWay.set(`host/${uid}`, asked);
      waiting.push(asked);
    }
    for (const { uid, process } of questions) {
      if (process !== undefined) waiting.push(once(`${process.pid}/${process.startNs}/${uid}`, () => askContainer(uid, process)));
    }
    await Promise.all(waiting);
  };

  /** Scope of an actor; undefined when it first has to be learned. Without a pid namespace of its own a process has the host's users. */
  const scopeOf = (actors: Actors, actor: number): number | undefined =>
    actors.flags[actor]! & headFlag.nestedPidNs
      ? scopeOfProcess.get(processKey(actors.pid[actor]!, actors.startNsLo[actor]!, actors.startNsHi[actor]!))?.number
      : HOST_SCOPE;

  const entryOf = ({ uid, process }: UserQuestion): Entry | undefined => {
    const scope = process === undefined ? HOST_SCOPE : scopeOfProcess.get(keyOfProcess(process))?.number;
    return scope === undefined ? undefined : entries.get(userKey(scope, uid));
  };

  const resolve = (frame: Frame): UserIds => {
    const { actors } = frame;
    const owners = new Uint32Array(actors.count);
    const logins = new Uint32Array(actors.count);
    const missing = new Map<string, UserQuestion>();
    const now = nowMs();
    let lastKey = -1;
    let lastId = 0;
    const idOf = (actor: number, scope: number | undefined, uid: number): number => {
      const key = scope === undefined ? -1 : userKey(scope, uid);
      if (key >= 0 && key === lastKey) return lastId;
      const entry = key < 0 ? undefined : entries.get(key);
      if (entry === undefined || entry.freshUntilMs <= now) {
        const startNs = (BigInt(actors.startNsHi[actor]!) << 32n) | BigInt(actors.startNsLo[actor]!);
        const question = scope === HOST_SCOPE ? { uid } : { uid, process: { pid: actors.pid[actor]!, startNs } };
        // One process of a container that is known is enough to ask for a number.
        missing.set(scope === undefined ? `${question.process!.pid}/${startNs}/${uid}` : `${key}`, question);
      }
      lastKey = key;
      lastId = entry?.id ?? 0;
      return lastId;
    };
    for (let actor = 0; actor < actors.count; actor++) {
      const euid = actors.euid[actor]!;
      const login = actors.loginUid[actor]!;
      owners[actor] = idOf(actor, scopeOf(actors, actor), euid);
      // Who logged in on the host is a user of the host.
      if (login !== UNSET_UID && login !== euid) logins[actor] = idOf(actor, HOST_SCOPE, login);
    }
    return { owners, logins, missing: [...missing.values()] };
  };

  const start = async (): Promise<void> => {
    const passwd = await readPasswd(root);
    if (!passwd.ok) return;
    const uids = [...passwd.value.keys()].slice(0, MAX_KNOWN_BEFOREHAND);
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, START_WAIT_MS);
    await Promise.race([late.promise, fetch(uids.map((uid) => ({ uid })))]);
    clearTimeout(timer);
  };

  return {
    start,
    resolve: createFrameMemo(() => version, resolve),
    fetch,
    async lookup(question) {
      if ((entryOf(question)?.freshUntilMs ?? 0) <= nowMs()) await fetch([question]);
      return pool.text(entryOf(question)?.id ?? 0);
    },
    ownerSource: pool.sources[attributeName.processOwner],
    loginSource: pool.sources[attributeName.loginUserName],
    get size() {
      return entries.size;
    },
  };
};
