/** What rules ask of the acting processes of a frame, read once an actor and only as far as some rule asks. */
import type { AttributeSource, Frame } from '../../core/batch.ts';
import { headFlag, pathFlag } from '../../kernel/layouts.gen.ts';
import type { KernelLookups } from '../../kernel/service-types.ts';
import { bytesOfString } from '../../otlp/log-text.ts';
import type { Who, WhoField } from './compiled-rules.ts';
import { createIdMemo } from '../../core/id-memo.ts';

const NONE = new Uint32Array(0);
const utf8 = new TextEncoder();

/** The last of the ids that runtimes put into names of cgroups: `docker-<id>.scope`, `/kubepods/.../<id>`. */
export const containerOf = (cgroup: string): string | undefined =>
  cgroup
    .split('/')
    .map((part) => /(?:^|[-:])([0-9a-f]{64})(?:\.scope)?$/.exec(part)?.[1])
    .findLast((id) => id !== undefined);

export type WhoReader = {
  /** Points at the actors of a frame, and at who knows them. */
  open(frame: Frame, lookups: KernelLookups): void;
  /** Valid until the next `open`. */
  of(actor: number): Who;
};

type Cgroup = { readonly path: Uint8Array; readonly container: Uint8Array | undefined };

export const createWhoReader = (asked: ReadonlySet<WhoField>): WhoReader => {
  let frame!: Frame;
  let processes!: KernelLookups['processes'];
  let users!: KernelLookups['users'];
  let cgroups!: KernelLookups['cgroups'];
  let slots: Uint32Array = NONE;
  let parents: Uint32Array = NONE;
  let owners: Uint32Array = NONE;
  let paths: Uint32Array = NONE;
  const known = createIdMemo<Who>();
  const userOfId = new Map<number, Uint8Array | undefined>();
  const cgroupOfId = new Map<number, Cgroup | undefined>();

  const textOf = (source: AttributeSource, id: number): string | undefined => {
    const text = source.entries(id)[0]?.[1];
    return typeof text === 'string' ? text : undefined;
  };
  const executableOf = (slot: number | undefined): Uint8Array | undefined => {
    const facts = slot === undefined || slot === 0 ? undefined : processes.executable(slot);
    return facts === undefined || (facts.flags & pathFlag.truncated) !== 0 ? undefined : facts.bytes;
  };
  const userOf = (id: number | undefined): Uint8Array | undefined => {
    if (id === undefined || id === 0) return undefined;
    if (!userOfId.has(id)) {
      const name = textOf(users.ownerSource, id);
      userOfId.set(id, name === undefined ? undefined : utf8.encode(name));
    }
    return userOfId.get(id);
  };
  const cgroupOf = (id: number | undefined): Cgroup | undefined => {
    if (id === undefined || id === 0) return undefined;
    if (!cgroupOfId.has(id)) {
      const path = textOf(cgroups.source, id);
      const container = path === undefined ? undefined : containerOf(path);
      cgroupOfId.set(
        id,
        path === undefined
          ? undefined
          : { path: utf8.encode(path), container: container === undefined ? undefined : utf8.encode(container) },
      );
    }
    return cgroupOfId.get(id);
  };

  const read = (actor: number): Who => {
    const { actors } = frame;
    const flags = actors.flags[actor]!;
    const cgroup = cgroupOf(paths[actor]);
    return {
      comm: bytesOfString(frame, actors.comm[actor]!),
      executable: executableOf(slots[actor]),
      user: userOf(owners[actor]),
      uid: actors.euid[actor]!,
      pid: actors.pid[actor]!,
      parent: executableOf(parents[actor]),
      parentPid: actors.ppid[actor]!,
      cgroup: cgroup?.path,
      container: cgroup?.container,
      kernelThread: (flags & headFlag.kernelThread) !== 0,
      nestedPidNamespace: (flags & headFlag.nestedPidNs) !== 0,
    };
  };

  return {
    open(next, lookups) {
      frame = next;
      ({ processes, users, cgroups } = lookups);
      slots = asked.has('executable') ? processes.resolve(frame) : NONE;
      parents = asked.has('parent') ? processes.resolveParents(frame) : NONE;
      owners = asked.has('user') ? users.resolve(frame).owners : NONE;
      paths = asked.has('cgroup') || asked.has('container') ? cgroups.resolve(frame).paths : NONE;
      known.open(frame.actors.count);
      userOfId.clear();
      cgroupOfId.clear();
    },
    of(actor) {
      let who = known.get(actor);
      if (who === undefined) known.set(actor, (who = read(actor)));
      return who;
    },
  };
};
