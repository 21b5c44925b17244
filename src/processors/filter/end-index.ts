/** Rules about one end of a connection, found by its address or port. */
import type { PortTest } from '../../core/rules.ts';
import { createAddressIndex } from './address-tests.ts';
import { fieldState, type CompiledRule, type WhatEnd } from './compiled-rules.ts';
import { createIdMemo } from '../../core/id-memo.ts';

export type EndIndex<T> = {
  /** Forgets what addresses gave; ids are below `count`. */
  open(count: number): void;
  /** Rules that test the address and may match it; `id` is its string's in the frame. */
  byAddress(end: WhatEnd, id: number): readonly T[];
  /** Rules that test the port and may match it. */
  byPort(end: WhatEnd): readonly T[];
};

export type EndRules<T> = {
  readonly address: readonly { readonly rule: CompiledRule; readonly found: T }[];
  readonly port: readonly { readonly rule: CompiledRule; readonly found: T }[];
};

/** A range that holds more is looked at one by one. */
const SPELT_OUT = 64;

const isNarrow = ({ min, max }: PortTest): boolean => max - min < SPELT_OUT;

export const createEndIndex = <T>(side: 'peer' | 'local', { address, port }: EndRules<T>): EndIndex<T> => {
  const none: readonly T[] = [];
  const addressField = side === 'peer' ? 'address' : 'localAddress';
  const portField = side === 'peer' ? 'port' : 'localPort';
  const networks = createAddressIndex(address.flatMap(({ rule }, id) => rule.rule.tests[addressField]!.map((test) => ({ test, id }))));
  const addressKeeps = address.filter(({ rule }) => rule.isKeep).map(({ found }) => found);
  const portKeeps = port.filter(({ rule }) => rule.isKeep).map(({ found }) => found);
  const byNumber = new Map<number, Set<T>>();
  const ranges: { readonly test: PortTest; readonly found: T }[] = [];
  for (const { rule, found } of port)
    for (const test of rule.rule.tests[portField]!) {
      if (!isNarrow(test)) ranges.push({ test, found });
      else
        for (let number = test.min; number <= test.max; number++) byNumber.set(number, (byNumber.get(number) ?? new Set<T>()).add(found));
    }
  const lists = new Map(Array.from(byNumber, ([number, found]) => [number, [...found] as readonly T[]]));
  const memo = createIdMemo<readonly T[]>();
  const ids: number[] = [];

  return {
    open: (count) => memo.open(count),
    byAddress(end, id) {
      if (end.address === fieldState.absent) return none;
      if (end.address === fieldState.uncertain) return addressKeeps;
      let list = memo.get(id);
      if (list === undefined) {
        ids.length = 0;
        networks.collect(end.bytes, end.start, end.length, ids);
        memo.set(id, (list = ids.length === 0 ? none : Array.from(new Set(ids), (index) => address[index]!.found)));
      }
      return list;
    },
    byPort(end) {
      if (end.port === fieldState.absent) return none;
      if (end.port === fieldState.uncertain) return portKeeps;
      const list = lists.get(end.number) ?? none;
      if (ranges.length === 0) return list;
      const wide = ranges.filter(({ test }) => end.number >= test.min && end.number <= test.max).map(({ found }) => found);
      return wide.length === 0 ? list : [...list, ...wide];
    },
  };
};
