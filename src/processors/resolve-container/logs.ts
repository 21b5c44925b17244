/** Gives the rows of a batch the resource of their container. */
import { withActorAttributes } from '../../core/actor-attributes.ts';
import { NO_ACTOR, resourceOfRow, rowsOf, type Attribute, type Batch, type BatchResource, type Frame } from '../../core/batch.ts';
import type { Containers } from '../../kernel/containers/types.ts';
import type { KernelLookups } from '../../kernel/service-types.ts';
import type { Tell } from './tell.ts';

type Column = Uint32Array;

/** Resources by number, those of one frame. */
const createList = () => {
  const list: (BatchResource | undefined)[] = [undefined];
  const numbers = new Map<BatchResource, number>();
  return {
    list,
    add(resource: BatchResource): number {
      let number = numbers.get(resource);
      if (number === undefined) numbers.set(resource, (number = list.push(resource) - 1));
      return number;
    },
  };
};
type List = ReturnType<typeof createList>;

type OfFrame = {
  readonly actors: Frame['actors'];
  readonly version: number;
  readonly base: BatchResource;
  readonly ofActors: Column;
  readonly list: List;
};

/** Attributes by actor; undefined for one without. */
export type ActorTell = (frame: Frame, lookups: KernelLookups) => (actor: number) => readonly Attribute[] | undefined;

/** Of the kind itself, as sessions have it: the socket's. */
const cgroupColumnsOf = ({ columns }: Batch): readonly [lo: Column, hi: Column] | undefined => {
  const [lo, hi] = [columns['cgroupIdLo'], columns['cgroupIdHi']];
  return lo === undefined || hi === undefined ? undefined : [lo, hi];
};

export type LogsOptions = {
  readonly host: BatchResource;
  readonly tell: Tell;
  readonly ofActor: ActorTell;
  /** What is told by actor changed. */
  readonly version: (lookups: KernelLookups) => number;
};

export const createLogs = ({ host, tell, ofActor, version }: LogsOptions): ((batch: Batch, lookups: KernelLookups) => Batch) => {
  let memo: OfFrame | undefined;

  /** Once a frame, for all batches with one resource. */
  const ofFrame = (frame: Frame, lookups: KernelLookups, base: BatchResource): OfFrame => {
    const now = version(lookups);
    if (memo !== undefined && memo.actors === frame.actors && memo.version === now && memo.base === base) return memo;
    const list = createList();
    const attributesOf = ofActor(frame, lookups);
    const ofActors = new Uint32Array(frame.actors.count);
    for (let actor = 0; actor < ofActors.length; actor++) {
      const attributes = attributesOf(actor);
      if (attributes !== undefined && attributes.length > 0) ofActors[actor] = list.add(lookups.containers.resourceOf(attributes, base));
    }
    memo = { actors: frame.actors, version: version(lookups), base, ofActors, list };
    return memo;
  };

  const ofCgroup = (containers: Containers, number: number): readonly Attribute[] => {
    const container = containers.ofCgroup(number);
    return container === undefined ? [] : tell(container);
  };

  const withResources = (batch: Batch, lookups: KernelLookups): Batch => {
    const { frame, actor, rows, selection } = batch;
    const { containers } = lookups;
    const { ofActors, list } = ofFrame(frame, lookups, batch.resource ?? host);
    const cgroups = cgroupColumnsOf(batch);
    const hasOwn = cgroups !== undefined && actor.includes(NO_ACTOR);
    if (list.list.length === 1 && !hasOwn) return batch;
    const ids = new Uint32Array(rows);
    const earlier = batch.rowResources;
    for (let i = 0; i < rowsOf(batch); i++) {
      const row = selection?.[i] ?? i;
      const who = actor[row]!;
      if (who !== NO_ACTOR && earlier === undefined) {
        ids[row] = ofActors[who]!;
        continue;
      }
      const before = resourceOfRow(batch, row);
      const attributes =
        who !== NO_ACTOR
          ? list.list[ofActors[who]!] && ofActor(frame, lookups)(who)
          : hasOwn
            ? ofCgroup(containers, cgroups[1][row]! * 0x1_0000_0000 + cgroups[0][row]!)
            : undefined;
      const resource = attributes === undefined || attributes.length === 0 ? before : containers.resourceOf(attributes, before ?? host);
      ids[row] = resource === undefined || resource === batch.resource ? 0 : list.add(resource);
    }
    return { ...batch, rowResources: { ids, list: list.list } };
  };

  /** Rows without an actor have the cgroup of their socket. */
  const withRowFlags = (batch: Batch, { containers }: KernelLookups): Batch => {
    const cgroups = cgroupColumnsOf(batch);
    if (cgroups === undefined || !batch.actor.includes(NO_ACTOR) || batch.rowAttributes.some(({ source }) => source === containers.source))
      return batch;
    const ids = new Uint32Array(batch.rows);
    for (let row = 0; row < batch.rows; row++)
      if (batch.actor[row] === NO_ACTOR) ids[row] = containers.flagOf(cgroups[1][row]! * 0x1_0000_0000 + cgroups[0][row]!);
    return { ...batch, rowAttributes: [...batch.rowAttributes, { source: containers.source, ids }] };
  };

  return (batch, lookups) => {
    const { containers } = lookups;
    const flagged = withActorAttributes(batch, { source: containers.source, ids: containers.flags(batch.frame) });
    return withResources(withRowFlags(flagged, lookups), lookups);
  };
};
