/** What a process says of itself, in front of what is known of its container. */
import type { Attribute } from '../../core/batch.ts';
import type { ActorTell } from './logs.ts';

const NOTHING: readonly Attribute[] = [];

/** The same list for the same two. */
export const withEnvironment = (ofActor: ActorTell): ActorTell => {
  const joined = new WeakMap<readonly Attribute[], WeakMap<readonly Attribute[], readonly Attribute[]>>();
  const join = (known: readonly Attribute[], said: readonly Attribute[]): readonly Attribute[] => {
    let lists = joined.get(known);
    if (lists === undefined) joined.set(known, (lists = new WeakMap()));
    let list = lists.get(said);
    if (list === undefined) {
      const names = new Set(said.map(([name]) => name));
      list = [...known.filter(([name]) => !names.has(name)), ...said];
      lists.set(said, list);
    }
    return list;
  };
  return (frame, lookups) => {
    const knownOf = ofActor(frame, lookups);
    const said = lookups.environments?.resolve(frame).attributes;
    return (actor) => {
      const own = said?.[actor];
      return own === undefined ? knownOf(actor) : join(knownOf(actor) ?? NOTHING, own);
    };
  };
};
