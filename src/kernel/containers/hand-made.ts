/**
 * Containers of runc and crun that no engine keeps: their cgroup may be called anything, so they are found by the cgroup that their state names.
 */
import { isAbsolute } from 'node:path';
import { fieldsOf, isFit, type Fields } from './json-state.ts';
import { imageOf, type StateFiles } from './state-files.ts';
import type { ContainerState } from './types.ts';

/** Containers that are known in each folder. */
const MAX_CONTAINERS = 8_192;
/** A state that was read is read again after this, so many in a scan: an id may be given to a new container, with another cgroup. */
const AGAIN_MS = 2_000;
const MAX_AGAIN = 64;
/** One that could not be used is read again after this, then twice as long each time, up to the longest. */
const FIRST_RETRY_MS = 200;
const LONGEST_RETRY_MS = 60_000;
/** A folder without a state is looked into by every scan so many times. */
const MAX_SOON = 50;

export type HandMade = { readonly runtime: 'runc' | 'crun'; readonly id: string; readonly state: ContainerState };

export type HandMadeContainers = {
  /** Looks what there is now; one look at a time, begun after this was called. Never rejects. */
  scan(files: StateFiles): Promise<void>;
  /** By the path of a cgroup, its own or one below. */
  ofPath(path: string): HandMade | undefined;
  /** By id, where the path says it. */
  ofId(runtime: 'runc' | 'crun', id: string): HandMade | undefined;
  /** Scans that have begun, and the number of the one that ended last. */
  readonly begun: number;
  readonly ended: number;
  /** Changes when another container is found. */
  readonly version: number;
  readonly size: number;
};

type Known = {
  readonly made: HandMade | undefined;
  readonly paths: readonly string[];
  readonly notBeforeMs: number;
  readonly failures: number;
};

/** Below a mount as nearly everybody has it: the path from the root of the hierarchy. */
const fromMount = (path: string, isUnified: boolean): string =>
  path.replace(isUnified ? /^\/sys\/fs\/cgroup(?:\/unified)?(?=\/)/ : /^\/sys\/fs\/cgroup\/[^/]+(?=\/)/, '');

const absolute = (path: string | undefined): readonly string[] => (path === undefined || !isAbsolute(path) || path === '/' ? [] : [path]);

/** `key=value`, as runc keeps annotations, and `bundle=<folder>`. */
const pairsOf = (labels: readonly unknown[]): ReadonlyMap<string, string> =>
  new Map(
    labels.flatMap((label): readonly [string, string][] => {
      if (typeof label !== 'string' || !isFit(label)) return [];
      const at = label.indexOf('=');
      return at < 1 ? [] : [[label.slice(0, at), label.slice(at + 1)]];
    }),
  );

const describe = (files: StateFiles, runtime: 'runc' | 'crun', id: string, annotations: ReadonlyMap<string, string>): HandMade => ({
  runtime,
  id,
  state: { runtime, name: id, ...imageOf(annotations.get('org.opencontainers.image.ref.name')), ...files.labels(annotations) },
});

/** libcontainer, container_linux.go: State. */
const readRunc = (files: StateFiles, id: string, fields: Fields): Omit<Known, 'notBeforeMs' | 'failures'> => {
  const config = fields.fields('config');
  const paths = Array.from(fields.fields('cgroup_paths').texts(), ([controller, path]) => fromMount(path, controller === ''));
  const own = config.fields('cgroups').text('path');
  return { made: describe(files, 'runc', id, pairsOf(config.list('labels'))), paths: [...paths, own].flatMap(absolute) };
};

/** crun, libcrun/status.c. */
const readCrun = async (files: StateFiles, id: string, fields: Fields): Promise<Omit<Known, 'notBeforeMs' | 'failures'>> => {
  const bundle = fields.text('bundle');
  const config = bundle === undefined || !isAbsolute(bundle) ? undefined : await files.fields(bundle, ['config.json']);
  const path = fields.text('cgroup-path');
  return {
    made: describe(files, 'crun', id, config?.fields('annotations').texts() ?? new Map()),
    paths: absolute(path === undefined || isAbsolute(path) ? path : `/${path}`),
  };
};

export const createHandMade = (nowMs: () => number): HandMadeContainers => {
  /** By folder and id. */
  const known = new Map<string, Known>();
  let byPath: ReadonlyMap<string, HandMade> = new Map();
  let byId: ReadonlyMap<string, HandMade> = new Map();
  let scanning: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  let version = 0;
  let begun = 0;
  let ended = 0;
  let again = 0;

  const look = async (files: StateFiles, runtime: 'runc' | 'crun', folder: string, id: string): Promise<boolean> => {
    const key = `${folder}/${id}`;
    const before = known.get(key);
    if (before !== undefined && (nowMs() < before.notBeforeMs || (before.failures === 0 && again-- <= 0))) return false;
    const found = await files.json(folder, [id, runtime === 'runc' ? 'state.json' : 'status']);
    if (typeof found === 'string') {
      const failures = (before?.failures ?? -1) + 1;
      // What is not there yet may be written at any moment.
      const isSoon = found === 'missing' && failures < MAX_SOON;
      const pauseMs = isSoon ? 0 : Math.min(FIRST_RETRY_MS * 2 ** Math.min(failures, 10), LONGEST_RETRY_MS);
      known.set(key, { made: before?.made, paths: before?.paths ?? [], notBeforeMs: nowMs() + pauseMs, failures });
      return false;
    }
    const fields = fieldsOf(found.value, files.report, found.file);
    const read = runtime === 'runc' ? readRunc(files, id, fields) : await readCrun(files, id, fields);
    known.set(key, { ...read, notBeforeMs: nowMs() + AGAIN_MS, failures: 0 });
    return true;
  };

  const index = (): void => {
    version++;
    byPath = new Map(Array.from(known.values(), ({ made, paths }) => paths.map((path) => [path, made!] as const)).flat());
    byId = new Map(
      Array.from(known.values(), ({ made }) => made).flatMap((made) => (made === undefined ? [] : [[`${made.runtime}/${made.id}`, made]])),
    );
  };

  const scan = async (files: StateFiles): Promise<void> => {
    const number = ++begun;
    again = MAX_AGAIN;
    let changed = false;
    const seen = new Set<string>();
    for (const runtime of ['runc', 'crun'] as const)
      for (const folder of files.folders[runtime])
        for (const id of await files.names(folder, [], MAX_CONTAINERS)) {
          if (!isFit(id)) continue;
          seen.add(`${folder}/${id}`);
          changed = (await look(files, runtime, folder, id)) || changed;
        }
    for (const key of known.keys()) if (!seen.has(key)) changed = known.delete(key) || changed;
    if (changed) index();
    ended = number;
  };

  const begin = (files: StateFiles): Promise<void> => {
    next = undefined;
    scanning = scan(files).finally(() => (scanning = undefined));
    return scanning;
  };

  return {
    scan(files) {
      if (scanning === undefined && next === undefined) return begin(files);
      return (next ??= scanning!.then(() => begin(files)));
    },
    ofPath(path) {
      if (byPath.size === 0) return undefined;
      for (let at = path.length; at > 0; at = path.lastIndexOf('/', at - 1)) {
        const made = byPath.get(path.slice(0, at));
        if (made !== undefined) return made;
      }
      return undefined;
    },
    ofId: (runtime, id) => byId.get(`${runtime}/${id}`),
    get begun() {
      return begun;
    },
    get ended() {
      return ended;
    },
    get version() {
      return version;
    },
    get size() {
      return known.size;
    },
  };
};
