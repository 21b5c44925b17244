/** What is asked of the kernel is no less than what is shown: the rules of the plan let everything through that the filter matches. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { components } from '../../src/components.ts';
import { configOf, planEvents } from '../../src/commands/events/plan.ts';
import { generatedSource } from '../../src/config/generated.ts';
import { loadConfig } from '../../src/config/load.ts';
import { createRegistry } from '../../src/config/registry.ts';
import { everyEvent } from '../../src/live/events/filter.ts';
import { createEventMatcher } from '../../src/live/events/match.ts';
import type { EventFilter } from '../../src/live/events/types.ts';
import { attributesOf } from '../../src/otlp/log-text.ts';
import { createRuleFilter } from '../../src/processors/filter/rule-filter.ts';
import { actors, batchesOf, rows } from '../processors/filter/random.ts';

const registry = createRegistry(components);
const numbers = fc.subarray([1, 2, 3, 4], { maxLength: 2 });
const paths = fc.subarray(['/', '/a', '/a/', '/usr*', '/b', '*b', '/usr/lib', '/a/../b', '/é'], { maxLength: 2 });
const filters: fc.Arbitrary<EventFilter> = fc
  .record({
    events: fc.constantFrom(['file.*'], ['*'], ['network', 'session'], ['file.open', 'session.start']),
    pids: numbers,
    users: numbers.map((list) => list.map(String)),
    ports: fc.oneof({ weight: 2, arbitrary: fc.constant<number[]>([]) }, { weight: 1, arbitrary: numbers }),
    paths: fc.oneof({ weight: 1, arbitrary: fc.constant<string[]>([]) }, { weight: 2, arbitrary: paths }),
  })
  .map((some) => ({ ...everyEvent, ...some }));

it('rules keep all rows that the filter matches, and drop some of the others', () => {
  const seen = { matched: 0, dropped: 0 };
  fc.assert(
    fc.property(filters, fc.array(fc.tuple(rows, actors), { minLength: 4, maxLength: 8 }), (filter, frames) => {
      const plan = planEvents(filter);
      fc.pre(plan?.rules !== undefined);
      const { config } = loadConfig([generatedSource('generated', configOf(plan!, '/'))], registry, {});
      const { id, factory, config: options } = config!.processors.get('filter')!;
      const rules = createRuleFilter(factory.rules!(id, options as never), () => {});
      const matcher = createEventMatcher(plan!.filter);
      const given = frames.flatMap(([list, known]) => {
        const { batches, lookups } = batchesOf(list, known);
        return batches.map((one) => ({ ...one, lookups }));
      });
      for (const { batch, records, lookups } of given) {
        const kept = new Set(rules.keep(batch, lookups) ?? records.keys());
        seen.dropped += records.length - kept.size;
        for (const row of records.keys()) {
          const { eventName } = batch.kind;
          if (!matcher.matches(eventName, attributesOf(batch, row), undefined)) continue;
          seen.matched++;
          expect([eventName, filter, attributesOf(batch, row), kept.has(row)]).toEqual([eventName, filter, attributesOf(batch, row), true]);
        }
      }
    }),
    { numRuns: 250 },
  );
  // else it says nothing
  expect(Math.min(seen.matched, seen.dropped)).toBeGreaterThan(200);
}, 60_000);
