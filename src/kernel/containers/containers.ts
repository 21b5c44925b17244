/**
 * Containers by cgroup: who they are by its path, and what their runtime left on disk. That is read ahead when a cgroup is made or something is moved
 * into it, else when a record asks. What could not be had is asked for again, each time a longer while later.
 */
import { LRUCache } from 'lru-cache';
import type { Frame } from '../../core/batch.ts';
import type { Counters } from '../../core/counters.ts';
import { silentLogger, type Logger } from '../../core/logger.ts';
import type { CgroupInfo, Cgroups } from '../cgroup-types.ts';
import { createFrameMemo } from '../frame-memo.ts';
import { containerOf, createResources } from './describe.ts';
import { containerFlag, containerFlagSource } from './flags.ts';
import { createHandMade } from './hand-made.ts';
import { guessOf, identifyCgroup } from './identify.ts';
import { createLoader, newLoad, type Load } from './loader.ts';
import { joinNeeds } from './needs.ts';
import { readGuess, readState } from './read-state.ts';
import { createReport } from './report.ts';
import { createStateFiles, type StateFiles } from './state-files.ts';
import { createSubjects, type Subject } from './subjects.ts';
import type { CgroupIdentity, ContainerNeeds, ContainerQuestion, Containers, ContainerState } from './types.ts';

/** As many as cgroups are kept, each about 200 bytes; they outlive those, for metrics that tell of the dead. */
export const DEFAULT_CONTAINER_CAPACITY = 32_768;
/** So long after something came into a cgroup runc and crun may still write whose it is: every frame looks. */
const YOUNG_MS = 2_000;
const START_WAIT_MS = 200;
/** Paths of cgroups that no record told are asked for this often. */
const PATHS_PAUSE_MS = 1_000;
const MAX_UNKNOWN = 4_096;

export type ContainersOptions = {
  /** Prefix of the folders of the runtimes. */
  readonly root?: string;
  readonly cgroups: Cgroups;
  readonly counters: Counters;
  readonly logger?: Logger | undefined;
  readonly capacity?: number;
  readonly nowMs?: () => number;
};

/** `subject`: a container, else the unit or pod. `load`: the search for a container where the path tells of none. */
type Entry = {
  readonly path: string;
  subject: Subject | undefined;
  isContainer: boolean;
  youngUntilMs: number;
  readonly load: Load;
  /** It was searched for once. */
  searched: boolean;
  /** What runc and crun said when it was looked for there. */
  looked: number;
};
type Answers = { readonly containers: Uint32Array; readonly flags: Uint32Array; readonly missing: readonly ContainerQuestion[] };

