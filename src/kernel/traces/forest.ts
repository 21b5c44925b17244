/**
 * Which process belongs to which tree. A process belongs to the tree of the one that forked it, whoever adopts it later; a program that matches a rule and
 * belongs to none begins a tree. What a tree is made of is told when it ends: each program a span, below the one that ran before in its process, or
 * below the one that forked it.
 */
import { LRUCache } from 'lru-cache';
import type { SpanEvent } from '../../core/batch.ts';
import type { ActorInput } from '../../core/frame-builder.ts';
import { SPAN_ID_BYTES } from '../../core/spans.ts';
import type { KernelFrame } from '../frames.ts';
import { headFlag } from '../layouts.gen.ts';
import type { TraceIds } from './ids.ts';
import { createMembers, MAX_PROCESSES, type Member, type OpenTree, type Program } from './members.ts';
import { actorKey, actorOf, execFactsOf, lifeRecordsOf, numberOf, processKey, wideOf, type LifeRecord } from './records.ts';
import type { ExecFacts, ProcessEnd, ProcessSpan, ProgramIdentity, RemoteParent, SpanPlace, Tree } from './types.ts';

/** Programs that ended and are still found: their sessions end after them. */
const MAX_ENDED = 32_768;

/** What a program that may begin a tree looks like. */
export type Candidate = {
  readonly actor: ReturnType<typeof actorOf>;
  readonly exec: ExecFacts | undefined;
  readonly frame: KernelFrame;
  readonly index: number;
  /** It ran before anybody looked. */
  readonly isRunning?: boolean;
};

/** How a tree begins; `key`: programs of one key belong to one tree, the first of them is its root. */
export type Beginning = {
  readonly owner: string;
  readonly key?: string | undefined;
  readonly remote?: RemoteParent | undefined;
  /** Ids that were given out before it began, instead of its own. */
  readonly traceId?: Uint8Array | undefined;
  readonly rootId?: Uint8Array | undefined;
};

export type ForestOptions = {
  readonly ids: TraceIds;
  /** Whether a program that belongs to no tree begins one. */
  readonly begins: (candidate: Candidate) => Beginning | undefined;
  /** Whether a program that would belong to this tree begins one of its own. */
  readonly leaves?: (candidate: Candidate, tree: Tree) => Beginning | undefined;
  readonly onSpan: (span: ProcessSpan) => void;
  /** A tree begins; before anything is told of it. */
  readonly onTree?: (tree: Tree) => void;
  /** Nothing of the tree runs any more. */
  readonly onTreeEnd?: (tree: Tree) => void;
  /** A process of it was forgotten: neither it nor what it runs from now on is told. */
  readonly onForget?: (tree: Tree) => void;
  readonly maxProcesses?: number;
  /** Most events that a span keeps. */
  readonly maxEvents?: number;
};

/** Something that a program did, for its span. Boot time, ns. */
export type ProgramEvent = {
  readonly atNs: bigint;
  readonly program: ProgramIdentity;
  /** Called only for what is told. */ read(): SpanEvent;
};

export type ForestStats = {
  readonly processes: number;
  readonly trees: number;
  /** Processes that were forgotten because there were too many. */ readonly forgotten: number;
};

export type Forest = {
  /** Takes the records of a frame, and what else happened in it, in the order of their times. */
  absorb(frame: KernelFrame, events?: readonly ProgramEvent[]): void;
  /** The span of a program that runs, or ran lately; undefined: it belongs to no tree. */
  find(program: ProgramIdentity): SpanPlace | undefined;
  /** Tells, once each, of programs that began before this (boot time, ns) and still run. */
  mark(beganBeforeNs: bigint, nowNs: bigint): void;
  stats(): ForestStats;
};

const NO_PATH = new Uint8Array(0);
const NO_PARENT = new Uint8Array(SPAN_ID_BYTES);
const programKeyOf = ({ pid, startNs, execId }: ProgramIdentity): string => `${pid}/${startNs}/${execId}`;

