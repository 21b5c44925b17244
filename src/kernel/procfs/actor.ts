import { stat } from 'node:fs/promises';
import type { ActorInput } from '../../core/frame-builder.ts';
import { headFlag } from '../layouts.gen.ts';
import { cgroup2Mount } from './mounts.ts';
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

/** `root`: prefix of /proc and of the mounts. */
export const createActorMaker = (root: string): ActorMaker => {
  const cgroupIds = new Map<string, bigint>();
  let mount: string | undefined;

  return {
    /** The id of a v2 cgroup is the inode of its directory. */
    async learnCgroup({ facts }) {
      mount ??= await cgroup2Mount(root);
      const path = facts.cgroups?.unified;
      if (path === undefined || mount === undefined || cgroupIds.has(path)) return;
      if (cgroupIds.size >= MAX_CGROUP_IDS) cgroupIds.clear();
      try {
        cgroupIds.set(path, (await stat(`${root}${mount}${path}`, { bigint: true })).ino);
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
        cgroupId: cgroupIds.get(facts.cgroups?.unified ?? '') ?? 0n,
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
