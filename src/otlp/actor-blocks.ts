/**
 * The attributes of actors in the request that is being written. A block is what one actor has: its ids and creation time, then a run
 * that many actors share (comm, cgroup, executable, user). Each block is encoded once a frame and request and each run once, too; after
 * that they are copied from where they stand in the request.
 */
import { actorsOf, type Actors, type AttributeColumn, type AttributeSource, type Batch, type Frame } from '../core/batch.ts';
import { headLayoutOf, putIdentity, putTraits, traitKey, traitsBound, TRAIT_WORDS } from './actor-head.ts';
import { stringsOf, type Strings } from './attribute-templates.ts';
import { copyWithin } from './copy.ts';
import { usOfNs } from './iso-time.ts';
import type { Output } from './output.ts';

/** Room to remember this many blocks at first; it grows to the most actors that a frame has had, which is at most its rows. */
const FIRST_BLOCKS = 1024;
/** Runs that are remembered: programs times users times cgroups of one frame. One that falls on the place of another takes it. */
const RUN_PLACES = 1024;

export type ActorBlocks = {
  /** Points at a batch; keeps what is remembered when the frame and the sources are the same as before. Returns the strings of the frame. */
  bind(batch: Batch, offsetLo: number, offsetHi: number): Strings;
  /** Lets go of the batch. */
  unbind(): void;
  /** What stands in the output is not there any more. */
  forget(): void;
  /** Most bytes that `put` writes and spoils for this actor. */
  bound(actor: number): number;
  /** Writes the block of the actor that `bound` was called with last; returns the position behind it. */
  put(actor: number, at: number): number;
};

const NO_ACTORS = actorsOf(0, () => new Uint32Array(0));
const NO_STRINGS = {} as Strings;

