/** What a report may be asked for, by the control socket and by `ringtail report`. */
import { readQuery, type Range } from '../query.ts';
import type { ReportQuery } from './types.ts';

/** A reading takes some ms, and several may ask; a report of more than a day is for metrics. */
export const INTERVAL_MS: Range = { min: 1_000, max: 86_400_000 };
export const DEFAULT_INTERVAL_MS = 5_000;
/** Nobody reads more of them at a time. */
export const RECENT: Range = { min: 0, max: 1_000 };

const NAMES = ['interval', 'cgroup', 'containers', 'recent'] as const;

/** Throws a QueryError. */
export const parseReportQuery = (parameters: URLSearchParams): ReportQuery => {
  const query = readQuery(parameters, NAMES);
  return {
    intervalMs: query.durationMs('interval', DEFAULT_INTERVAL_MS, INTERVAL_MS),
    cgroup: query.text('cgroup', ''),
    containers: query.flag('containers', false),
    recent: query.integer('recent', 0, RECENT),
  };
};
