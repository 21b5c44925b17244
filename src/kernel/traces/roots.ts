/** Which programs begin a trace. */
import { globMatches } from '../../core/glob.ts';
import type { Cgroups } from '../cgroup-types.ts';
import type { Containers } from '../containers/types.ts';
import type { Users } from '../users.ts';
import type { RunningProgram } from '../procfs/traceparent.ts';
import type { Beginning, Candidate } from './forest.ts';

export type RootRules = {
  /** Names of executables, or whole paths; `*` and `?` stand for others. */
  readonly executables: readonly string[];
  /** Paths of cgroups: all that runs in one or below it is one trace. */
  readonly cgroups: readonly string[];
  /** Names or ids of containers, with `*` and `?`: each container is a trace. */
  readonly containers: readonly string[];
  /** Each leader of a session that runs a program: logins, cron jobs, daemons. */
  readonly sessions: boolean;
  /** Names or numbers. */
  readonly users: readonly string[];
  readonly pids: readonly number[];
  /** All that runs is one trace. */
  readonly host: boolean;
};

export const NO_ROOTS: RootRules = { executables: [], cgroups: [], containers: [], sessions: false, users: [], pids: [], host: false };

export type RootLookups = {
  readonly cgroups: Pick<Cgroups, 'path'>;
  readonly containers: Pick<Containers, 'resolve' | 'container'>;
  readonly users: Pick<Users, 'resolve' | 'ownerSource'>;
};

type Root = Pick<Beginning, 'key'>;
export type RootMatcher = (candidate: Candidate) => Root | undefined;
const ALONE: Root = {};
const NO_PATH = new Uint8Array(0);
const decoder = new TextDecoder();

/** Key of the tree of the whole host. */
export const HOST_KEY = 'host';

const isExecutable = (comm: Uint8Array, rawPath: Uint8Array, patterns: readonly string[]): boolean => {
  if (patterns.length === 0) return false;
  const path = decoder.decode(rawPath);
  const names = [path.slice(path.lastIndexOf('/') + 1), decoder.decode(comm)];
  return patterns.some((pattern) =>
    pattern.includes('/') ? globMatches(pattern, path) : names.some((name) => globMatches(pattern, name)),
  );
};

/** By what a program is, and not by where it runs. */
export const isNamedRoot = ({ pids, executables }: RootRules, { pid, comm, path }: RunningProgram): boolean =>
  pids.includes(pid) || isExecutable(comm, path, executables);

const isInCgroup = (path: string, cgroup: string): boolean => cgroup === '/' || path === cgroup || path.startsWith(`${cgroup}/`);

/** Undefined: a program begins none. Cgroups, containers and the host bring programs together; the first that matches counts. */
export const createRootMatcher = (rules: RootRules, { cgroups, containers, users }: RootLookups): RootMatcher => {
  const ofCgroup = ({ actor }: Candidate): Root | undefined => {
    if (rules.cgroups.length === 0) return undefined;
    const path = cgroups.path(actor.cgroupId);
    const meant = path === undefined ? undefined : rules.cgroups.find((cgroup) => isInCgroup(path, cgroup));
    return meant === undefined ? undefined : { key: `cgroup ${meant}` };
  };
  const ofContainer = ({ frame, index }: Candidate): Root | undefined => {
    if (rules.containers.length === 0) return undefined;
    const container = containers.container(containers.resolve(frame).containers[index]!);
    const id = container?.id;
    if (id === undefined) return undefined;
    const names = [id, container?.state?.name, container?.state?.podContainerName].filter((name) => name !== undefined);
    const isMeant = rules.containers.some((pattern) => id.startsWith(pattern) || names.some((name) => globMatches(pattern, name)));
    return isMeant ? { key: `container ${id}` } : undefined;
  };
  // of what runs already these would make trees of every daemon
  const isUser = ({ actor, frame, index, isRunning }: Candidate): boolean => {
    if (rules.users.length === 0 || isRunning === true) return false;
    const owner = users.resolve(frame).owners[index]!;
    const name = owner === 0 ? undefined : users.ownerSource.entries(owner)[0]?.[1];
    return rules.users.some((user) => user === String(actor.euid) || user === name);
  };
  return (candidate) => {
    const { actor, exec } = candidate;
    const isAlone =
      isNamedRoot(rules, { pid: actor.pid, comm: actor.comm, path: exec?.path ?? NO_PATH }) ||
      (rules.sessions && candidate.isRunning !== true && exec?.sessionLeaderPid === actor.pid) ||
      isUser(candidate);
    return ofContainer(candidate) ?? ofCgroup(candidate) ?? (isAlone ? ALONE : rules.host ? { key: HOST_KEY } : undefined);
  };
}; // prettier-ignore
