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
  readonly labels?: Readonly<Record<string, string>>;
  readonly podUid?: string;
  readonly podNamespace?: string;
  readonly podName?: string;
  readonly podContainerName?: string;
};

export type Container = {
  readonly id: string;
  readonly identity: CgroupIdentity;
  /** Undefined: not read yet, or not to be had. */
  readonly state: ContainerState | undefined;
  /** Attributes of the resource, without those of the host; a new list when they change. */
  readonly attributes: readonly Attribute[];
};

/** A cgroup of which it is not known yet what it is, and a process that was in it. */
export type ContainerQuestion = { readonly cgroupId: bigint; readonly pid: number };

/** By actor: a number of the container, 0 = of none or not known. */
export type ContainerIds = { readonly containers: Uint32Array; readonly missing: readonly ContainerQuestion[] };

export type Containers = {
  /** Looks for the runtimes of this host. */
  start(): Promise<void>;
  /** Valid until the cache changes (`version`). */
  resolve(frame: Frame): ContainerIds;
  /** Learns; never rejects. What fails is asked for again later, each time a longer while. */
  fetch(questions: readonly ContainerQuestion[]): Promise<void>;
  /** By the number of a cgroup as records have it; undefined: of none, or not known. */
  ofCgroup(cgroupId: bigint): Container | undefined;
  /** By a number that `resolve` gave. */
  container(id: number): Container | undefined;
  /** `attributes` behind those of `base`, whose names give way; one object for equal ones. */
  resourceOf(container: Container, base: BatchResource): BatchResource;
  /** `ringtail.container` by actor: true of a container, false where the cgroup is known and is none, absent where it is not known. */
  readonly source: AttributeSource;
  /** Ids in `source`. */
  flags(frame: Frame): Uint32Array;
  readonly version: number;
  readonly size: number;
};
