/** What rules say of one record: the plain way, for records that come as attributes, and for tests that hold other ways to it. */
import type { Rule, RuleSet } from '../../core/rules.ts';
import { callFlag } from '../../kernel/layouts.gen.ts';
import { compileRules, createWhat, type CompiledRule, type CompiledRules, type What, type WhatEnd, type Who } from './compiled-rules.ts';
import { endStateOf, pathOriginOf, pathStateOf } from './uncertain.ts';

export type JudgedRecord = {
  /** LogRecord.event_name. */
  readonly event: string;
  /** Absent: nobody did it. */
  readonly who?: Who | undefined;
  /** Raw bytes, empty when it could not be read; absent: this kind of event has none. */
  readonly path?: Uint8Array | undefined;
  /** `path_flags` and `call_flags`. */
  readonly pathFlags?: number | undefined;
  readonly callFlags?: number | undefined;
  /** Of the call. */
  readonly ret?: number | undefined;
  /** The peer's address, 4 or 16 bytes, or none; absent: this kind of event has no peer. */
  readonly peer?: Uint8Array | undefined;
  /** 0: none. Only beside `peer`. */
  readonly peerPort?: number | undefined;
  /** Of a session: the peer may be another. */
  readonly manyPeers?: boolean | undefined;
  /** The same of the end on this host. */
  readonly local?: Uint8Array | undefined;
  readonly localPort?: number | undefined;
  /** Bytes that were transferred. */
  readonly size?: number | undefined;
};

const utf8 = new TextEncoder();

const fillEnd = (end: WhatEnd, isUnsure: boolean, address: Uint8Array | undefined, port = 0): void => {
  if (address === undefined) return;
  end.address = endStateOf(isUnsure, address.length > 0);
  end.bytes = address;
  end.length = address.length;
  end.port = endStateOf(isUnsure, port !== 0);
  end.number = port;
};

const whatOf = (record: JudgedRecord): What => {
  const { event, path, pathFlags = 0, callFlags = 0, ret, size = -1 } = record;
  const isUnverified = (callFlags & callFlag.isUnverified) !== 0;
  const what = createWhat();
  if (path !== undefined) {
    what.path = pathStateOf(pathOriginOf(event), ret ?? 0, callFlags, pathFlags, path, 0, path.length);
    what.pathBytes = path;
    what.pathEnd = path.length;
  }
  fillEnd(what.peer, isUnverified || record.manyPeers === true, record.peer, record.peerPort);
  fillEnd(what.local, isUnverified, record.local, record.localPort);
  what.hasRet = ret !== undefined;
  what.ret = ret ?? 0;
  what.size = size;
  return what;
};

const holds = (rule: CompiledRule, event: Uint8Array, who: Who | undefined, what: What): boolean =>
  rule.isOf(event) &&
  (rule.who.length === 0 || (who !== undefined && rule.who.every((test) => test.holds(who)))) &&
  rule.what.every((test) => test.holds(what));

/** A function from a record to the index of the rule that drops it: the first one that matches in the stage that does; -1: it is kept. */
export const createCompiledJudge =
  ({ rules, isProtected }: CompiledRules): ((record: JudgedRecord) => number) =>
  (record) => {
    const event = utf8.encode(record.event);
    if (isProtected(event)) return -1;
    const what = whatOf(record);
    for (const isProcessStage of [true, false]) {
      const matching = rules.filter((rule) => rule.isProcessStage === isProcessStage && holds(rule, event, record.who, what));
      if (!matching.some(({ isKeep }) => isKeep) && matching.length > 0) return matching[0]!.index;
    }
    return -1;
  };

/** The same for rules as they are configured; undefined: it is kept. */
export const createJudge = (ruleSet: RuleSet): ((record: JudgedRecord) => Rule | undefined) => {
  const judge = createCompiledJudge(compileRules(ruleSet));
  return (record) => ruleSet.rules[judge(record)];
};
