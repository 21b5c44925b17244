/** Tells what could not be used of what the runtimes left on disk: each is counted, a line is written now and then. */
import type { Counters } from '../../core/counters.ts';
import type { Logger } from '../../core/logger.ts';
import { printable } from '../../core/printable.ts';
import { createRateLimit } from '../../core/rate-limit.ts';
import { stateProblems, type ReportProblem, type StateProblem } from './json-state.ts';

const MAX_WHERE = 300;

export const createReport = (counters: Counters, logger: Logger): ReportProblem => {
  const limit = createRateLimit();
  const counts = Object.fromEntries(
    stateProblems.map((reason) => [reason, counters.counter('ringtail_container_state_errors', { reason })]),
  ) as Record<StateProblem, { value: number }>;
  return (reason, where) => {
    counts[reason].value++;
    const fields = { reason, where: printable(where).slice(0, MAX_WHERE) };
    limit(reason, logger.warn.bind(logger), fields, 'what a container runtime left on disk cannot be used');
  };
};
