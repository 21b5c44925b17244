/** What can be asked: a new route is a line here. */
import { setTimeout as wait } from 'node:timers/promises';
import { computeStatistics } from '../../core/statistics.ts';
import { createEventsRoute, type EventsRouteOptions } from '../../live/events/route.ts';
import { CONTROL_API, type ControlInfo } from '../../live/info.ts';
import { readQuery } from '../../live/query.ts';
import { createReportRoute } from '../../live/report/route.ts';
import type { Route, RouteSettings } from '../../live/route.ts';
import { createSessionsRoute } from '../../live/sessions/route.ts';

/** What is open is walked when the counters are read, and is in them the next time. */
const BETWEEN_READINGS_MS = 250;
/** The kernel counts while the books are read: one that is off by what is just under way balances a moment later. */
const LEDGER_ATTEMPTS = 5;
const BETWEEN_ATTEMPTS_MS = 100;

const infoRoute = ({ service, version }: RouteSettings): Route => ({
  path: '/v1/info',
  anytime: true,
  page(query): ControlInfo {
    readQuery(query, []);
    const pipelines = service.pipelines();
    return {
      api: CONTROL_API,
      version,
      pid: process.pid,
      started: service.startedAt.toISOString(),
      state: service.state(),
      pipelines,
      receivers: [...new Set(pipelines.flatMap(({ receivers }) => receivers))],
    };
  },
});

const statisticsRoute = ({ service }: RouteSettings): Route => ({
  path: '/v1/statistics',
  anytime: true,
  async page(query, signal) {
    readQuery(query, []);
    service.samples();
    await wait(BETWEEN_READINGS_MS, undefined, { signal });
    return computeStatistics(service.samples());
  },
});

const ledgerRoute = ({ service }: RouteSettings): Route => ({
  path: '/v1/ledger',
  anytime: true,
  async page(query, signal) {
    readQuery(query, []);
    let ledger = service.ledger();
    for (let attempt = 1; attempt < LEDGER_ATTEMPTS && !ledger.balanced; attempt++) {
      await wait(BETWEEN_ATTEMPTS_MS, undefined, { signal });
      ledger = service.ledger();
    }
    return ledger;
  },
});

export const createRoutes = (settings: RouteSettings, events: EventsRouteOptions): readonly Route[] => [
  infoRoute(settings),
  statisticsRoute(settings),
  ledgerRoute(settings),
  createEventsRoute(settings, events),
  createSessionsRoute(settings),
  createReportRoute(settings),
];
