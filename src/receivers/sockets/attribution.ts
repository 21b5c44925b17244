/** How well owners of sessions are known, by protocol and family: for the page of own metrics and `ringtail stats`. */
import { NO_ACTOR, type Batch } from '../../core/batch.ts';
import type { Counter, Counters } from '../../core/counters.ts';
import { eventKind, netTransport } from '../../kernel/layouts.gen.ts';
import type { KernelLookups } from '../../kernel/service-types.ts';
import { familyNames } from '../shared/network-names.ts';
import { attributionNames } from '../shared/session-names.ts';
import { sessionSchemas } from '../shared/session-schemas.ts';

type Processes = Pick<KernelLookups['processes'], 'resolve' | 'isNamed'>;

const transports: ReadonlyMap<number, string> = new Map(Object.entries(netTransport).map(([name, number]) => [number, name]));
/** A session has one of each; what is told between them is of the same owner, or of one that is told at the end. */
const countedKinds: ReadonlySet<unknown> = new Set([eventKind.sessionStart, eventKind.sessionEnd].map((kind) => sessionSchemas.get(kind)));

/** Counts the rows of a batch that are starts and ends; `named`: the program of the owner is known. */
export const createSessionAttribution = (counters: Counters, processes: Processes): ((batch: Batch) => void) => {
  // numbers of transports and families are below 16
  const known: (Counter | undefined)[] = [];
  const counterOf = (transport: number, family: number, knownBy: number, named: boolean): Counter => {
    const key = (((((transport & 15) << 4) | (family & 15)) << 4) | (knownBy & 15)) * 2 + (named ? 1 : 0);
    return (known[key] ??= counters.counter('ringtail_attribution', {
      source: attributionNames.get(knownBy) ?? 'none',
      result: named ? 'named' : 'unnamed',
      transport: transports.get(transport) ?? 'other',
      family: familyNames.get(family) ?? 'none',
    }));
  };
  return ({ kind, frame, rows, selection, actor, columns }) => {
    if (!countedKinds.has(kind)) return;
    const slots = processes.resolve(frame);
    const [transport, family, knownBy] = [columns['transport']!, columns['family']!, columns['knownBy']!];
    const count = selection?.length ?? rows;
    for (let i = 0; i < count; i++) {
      const row = selection === undefined ? i : selection[i]!;
      const named = actor[row] !== NO_ACTOR && processes.isNamed(slots[actor[row]!]!);
      counterOf(transport[row]!, family[row]!, knownBy[row]!, named).value++;
    }
  };
};