export const createActorBlocks = (output: Output): ActorBlocks => {
  let actors: Actors = NO_ACTORS;
  let strings: Strings = NO_STRINGS;
  let columns: readonly AttributeColumn[] = [];
  let offsetLo = 0;
  let offsetHi = 0;
  let layout = headLayoutOf(undefined);

  // What is remembered counts for as long as its epoch is the epoch: the same request, frame and sources.
  let epoch = 1;
  let lastFrame: WeakRef<Frame> | undefined;
  let lastSequence = -1;
  let sources: readonly AttributeSource[] = [];

  let blockEpoch = new Uint32Array(FIRST_BLOCKS);
  let blockAt = new Uint32Array(FIRST_BLOCKS);
  let blockLength = new Uint32Array(FIRST_BLOCKS);
  /** The ids of the added columns, one behind the other for each actor. */
  let blockIds = new Uint32Array(0);

  let keyWords = TRAIT_WORDS;
  let key = new Uint32Array(keyWords);
  let runKeys = new Uint32Array(RUN_PLACES * keyWords);
  const runEpoch = new Uint32Array(RUN_PLACES);
  const runAt = new Uint32Array(RUN_PLACES);
  const runLength = new Uint32Array(RUN_PLACES);

  // What `bound` found.
  let isKnownBlock = false;
  let isKnownRun = false;
  let place = 0;

  const isRemembered = (actor: number): boolean => {
    if (blockEpoch[actor] !== epoch) return false;
    const count = columns.length;
    for (let i = 0; i < count; i++) if (blockIds[actor * count + i] !== columns[i]!.ids[actor]) return false;
    return true;
  };

  /** Finds the run of an actor, or the place for it. */
  const findRun = (actor: number): void => {
    traitKey(key, actors, actor);
    for (let i = 0; i < columns.length; i++) {
      const { source, ids } = columns[i]!;
      const id = ids[actor]!;
      key[TRAIT_WORDS + i] = id === 0 || source.sharedBy === undefined ? id : source.sharedBy(id);
    }
    let hash = 0;
    for (let i = 0; i < keyWords; i++) hash = Math.imul(hash ^ key[i]!, 0x9e37_79b1) ^ (hash >>> 15);
    place = (hash ^ (hash >>> 16)) & (RUN_PLACES - 1);
    const base = place * keyWords;
    isKnownRun = runEpoch[place] === epoch;
    for (let i = 0; i < keyWords && isKnownRun; i++) isKnownRun = runKeys[base + i] === key[i];
  };

  const createdUs = (actor: number): number => {
    for (let i = 0; i < columns.length; i++) {
      const { source, ids } = columns[i]!;
      if (source.createdUs !== undefined && ids[actor] !== 0) return source.createdUs(ids[actor]!);
    }
    const lo = actors.startNsLo[actor]! + offsetLo;
    return usOfNs(lo >>> 0, (actors.startNsHi[actor]! + offsetHi + (lo > 0xffff_ffff ? 1 : 0)) >>> 0);
  };

  const putRun = (actor: number, start: number): number => {
    let at = putTraits(output.bytes, output.view, start, layout, actors, actor, strings);
    for (let i = 0; i < columns.length; i++) {
      const { source, ids } = columns[i]!;
      if (ids[actor] !== 0) at = source.write(ids[actor]!, output.bytes, at);
    }
    runKeys.set(key, place * keyWords);
    runEpoch[place] = epoch;
    runAt[place] = start;
    runLength[place] = at - start;
    return at;
  };

  return {
    bind(batch, lo, hi) {
      const { frame, actorAttributes, omitted } = batch;
      const lastLayout = layout;
      layout = headLayoutOf(omitted);
      actors = frame.actors;
      const { count } = actors;
      strings = stringsOf(frame.strings);
      columns = actorAttributes;
      offsetLo = lo;
      offsetHi = hi;
      const isSame =
        lastFrame?.deref() === frame &&
        frame.sequence === lastSequence &&
        layout === lastLayout &&
        columns.length === sources.length &&
        columns.every(({ source }, column) => source === sources[column]);
      if (isSame) return strings;
      epoch++;
      lastFrame = new WeakRef(frame);
      lastSequence = frame.sequence;
      sources = columns.map(({ source }) => source);
      if (count > blockEpoch.length) {
        const size = 2 ** Math.ceil(Math.log2(count));
        blockEpoch = new Uint32Array(size);
        blockAt = new Uint32Array(size);
        blockLength = new Uint32Array(size);
      }
      if (blockIds.length < blockEpoch.length * columns.length) blockIds = new Uint32Array(blockEpoch.length * columns.length);
      if (keyWords !== TRAIT_WORDS + columns.length) {
        keyWords = TRAIT_WORDS + columns.length;
        key = new Uint32Array(keyWords);
        runKeys = new Uint32Array(RUN_PLACES * keyWords);
      }
      return strings;
    },
    unbind() {
      actors = NO_ACTORS;
      strings = NO_STRINGS;
      columns = [];
    },
    forget: () => void epoch++,
    bound(actor) {
      isKnownBlock = isRemembered(actor);
      if (isKnownBlock) return blockLength[actor]!;
      findRun(actor);
      if (isKnownRun) return layout.identityBound + runLength[place]!;
      let bytes = layout.identityBound + traitsBound(actors, strings, actor);
      for (let i = 0; i < columns.length; i++) {
        const { source, ids } = columns[i]!;
        if (ids[actor] !== 0) bytes += source.size(ids[actor]!);
      }
      return bytes;
    },
    put(actor, start) {
      const { bytes, view } = output;
      if (isKnownBlock) return copyWithin(bytes, view, start, blockAt[actor]!, blockLength[actor]!);
      let at = putIdentity(bytes, view, start, layout, actors, actor, createdUs(actor));
      at = isKnownRun ? copyWithin(bytes, view, at, runAt[place]!, runLength[place]!) : putRun(actor, at);
      const count = columns.length;
      for (let i = 0; i < count; i++) blockIds[actor * count + i] = columns[i]!.ids[actor]!;
      blockEpoch[actor] = epoch;
      blockAt[actor] = start;
      blockLength[actor] = at - start;
      return at;
    },
  };
};
