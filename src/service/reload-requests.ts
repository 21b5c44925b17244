/** Reloads one after the other, each with an outcome that is logged, counted and remembered. */
import type { ReloadOutcome } from '../core/component.ts';
import type { Counters } from '../core/counters.ts';
import { messageOf } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { errorFields } from './error-fields.ts';

/** What was changed, in fields of a log line; undefined when nothing was. */
export type Change = Readonly<Record<string, unknown>> | undefined;

export type ReloadRequests = {
  /**
   * Runs `work` when the reload that is under way is over. Requests that come while one waits are the same as that one: they get its outcome,
   * and their work is not run. Never rejects: work that throws is an outcome.
   */
  request(work: () => Promise<Change>): Promise<ReloadOutcome>;
  last(): ReloadOutcome | undefined;
  /** Resolves when none is under way or waits. */
  settled(): Promise<void>;
};

const results = ['applied', 'unchanged', 'refused'] as const;

const wordsOf = (change: Readonly<Record<string, unknown>>): string =>
  Object.entries(change)
    .map(([what, which]) => `${what} ${Array.isArray(which) ? which.join(', ') : String(which)}`)
    .join('; ');

export const createReloadRequests = (counters: Counters, logger: Logger, now: () => Date = () => new Date()): ReloadRequests => {
  const counts = Object.fromEntries(
    results.map((result) => [result, counters.counter('ringtail_config_reloads', { result })] as const),
  ) as Record<(typeof results)[number], { value: number }>;
  let loadedAt = now();
  counters.gauge('ringtail_config_last_success_seconds', {}, () => loadedAt.getTime() / 1000);
  let last: ReloadOutcome | undefined;
  let underWay: Promise<unknown> = Promise.resolve();
  let waiting: Promise<ReloadOutcome> | undefined;

  const outcomeOf = async (work: () => Promise<Change>): Promise<ReloadOutcome> => {
    try {
      const change = await work();
      loadedAt = now();
      if (change === undefined) {
        logger.info({}, 'the configuration is the same as before');
        return { at: loadedAt, result: 'unchanged', message: 'the configuration is the same as before' };
      }
      logger.info(change, 'the configuration was reloaded');
      return { at: loadedAt, result: 'applied', message: wordsOf(change) };
    } catch (error) {
      logger.error(errorFields(error), 'the new configuration was refused; everything goes on as before');
      return { at: now(), result: 'refused', message: messageOf(error) };
    }
  };

  return {
    request(work) {
      if (waiting !== undefined) return waiting;
      const before = underWay;
      const mine: Promise<ReloadOutcome> = (async () => {
        await before;
        waiting = undefined;
        const outcome = await outcomeOf(work);
        last = outcome;
        counts[outcome.result].value++;
        return outcome;
      })();
      waiting = mine;
      underWay = mine;
      return mine;
    },
    last: () => last,
    async settled() {
      await underWay;
    },
  };
};
