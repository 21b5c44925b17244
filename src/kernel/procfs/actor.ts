import { stat } from 'node:fs/promises';
import type { ActorInput } from '../../core/frame-builder.ts';
import { headFlag } from '../layouts.gen.ts';
import { cgroupNumber } from '../cgroups/number.ts';
import { findHierarchies, type Hierarchies } from './mounts.ts';
import type { CgroupPaths } from './process.ts';
import type { SeenProcess } from './snapshot.ts';

/** Distinct cgroups that processes are in at one time. */
const MAX_CGROUP_IDS = 20_000;
const UNSET_LOGIN_UID = 0xffff_ffff;

/** Makes the actor of a record from what procfs tells about a process. */
export type ActorMaker = {
  /** Asks for the number of the cgroup that it is in; the next `actorOf` knows it. Finds out where cgroups are mounted when it is called first. */
  learnCgroup(process: SeenProcess): Promise<void>;
  /** Of a process whose status could be read. `parent`: undefined when it is not known. */
  actorOf(process: SeenProcess, parent: SeenProcess | undefined): ActorInput;
};

type Place = { readonly hierarchy: number; readonly folder: string };

/** Where a process is, as the kernel side tells it: in v2, and when it is in its root in the v1 hierarchy that counts; or the other way round. */
const placeOf = ({ unified: top, legacy }: Hierarchies, { unified, v1 }: CgroupPaths): Place | undefined => {
  const inV2 = top !== undefined && unified !== undefined ? { hierarchy: 0, folder: `${top}${unified}` } : undefined;
  if (legacy === undefined || (inV2 !== undefined && unified !== '/' && !legacy.isFirst)) return inV2;
  for (const [controllers, path] of v1) {
    if (!controllers.split(',').includes(legacy.controller)) continue;
    return inV2 !== undefined && unified !== '/' && path === '/' ? inV2 : { hierarchy: legacy.number, folder: `${legacy.place}${path}` };
  }
  return inV2;
};

/** `root`: prefix of /proc and of the mounts. */
export const createActorMaker = (root: string): ActorMaker => {
  const cgroupIds = new Map<string, bigint>();
  let hierarchies: Hierarchies = { unified: undefined, legacy: undefined };
  const placeIn = (cgroups: CgroupPaths | undefined): Place | undefined =>
    cgroups === undefined ? undefined : placeOf(hierarchies, cgroups);

  return {
    /** The number of a cgroup in its hierarchy is the inode of its directory. */
    async learnCgroup({ facts }) {
      if (hierarchies.unified === undefined && hierarchies.legacy === undefined) hierarchies = await findHierarchies(root);
      const place = placeIn(facts.cgroups);
      if (place === undefined || cgroupIds.has(place.folder)) return;
      if (cgroupIds.size >= MAX_CGROUP_IDS) cgroupIds.clear();
      try {
        const { ino } = await stat(`${root}${place.folder}`);
        cgroupIds.set(place.folder, BigInt(cgroupNumber(place.hierarchy, ino)));
      } catch {
        // Gone, or of another cgroup namespace: the id stays unknown.
      }
    },
    actorOf({ facts, execId }, parent) {
      const { pid, ppid, startNs, comm, kernelThread } = facts.stat;
      const { uid, euid, namespacePids } = facts.status!;
      return {
        pid,
        ppid,
        execId,
        startNs,
        parentStartNs: parent?.facts.stat.startNs ?? 0n,
        parentExecId: parent?.execId ?? 0,
        cgroupId: cgroupIds.get(placeIn(facts.cgroups)?.folder ?? '') ?? 0n,
        uid,
        euid,
        loginUid: facts.loginUid ?? UNSET_LOGIN_UID,
        vpid: namespacePids.at(-1)!,
        flags: (kernelThread ? headFlag.kernelThread : 0) | (namespacePids.length > 1 ? headFlag.nestedPidNs : 0),
        comm,
      };
    },
  };
};
