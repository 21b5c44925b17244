/** Attribute columns that processors add to the actors of a batch, and whether two of them may say the same. */
import type { AttributeColumn, AttributeSource, Batch, EventSchema } from './batch.ts';

const haveNoneInCommon = ({ names }: AttributeSource, { names: others }: AttributeSource): boolean => {
  if (names === undefined || others === undefined) return false;
  for (const name of names) if (others.has(name)) return false;
  return true;
};

/** What is known of two objects that live long: sources, kinds. */
const remembered = <A extends object, B extends object>(ask: (a: A, b: B) => boolean): ((a: A, b: B) => boolean) => {
  const answers = new WeakMap<A, WeakMap<B, boolean>>();
  return (a, b) => {
    let ofA = answers.get(a);
    if (ofA === undefined) answers.set(a, (ofA = new WeakMap()));
    let answer = ofA.get(b);
    if (answer === undefined) ofA.set(b, (answer = ask(a, b)));
    return answer;
  };
};

const areDisjoint = remembered(haveNoneInCommon);
const hasFieldOf = remembered((kind: EventSchema, { names }: AttributeSource) =>
  kind.fields.some(({ name }) => names === undefined || names.has(name)),
);

/** True when an actor has ids in both. */
const meet = ({ ids }: AttributeColumn, { ids: others }: AttributeColumn): boolean =>
  ids.some((id, actor) => id !== 0 && others[actor] !== 0);

/** A view of the same rows with an attribute column for actors added, unless there is one of this source. */
export const withActorAttributes = (batch: Batch, column: AttributeColumn): Batch => {
  const { kind, actorAttributes, rowAttributes, frame } = batch;
  if (actorAttributes.some(({ source }) => source === column.source)) return batch;
  const repeats =
    (frame.actors.count > 0 &&
      (rowAttributes.some(({ source }) => !areDisjoint(source, column.source)) || hasFieldOf(kind, column.source))) ||
    actorAttributes.some((other) => !areDisjoint(other.source, column.source) && meet(other, column));
  return { ...batch, actorAttributes: [...actorAttributes, column], mayRepeat: repeats || batch.mayRepeat === true };
};
