/** Users and cgroups as a capture has them: nothing is looked up on this machine. */
import type { Frame } from '../../core/batch.ts';
import { attributeName } from '../../otlp/names.ts';
import type { CgroupChange, CgroupInfo, Cgroups } from '../cgroup-types.ts';
import { createCgroupStore } from '../cgroups/store.ts';
import { readCgroupRecords } from '../cgroups/records.ts';
import { createTextPool } from '../named-source.ts';
import type { Users } from '../users.ts';
import { CaptureError, type NamesChunk } from './format.ts';

/** Characters of distinct names that are kept encoded, and their number at the most; past it they are made anew. A host has some thousand. */
const MAX_CHARACTERS = 8 << 20;
const MAX_TEXTS = 65_536;
/** Cgroups whose path is known by their number. */
const MAX_CGROUPS = 16_384;

export type RecordedNames = {
  readonly users: Users;
  readonly cgroups: Cgroups;
  /** The names of a frame's actors, for as long as it is the last one. */
  bind(frame: Frame, names: NamesChunk): void;
};

export const createRecordedNames = (): RecordedNames => {
  const pool = createTextPool([attributeName.processOwner, attributeName.loginUserName, attributeName.processLinuxCgroup]);
  const idOfText = new Map<string, number>();
  let characters = 0;
  const known = createCgroupStore({ capacity: MAX_CGROUPS, keepMs: Infinity, nowMs: () => 0 });
  const listeners = new Set<(change: CgroupChange) => void>();
  const tell = (kind: CgroupChange['kind'], cgroup: CgroupInfo | undefined, pid: number): void => {
    if (cgroup !== undefined) for (const listener of listeners) listener({ kind, cgroup, pid });
  };
  let bound:
    | { readonly actors: Frame['actors']; readonly owners: Uint32Array; readonly logins: Uint32Array; readonly paths: Uint32Array }
    | undefined;

  const idOf = (text: string): number => {
    let id = idOfText.get(text);
    if (id === undefined) {
      id = pool.add(text);
      idOfText.set(text, id);
      characters += text.length;
    }
    return id;
  };
  const of = ({ actors }: Frame) => {
    // a processor may have given the frame other strings
    if (bound?.actors === actors) return bound;
    const none = new Uint32Array(actors.count);
    return { owners: none, logins: none, paths: none };
  };

  const learnPaths = ({ actors }: Frame, texts: readonly string[], cgroups: Uint32Array): void => {
    for (let actor = 0; actor < actors.count; actor++) {
      const path = texts[cgroups[actor]! - 1];
      const number = actors.cgroupIdHi[actor]! * 0x1_0000_0000 + actors.cgroupIdLo[actor]!;
      if (path !== undefined && number !== 0 && known.get(number)?.info.path !== path) known.put(number, path);
    }
  };

  return {
    bind(frame, { texts, owners, logins, cgroups }) {
      if (owners.length !== frame.actors.count) throw new CaptureError('a frame has more or fewer actors than names');
      bound = undefined;
      const more = texts.reduce((sum, text) => sum + text.length, 0);
      if (idOfText.size + texts.length > MAX_TEXTS || characters + more > MAX_CHARACTERS) {
        for (const id of idOfText.values()) pool.release(id);
        idOfText.clear();
        characters = 0;
      }
      const ids = [0, ...texts.map(idOf)];
      const places = (column: Uint32Array): Uint32Array => column.map((place) => ids[place]!);
      bound = { actors: frame.actors, owners: places(owners), logins: places(logins), paths: places(cgroups) };
      learnPaths(frame, texts, cgroups);
    },
    users: {
      start: async () => {},
      resolve: (frame) => ({ owners: of(frame).owners, logins: of(frame).logins, missing: [] }),
      fetch: async () => {},
      lookup: async () => undefined,
      ownerSource: pool.sources[attributeName.processOwner],
      loginSource: pool.sources[attributeName.loginUserName],
      get size() {
        return idOfText.size;
      },
    },
    cgroups: {
      start: async () => false,
      absorb: (frame) =>
        readCgroupRecords(frame, {
          made: (number, path, pid) => tell('made', known.put(number, path)?.info, pid),
          gone: (number, pid) => tell('gone', known.bury(number), pid),
          attached: (number, pid) => tell('attached', known.get(number)?.info, pid),
        }),
      resolve: (frame) => ({ paths: of(frame).paths, missing: [] }),
      fetch: async () => {},
      info: (id) => known.get(Number(id))?.info,
      path: (id) => known.get(Number(id))?.info.path,
      living: () => known.living().map(({ info }) => info),
      onChange(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      source: pool.sources[attributeName.processLinuxCgroup],
      get version() {
        return known.version;
      },
      get size() {
        return known.size;
      },
      refused: 0,
    },
  };
};
