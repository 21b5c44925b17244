/** What is known of containers: who they are by their cgroup, and what their runtime says of them. */
import type { Attribute, AttributeSource, BatchResource, Frame } from '../../core/batch.ts';

export const containerRuntimes = ['docker', 'containerd', 'cri-o', 'podman', 'lxc', 'systemd-nspawn', 'runc', 'crun'] as const;
export type ContainerRuntime = (typeof containerRuntimes)[number];
export const qosClasses = ['guaranteed', 'burstable', 'besteffort'] as const;
export type QosClass = (typeof qosClasses)[number];

/** What the path of a cgroup says by itself. */
export type CgroupIdentity = {
  /** Whole, as the runtime writes it: 64 hex digits of most, a name of lxc, systemd-nspawn, runc and crun. Undefined: a pod or a unit, and no container. */
  readonly containerId?: string;
  /** Undefined: the path does not tell. */
  readonly runtime?: ContainerRuntime;
  readonly podUid?: string;
  readonly qos?: QosClass;
  /** A unit of systemd that is no container: `nginx.service`. */
  readonly unit?: string;
};

/** What a runtime leaves on disk. Texts are valid and free of control characters. */
export type ContainerState = {
  readonly runtime?: ContainerRuntime;
  readonly name?: string;
  readonly imageName?: string;
  readonly imageTags?: readonly string[];
  /** Those that somebody asks for. */
  readonly labels?: ReadonlyMap<string, string>;
  readonly podUid?: string;
  readonly podNamespace?: string;
  readonly podName?: string;
  readonly podContainerName?: string;
};

/** A container; or the pod or unit that a cgroup belongs to which is no container. Immutable: another object when something changed. */
export type Container = {
  /** Undefined: a pod or a unit. */
  readonly id: string | undefined;
  readonly identity: CgroupIdentity;
  /** Undefined: not read yet, or not to be had. */
  readonly state: ContainerState | undefined;
  /** Attributes of the resource, without labels and service.name and without those of the host. */
  readonly attributes: readonly Attribute[];
};

/** A cgroup of which it is not known yet what it is, and a process that was in it. */
export type ContainerQuestion = { readonly cgroupId: bigint; readonly pid: number };

/** By actor: a number of the container, pod or unit, 0 = of none or not known. */
export type ContainerIds = { readonly containers: Uint32Array; readonly missing: readonly ContainerQuestion[] };

/** Folders of runtimes, absolute paths on the host. Containers of systemd-nspawn have all in their name. */
export type ContainerFolders = Readonly<Record<Exclude<ContainerRuntime, 'systemd-nspawn'>, readonly string[]>>;

/** What somebody wants to know of containers. */
export type ContainerNeeds = {
  readonly folders: ContainerFolders;
  /** Whether a label is of use. */
  wantsLabel(key: string): boolean;
};

export type Containers = {
  /** Looks at the containers that are there already, for 200 ms at the most. */
  start(): Promise<void>;
  /** Without it nothing is read from disk. Several are served together. Returns a function that takes it back. */
  claim(needs: ContainerNeeds): () => void;
  /** Valid until the cache changes (`version`). */
  resolve(frame: Frame): ContainerIds;
  /** Learns; never rejects. What fails is asked for again later, each time a longer while. */
  fetch(questions: readonly ContainerQuestion[]): Promise<void>;
  /** By the number of a cgroup as records have it; undefined: of none, or not known. What is not known is looked for meanwhile. */
  ofCgroup(cgroupId: bigint | number): Container | undefined;
  /** By a number that `resolve` gave. */
  container(id: number): Container | undefined;
  /** `attributes` behind those of `base`, whose names give way; one object for equal ones. */
  resourceOf(attributes: readonly Attribute[], base: BatchResource): BatchResource;
  /** `ringtail.container`: true of a container, false where the cgroup is known and is none, absent where it is not known. */
  readonly source: AttributeSource;
  /** Ids in `source` by actor. */
  flags(frame: Frame): Uint32Array;
  /** The same by the number of a cgroup. */
  flagOf(cgroupId: number): number;
  readonly version: number;
  readonly size: number;
};