export const createContainers = (options: ContainersOptions): Containers => {
  const { root = '', cgroups, counters, logger = silentLogger, capacity = DEFAULT_CONTAINER_CAPACITY, nowMs = Date.now } = options;
  const report = createReport(counters, logger);
  const loader = createLoader(nowMs);
  const handMade = createHandMade(root, nowMs);
  const subjects = createSubjects();
  const entries = new LRUCache<number, Entry>({
    max: capacity,
    dispose: ({ subject }) => {
      if (subject !== undefined) subjects.release(subject);
      version++;
    },
  });
  const claims = new Set<ContainerNeeds>();
  const unknown = new Map<number, number>();
  let files: StateFiles | undefined;
  let stopListening = (): void => {};
  let nextPathsMs = 0;
  let version = 0;

  const assign = (entry: Entry, identity: CgroupIdentity): void => {
    const before = entry.subject;
    entry.subject = subjects.retain(identity);
    entry.isContainer = identity.containerId !== undefined;
    if (before !== undefined) subjects.release(before);
    version++;
  };
  const learn = (subject: Subject, state: ContainerState): void => {
    subject.container = containerOf(subject.container.identity, state);
    version++;
  };

  /** By what runc and crun say now. */
  const lookUp = (number: number, entry: Entry): void => {
    if (entry.isContainer || entry.looked === handMade.version) return;
    entry.looked = handMade.version;
    const made = handMade.ofCgroup(number, entry.path);
    if (made === undefined) return;
    assign(entry, { containerId: made.id, runtime: made.runtime });
    entry.subject!.load.done = true;
    learn(entry.subject!, made.state);
  };

  const entryOf = (number: number): Entry | undefined => {
    const known = entries.get(number);
    if (known !== undefined) return known;
    const path = number === 0 ? undefined : cgroups.path(BigInt(number));
    return path === undefined ? undefined : enter(number, path);
  };
  const enter = (number: number, path: string): Entry => {
    const entry: Entry = {
      path,
      subject: undefined,
      isContainer: false,
      youngUntilMs: nowMs() + YOUNG_MS,
      load: newLoad(),
      searched: false,
      looked: -1,
    };
    entries.set(number, entry);
    const identity = identifyCgroup(path);
    if (identity !== undefined) assign(entry, identity);
    version++;
    return entry;
  };

  /** Whether a container may be found there yet that the path does not tell. */
  const isSearched = (entry: Entry): boolean => files === undefined || (entry.searched && !(isYoung(entry) && handMade.isAwaited));
  const isYoung = ({ isContainer, youngUntilMs }: Entry): boolean => files !== undefined && !isContainer && nowMs() < youngUntilMs;
  const isDue = ({ subject, isContainer, load }: Entry): boolean => files !== undefined && loader.isDue(isContainer ? subject!.load : load);

  const ask = async (number: number, entry: Entry): Promise<void> => {
    if (files === undefined) return;
    const from = files;
    const isGone = cgroups.info(BigInt(number))?.goneAtMs !== undefined;
    const { subject, isContainer, path } = entry;
    const load = isContainer ? subject!.load : entry.load;
    if (isGone && load.failures > 0) return undefined;
    if (isContainer) {
      return loader.load(
        load,
        () => readState(from, handMade, subject!.container.identity),
        (state) => learn(subject!, state),
      );
    }
    let guessed: string | undefined;
    await loader.load(
      load,
      async () => {
        await handMade.scan(from);
        if (handMade.ofCgroup(number, path) !== undefined) return undefined;
        const guess = guessOf(path);
        const found = guess === undefined ? undefined : await readGuess(from, guess);
        guessed = found?.id;
        return found?.state;
      },
      (state) => {
        if (entry.isContainer || entries.peek(number) !== entry) return;
        assign(entry, { containerId: guessed!, ...(state.runtime === undefined ? {} : { runtime: state.runtime }) });
        entry.subject!.load.done = true;
        learn(entry.subject!, state);
      },
    );
    entry.searched = true;
    if (entries.peek(number) === entry) lookUp(number, entry);
    version++;
  };

  const answer = ({ actors }: Frame): Answers => {
    const containers = new Uint32Array(actors.count);
    const flags = new Uint32Array(actors.count);
    const missing: ContainerQuestion[] = [];
    const asked = new Set<number>();
    let last = -1;
    let id = 0;
    let flag: number = containerFlag.unknown;
    for (let actor = 0; actor < actors.count; actor++) {
      const number = actors.cgroupIdHi[actor]! * 0x1_0000_0000 + actors.cgroupIdLo[actor]!;
      if (number !== last) {
        last = number;
        const entry = entryOf(number);
        if (entry !== undefined) lookUp(number, entry);
        id = entry?.subject?.number ?? 0;
        flag = entry === undefined ? containerFlag.unknown : flagOfEntry(entry);
        const isMissing = entry === undefined ? number !== 0 : isDue(entry) || isYoung(entry);
        if (isMissing && !asked.has(number)) {
          asked.add(number);
          missing.push({ cgroupId: BigInt(number), pid: actors.pid[actor]! });
        }
      }
      containers[actor] = id;
      flags[actor] = flag;
    }
    return { containers, flags, missing };
  };
  const flagOfEntry = (entry: Entry): number =>
    entry.isContainer ? containerFlag.container : isSearched(entry) ? containerFlag.host : containerFlag.unknown;
  const answers = createFrameMemo(() => version + cgroups.version + handMade.version, answer);

  const fetch = async (questions: readonly ContainerQuestion[]): Promise<void> => {
    const from = files;
    if (from === undefined) return;
    const found = questions.flatMap(({ cgroupId }) => {
      const entry = entryOf(Number(cgroupId));
      return entry === undefined ? [] : [[Number(cgroupId), entry] as const];
    });
    const isScanned = found.some(([, entry]) => isYoung(entry) && !isDue(entry));
    await Promise.all([...found.map(([number, entry]) => ask(number, entry)), ...(isScanned ? [handMade.scan(from)] : [])]);
  };

  /** What is asked for by number alone, as metrics do. */
  const askPaths = (): void => {
    if (unknown.size === 0 || nowMs() < nextPathsMs) return;
    nextPathsMs = nowMs() + PATHS_PAUSE_MS;
    const questions = Array.from(unknown, ([number, pid]) => ({ id: BigInt(number), pid }));
    unknown.clear();
    void cgroups.fetch(questions);
  };

  const onChange = ({ id, path }: CgroupInfo, isNew: boolean): void => {
    const number = Number(id);
    const before = entries.get(number);
    const entry = before?.path === path ? before : enter(number, path);
    entry.youngUntilMs = nowMs() + YOUNG_MS;
    // begun again, it may have another name
    if (isNew && entry.isContainer && entry.subject!.load.done) Object.assign(entry.subject!.load, newLoad());
    if (entry.isContainer || isNew) void ask(number, entry);
    else if (files !== undefined) void handMade.scan(files);
  };

  const lookAhead = (): readonly Promise<void>[] =>
    cgroups.living().flatMap(({ id, path }) => {
      const known = entries.has(Number(id));
      const entry = entryOf(Number(id)) ?? enter(Number(id), path);
      if (!known) entry.youngUntilMs = 0;
      return isDue(entry) ? [ask(Number(id), entry)] : [];
    });

  const renew = (): void => {
    const needs = joinNeeds(claims);
    stopListening();
    stopListening = () => {};
    files = needs === undefined ? undefined : createStateFiles({ root, ...needs, report, nowMs });
    handMade.follow(files);
    if (files === undefined) return;
    stopListening = cgroups.onChange(({ kind, cgroup }) => {
      if (kind !== 'gone') onChange(cgroup, kind === 'made');
    });
  };
  /** With other folders what was not found may be found, and other labels are to be kept. */
  const askAgain = (): void => {
    for (const { load } of entries.values()) Object.assign(load, newLoad());
    for (const { load } of subjects.all()) Object.assign(load, newLoad());
    version++;
  };

  return {
    async start() {
      const late = Promise.withResolvers<void>();
      const timer = setTimeout(late.resolve, START_WAIT_MS);
      await Promise.race([late.promise, Promise.all(lookAhead())]);
      clearTimeout(timer);
    },
    claim(needs) {
      claims.add(needs);
      renew();
      askAgain();
      return () => {
        if (claims.delete(needs)) renew();
      };
    },
    resolve: answers,
    fetch,
    ofCgroup(cgroupId) {
      const number = Number(cgroupId);
      const entry = entryOf(number);
      if (entry === undefined) {
        if (number !== 0 && files !== undefined && unknown.size < MAX_UNKNOWN) unknown.set(number, 0);
        askPaths();
        return undefined;
      }
      lookUp(number, entry);
      if (isDue(entry)) void ask(number, entry);
      return entry.subject?.container;
    },
    container: (id) => subjects.get(id)?.container,
    resourceOf: createResources(capacity),
    source: containerFlagSource,
    flags: (frame) => answers(frame).flags,
    flagOf(number) {
      const entry = entryOf(number);
      return entry === undefined ? containerFlag.unknown : flagOfEntry(entry);
    },
    get version() {
      return version;
    },
    get size() {
      return entries.size;
    },
  };
};