export const createForest = (options: ForestOptions): Forest => {
  const {
    ids,
    begins,
    leaves = () => undefined,
    onSpan,
    onTree = () => {},
    onTreeEnd = () => {},
    onForget = () => {},
    maxProcesses = MAX_PROCESSES,
    maxEvents = 0,
  } = options;
  const members = createMembers({ maxProcesses, onTreeEnd, onForget });
  const ended = new LRUCache<string, SpanPlace>({ max: MAX_ENDED });

  const programOf = (identity: ProgramIdentity, parentId: Uint8Array, actor: ActorInput, exec: ExecFacts | undefined, startNs: bigint, path = exec?.path ?? NO_PATH): Program => ({
    identity, spanId: undefined, parentId, actor, exec, path, startNs, events: [], droppedEvents: 0, isParent: false, isMarked: false,
  }); // prettier-ignore
  const spanIdOf = (program: Program): Uint8Array => (program.spanId ??= ids.span(program.identity));

  const tell = ({ open: { tree } }: Member, program: Program, endNs: bigint, end: ProcessEnd): void => {
    const { parentId, actor, exec, path, startNs, events, droppedEvents, identity } = program;
    const spanId = spanIdOf(program);
    ended.set(programKeyOf(identity), { tree, spanId });
    onSpan({ tree, spanId, parentId, actor, exec, path, startNs, endNs: endNs < startNs ? startNs : endNs, end, events, droppedEvents });
  };

  const plant = (beginning: Beginning, { actor, exec }: Candidate, identity: ProgramIdentity, atNs: bigint): Member => {
    const { owner, key, remote, rootId = ids.span(identity) } = beginning;
    const traceId =
      remote?.traceId ?? beginning.traceId ?? (key === undefined ? ids.trace(identity) : ids.traceOf(`${key} ${programKeyOf(identity)}`));
    const tree: Tree = { owner, traceId, remote, rootId, root: identity, beganNs: atNs };
    const open = members.open(tree, key);
    onTree(tree);
    return { open, program: { ...programOf(identity, remote?.spanId ?? NO_PARENT, actor, exec, atNs), spanId: rootId } };
  };

  /** In the tree that is already there, unless it begins its own. */
  const joinTree = (open: OpenTree, parentId: Uint8Array, candidate: Candidate, identity: ProgramIdentity, atNs: bigint): Member => {
    const own = leaves(candidate, open.tree);
    if (own !== undefined) return plant(own, candidate, identity, atNs);
    return { open, program: programOf(identity, parentId, candidate.actor, candidate.exec, atNs) };
  };

  const begin = (candidate: Candidate, identity: ProgramIdentity, atNs: bigint): Member | undefined => {
    const beginning = begins(candidate);
    if (beginning === undefined) return undefined;
    const known = beginning.key === undefined ? undefined : members.treeOf(beginning.key);
    if (known !== undefined) return joinTree(known, known.tree.rootId, candidate, identity, atNs);
    return plant(beginning, candidate, identity, atNs);
  };

  const absorbFork = (frame: KernelFrame, { batch, row, atNs }: LifeRecord): void => {
    const member = members.get(actorKey(frame, batch.actor[row]!));
    const startNs = wideOf(batch, 'childStartNs', row);
    if (member === undefined || startNs === 0n) return;
    const maker = actorOf(frame, batch.actor[row]!);
    const identity = { pid: numberOf(batch, 'childPid', row), startNs, execId: numberOf(batch, 'childExecId', row) };
    const key = processKey(identity.pid, startNs);
    if (members.get(key) !== undefined) return;
    member.program.isParent = true;
    const actor: ActorInput = {
      ...maker,
      pid: identity.pid,
      tid: identity.pid,
      vpid: numberOf(batch, 'childVpid', row) || identity.pid,
      ppid: maker.pid,
      startNs,
      execId: identity.execId,
      parentStartNs: maker.startNs,
      parentExecId: maker.execId,
      flags: numberOf(batch, 'childHeadFlags', row),
    };
    members.enter(key, {
      open: member.open,
      program: programOf(identity, spanIdOf(member.program), actor, undefined, atNs, member.program.path),
    });
  };

  /** Of a process whose fork was not told. */
  const joinParent = (candidate: Candidate, identity: ProgramIdentity, atNs: bigint): Member | undefined => {
    const parent = members.get(processKey(candidate.actor.ppid, candidate.actor.parentStartNs));
    if (parent === undefined) return undefined;
    parent.program.isParent = true;
    return joinTree(parent.open, spanIdOf(parent.program), candidate, identity, atNs);
  };

  const absorbExec = (frame: KernelFrame, { batch, row, atNs }: LifeRecord): void => {
    const index = batch.actor[row]!;
    const actor = actorOf(frame, index);
    const key = processKey(actor.pid, actor.startNs);
    const identity = { pid: actor.pid, startNs: actor.startNs, execId: actor.execId };
    const candidate = { actor, exec: execFactsOf(frame, batch, row), frame, index };
    const member = members.get(key);
    if (member === undefined) {
      const made = joinParent(candidate, identity, atNs) ?? begin(candidate, identity, atNs);
      if (made !== undefined) members.enter(key, made);
      return;
    }
    const { open, program: before } = member;
    if (before.identity.execId === identity.execId && before.exec !== undefined) return; // told twice
    // what only forked and had no time to do anything is the program that it runs then
    const isSame = before.exec === undefined && !before.isParent && before.events.length === 0;
    if (!isSame) tell(member, before, atNs, { how: 'replaced' });
    const next = joinTree(open, isSame ? before.parentId : spanIdOf(before), candidate, identity, atNs);
    if (isSame) ended.set(programKeyOf(before.identity), { tree: next.open.tree, spanId: spanIdOf(next.program) });
    if (next.open === open) member.program = next.program;
    else {
      members.leave(key, member);
      members.enter(key, next);
    }
  };

  /** What ran before has no arguments any more, and began when its process did. */
  const absorbTask = (frame: KernelFrame, { batch, row, atNs }: LifeRecord): void => {
    const index = batch.actor[row]!;
    const actor = actorOf(frame, index);
    const key = processKey(actor.pid, actor.startNs);
    if (members.get(key) !== undefined || (actor.flags & headFlag.kernelThread) !== 0) return;
    const identity = { pid: actor.pid, startNs: actor.startNs, execId: actor.execId };
    const candidate = { actor, exec: execFactsOf(frame, batch, row), frame, index, isRunning: true };
    const made = joinParent(candidate, identity, atNs) ?? begin(candidate, identity, atNs);
    if (made !== undefined) members.enter(key, { ...made, program: { ...made.program, exec: undefined, isParent: true } });
  };

  const absorbExit = (frame: KernelFrame, { batch, row, atNs }: LifeRecord): void => {
    const key = actorKey(frame, batch.actor[row]!);
    const member = members.get(key);
    if (member === undefined) return;
    const signal = numberOf(batch, 'exitSignal', row);
    const end: ProcessEnd = {
      how: 'exit',
      code: numberOf(batch, 'exitCode', row),
      signal,
      coreDumped: numberOf(batch, 'coreDumped', row) !== 0,
    };
    tell(member, member.program, atNs, end);
    members.leave(key, member);
  };

  const absorbers = { fork: absorbFork, exec: absorbExec, exit: absorbExit, task: absorbTask } as const;

  const runningProgram = (program: ProgramIdentity): Member | undefined => {
    const member = members.get(processKey(program.pid, program.startNs));
    return member?.program.identity.execId === program.execId ? member : undefined;
  };

  const addEvent = ({ program, read }: ProgramEvent): void => {
    const member = runningProgram(program);
    if (member === undefined) return;
    if (member.program.events.length < maxEvents) member.program.events.push(read());
    else member.program.droppedEvents++;
  };

  return {
    absorb(frame, events = []) {
      let at = 0;
      const addBefore = (atNs: bigint): void => {
        for (; at < events.length && events[at]!.atNs < atNs; at++) addEvent(events[at]!);
      };
      for (const record of lifeRecordsOf(frame)) {
        addBefore(record.atNs);
        absorbers[record.kind](frame, record);
      }
      for (; at < events.length; at++) addEvent(events[at]!);
    },
    find(program) {
      const member = runningProgram(program);
      if (member === undefined) return ended.get(programKeyOf(program));
      member.program.isParent = true;
      return { tree: member.open.tree, spanId: spanIdOf(member.program) };
    },
    mark(beganBeforeNs, nowNs) {
      for (const { open, program } of members.all()) {
        if (program.isMarked || program.startNs >= beganBeforeNs) continue;
        program.isMarked = true;
        program.isParent = true;
        const { actor, exec, path, startNs, identity } = program;
        onSpan({
          tree: open.tree, spanId: ids.spanOf(identity, 'running'), parentId: spanIdOf(program), actor, exec, path, startNs, endNs: nowNs, end: { how: 'running' }, events: [], droppedEvents: 0,
        }); // prettier-ignore
      }
    },
    stats: members.stats,
  };
};
