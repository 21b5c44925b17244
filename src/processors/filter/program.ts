/**
 * The rules that can match events of some kinds, made ready for batches: who did it is judged once an actor of a frame, a path or address is looked up
 * once a string of a frame; a row then costs what is left.
 */
import { NO_ACTOR, type Actors, type Frame, type StringTable } from '../../core/batch.ts';
import type { KernelLookups } from '../../kernel/service-types.ts';
import { createWhat, fieldState, type CompiledRule, type WhatEnd, type WhatField, type WhatTest, type WhoField } from './compiled-rules.ts';
import { createEndIndex, type EndIndex } from './end-index.ts';
import { createIdMemo } from '../../core/id-memo.ts';
import { createTextIndex } from './text-index.ts';
import { compileText } from './text-tests.ts';
import { addMatch, copyVerdict, createVerdict, droppedBy, type Verdict } from './verdict.ts';
import type { WhatColumns } from './what-columns.ts';
import { createWhoIndex } from './who-index.ts';
import { createWhoReader } from './who-reader.ts';

export type Program = {
  /** Fields that `WhatColumns` has to fill. */
  readonly asked: ReadonlySet<WhatField>;
  /** Before rows of a frame; cheap when it is the same again. */
  open(frame: Frame, lookups: KernelLookups): void;
  /** Index of the rule that drops a row; -1: it is kept. The ids are those of the frame's strings, 0 where there is none. */
  judge(columns: WhatColumns, row: number, actor: number, pathId: number, peerId: number, localId: number): number;
};

/** A rule that was found by one of its fields, and what is left to ask. */
type Candidate = { readonly rule: CompiledRule; readonly asksWho: boolean; readonly rest: readonly WhatTest[] };

const candidateOf = (rule: CompiledRule, found: WhatField | 'who' | undefined): Candidate => ({
  rule,
  asksWho: found !== 'who' && rule.who.length > 0,
  rest: rule.what.filter(({ field }) => field !== found),
});

type ActorState = {
  readonly verdict: Verdict;
  /** Rules that ask for more than who, and whose who this is. */
  readonly candidates: readonly Candidate[];
};

const NO_CANDIDATES: readonly Candidate[] = [];

/** In the order in which a rule is found by them. */
const endFields = ['address', 'localAddress', 'port', 'localPort'] as const;
type EndField = (typeof endFields)[number];
/** They tell more than who did it; ports do not. */
const isAddress = (field: EndField): boolean => field === 'address' || field === 'localAddress';

const asks = ({ what }: CompiledRule, wanted: WhatField): boolean => what.some(({ field }) => field === wanted);

