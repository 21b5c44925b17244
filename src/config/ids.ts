import type { ComponentId, Signal } from '../core/component.ts';
import { didYouMean, oneOf } from '../core/nearest.ts';

export const signals: readonly Signal[] = ['logs', 'metrics', 'traces'];

/** `type[/name]` in its parts, or what is wrong with it. */
export type ParsedId = { readonly type: string; readonly name: string } | { readonly message: string };

const wrong = (id: string, wanted: string): ParsedId => ({
  message: `${JSON.stringify(id)} is not ${wanted}; allowed is type or type/name`,
});

/** Names may hold any letters but spaces and control characters, as in the Collector. */
export const parseId = (id: ComponentId): ParsedId => {
  const slash = id.indexOf('/');
  const type = (slash === -1 ? id : id.slice(0, slash)).trim();
  const name = slash === -1 ? '' : id.slice(slash + 1);
  if (!/^[A-Za-z][\w-]*$/.test(type)) return wrong(id, 'the id of a component');
  if (slash !== -1 && !/^[^\s\p{Cc}]+$/u.test(name)) return wrong(id, 'the id of a component');
  return { type, name };
};

/** `logs`, `metrics` or `traces`, with a name if need be. */
export const parsePipelineId = (id: string): { readonly signal: Signal } | { readonly message: string } => {
  const parsed = parseId(id);
  if ('message' in parsed)
    return {
      message: `${JSON.stringify(id)} is not the id of a pipeline; allowed is ${oneOf(signals)}, or one of them with a name as in logs/audit`,
    };
  const signal = signals.find((known) => known === parsed.type);
  return signal === undefined
    ? { message: `unknown signal "${parsed.type}"; allowed is ${oneOf(signals)}${didYouMean(parsed.type, signals)}` }
    : { signal };
};

/** The id of a component by the name of its type that is not an alias. */
export const idOf = (type: string, name: string): ComponentId => (name === '' ? type : `${type}/${name}`);