export const createProgram = (rules: readonly CompiledRule[]): Program => {
  const asked = new Set(rules.flatMap(({ what }) => what.map(({ field }) => field)));
  const byWhoAlone = rules.filter(({ what }) => what.length === 0);
  const mixed = rules.filter(({ what }) => what.length > 0);
  const byPath = mixed.filter((rule) => asks(rule, 'path'));
  const byEnd = new Map<CompiledRule, EndField>();
  for (const rule of mixed) {
    const field = asks(rule, 'path') ? undefined : endFields.find((one) => asks(rule, one) && (isAddress(one) || rule.who.length === 0));
    if (field !== undefined) byEnd.set(rule, field);
  }
  const remaining = mixed.filter((rule) => !asks(rule, 'path') && !byEnd.has(rule));
  const byWho = remaining.filter(({ who }) => who.length > 0);
  const others = remaining.filter(({ who }) => who.length === 0).map((rule) => candidateOf(rule, undefined));

  const whoIndex = createWhoIndex([...byWhoAlone, ...byWho].filter(({ who }) => who.length > 0));
  /** Rules that ask for nothing but the event: of records that nobody did too. */
  const always = createVerdict();
  for (const rule of byWhoAlone) if (rule.who.length === 0) addMatch(always, rule);
  const nobody: ActorState = { verdict: always, candidates: [] };
  const whoCandidates = new Map(byWho.map((rule) => [rule, candidateOf(rule, 'who')]));

  const pathCandidates = byPath.map((rule) => candidateOf(rule, 'path'));
  const pathIndex = createTextIndex(byPath.flatMap(({ rule }, id) => rule.tests.path!.map((test) => ({ test: compileText(test), id }))));
  const pathKeeps = pathCandidates.filter(({ rule }) => rule.isKeep);
  const foundBy = (wanted: EndField) =>
    [...byEnd].flatMap(([rule, field]) => (field === wanted ? [{ rule, found: candidateOf(rule, field) }] : []));
  const peers = createEndIndex('peer', { address: foundBy('address'), port: foundBy('port') });
  const locals = createEndIndex('local', { address: foundBy('localAddress'), port: foundBy('localPort') });

  const whoReader = createWhoReader(new Set(rules.flatMap(({ who }) => who.map(({ field }): WhoField => field))));
  const asksWho = rules.some(({ who }) => who.length > 0);
  const what = createWhat();
  const verdict = createVerdict();
  const found: number[] = [];
  const pathMemo = createIdMemo<readonly Candidate[]>();
  let actors: Actors | undefined;
  let strings: StringTable | undefined;
  const states = createIdMemo<ActorState>();

  const collected = (candidates: readonly Candidate[]): readonly Candidate[] =>
    found.length === 0 ? NO_CANDIDATES : Array.from(new Set(found), (id) => candidates[id]!);

  const readState = (actor: number): ActorState => {
    const own = createVerdict();
    copyVerdict(own, always);
    const candidates: Candidate[] = [];
    whoIndex.each(whoReader.of(actor), (rule) => {
      const candidate = whoCandidates.get(rule);
      if (candidate === undefined) addMatch(own, rule);
      else candidates.push(candidate);
    });
    return { verdict: own, candidates: candidates.length === 0 ? NO_CANDIDATES : candidates };
  };

  const stateOf = (actor: number): ActorState => {
    if (!asksWho || actor === NO_ACTOR) return nobody;
    let state = states.get(actor);
    if (state === undefined) states.set(actor, (state = readState(actor)));
    return state;
  };

  const pathsOf = (id: number): readonly Candidate[] => {
    if (what.path === fieldState.uncertain) return pathKeeps;
    let list = pathMemo.get(id);
    if (list === undefined) {
      found.length = 0;
      pathIndex.collect(what.pathBytes, what.pathStart, what.pathEnd, found);
      pathMemo.set(id, (list = collected(pathCandidates)));
    }
    return list;
  };

  const isHis = ({ who }: CompiledRule, actor: number): boolean => {
    if (actor === NO_ACTOR) return false;
    const facts = whoReader.of(actor);
    for (let i = 0; i < who.length; i++) if (!who[i]!.holds(facts)) return false;
    return true;
  };

  const consider = (candidates: readonly Candidate[], actor: number): void => {
    for (let i = 0; i < candidates.length; i++) {
      const { rule, asksWho: isOfSomebody, rest } = candidates[i]!;
      let holds = true;
      for (let j = 0; j < rest.length && holds; j++) holds = rest[j]!.holds(what);
      if (holds && (!isOfSomebody || isHis(rule, actor))) addMatch(verdict, rule);
    }
  };

  const considerEnd = (index: EndIndex<Candidate>, end: WhatEnd, id: number, actor: number): void => {
    consider(index.byAddress(end, id), actor);
    consider(index.byPort(end), actor);
  };

  return {
    asked,
    open(frame, lookups) {
      if (frame.actors !== actors || frame.strings !== strings) {
        pathMemo.open(frame.strings.count);
        peers.open(frame.strings.count);
        locals.open(frame.strings.count);
        if (asksWho) {
          whoReader.open(frame, lookups);
          states.open(frame.actors.count);
        }
        actors = frame.actors;
        strings = frame.strings;
      }
    },
    judge(columns, row, actor, pathId, peerId, localId) {
      const state = stateOf(actor);
      if (mixed.length === 0) return droppedBy(state.verdict);
      copyVerdict(verdict, state.verdict);
      columns.fill(what, row);
      if (what.path !== fieldState.absent) consider(pathsOf(pathId), actor);
      considerEnd(peers, what.peer, peerId, actor);
      considerEnd(locals, what.local, localId, actor);
      consider(state.candidates, actor);
      consider(others, actor);
      return droppedBy(verdict);
    },
  };
};
