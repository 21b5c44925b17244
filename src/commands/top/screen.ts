/** `ringtail top` on a terminal: asks for pages, draws them, and does what keys say. */
import { exitCode, type ExitCode, messageOf, RingtailError } from '../../core/errors.ts';
import type { SessionRow, SessionsFeed, SessionsPage } from '../../live/sessions/types.ts';
import { openScreen, type TerminalHost } from '../../text/screen/terminal.ts';
import type { Key } from '../../text/screen/keys.ts';
import type { CommandContext } from '../context.ts';
import { tableRowsOf, topFrame, type TopScene } from './frame.ts';
import type { TopSettings } from './options.ts';
import { createTopState, pressKey, settle, type TopDetails, type TopQuery } from './state.ts';

export type TopScreenOptions = {
  readonly context: CommandContext;
  readonly terminal: TerminalHost;
  readonly host: string;
  readonly colour: boolean;
  /** What the process was started with, for a person; empty when it cannot be read. */
  readCommand(pid: number): Promise<string>;
};

/** A Ringtail that is gone is asked again this often at most, ms. */
const RETRY_MS = 2000;
/** Pages one after the other, for keys that were pressed meanwhile. */
const MOST_AT_ONCE = 5;
/** One process has few sessions with one peer. */
const MOST_DETAILS = 1000;

const everything: Omit<TopQuery, 'view' | 'sort' | 'descending'> = {
  search: '',
  containers: [],
  processes: [],
  pids: [],
  users: [],
  ports: [],
  states: [],
  transports: [],
  listening: true,
};

/** The session that is looked at, as it is now. */
const detailsNow = async (feed: SessionsFeed, { row }: TopDetails): Promise<TopDetails> => {
  const port = /:(\d+)$/.exec(row.local)?.[1];
  const page = await feed.page({
    ...everything,
    search: row.peer === '' ? row.local : row.peer,
    view: 'sessions',
    sort: 'age',
    descending: false,
    pids: row.pid === 0 ? [] : [row.pid],
    ports: port === undefined || port === '0' ? [] : [Number(port)],
    transports: [row.transport],
    offset: 0,
    limit: MOST_DETAILS,
  });
  const found = (page.rows as readonly SessionRow[]).find(({ id }) => id === row.id);
  return found === undefined ? { row, isGone: true } : { row: found, isGone: false };
};

/** Until somebody quits, a signal comes, or the terminal is gone. */
export const runTopScreen = async (
  feed: SessionsFeed,
  settings: TopSettings,
  { context, terminal, host, colour, readCommand }: TopScreenOptions,
): Promise<ExitCode> => {
  const ended = Promise.withResolvers<void>();
  let state = createTopState(settings.query, settings.intervalMs);
  let page: SessionsPage | undefined;
  let pageTop = 0;
  /** What the page answers; while it differs from what is wanted, the next one is on its way. */
  let pageQuery: TopQuery | undefined;
  let pageLimit = 0;
  let problem: string | undefined;
  let command: string | undefined;
  let isAsking = false;
  let timer: NodeJS.Timeout | undefined;
  let isOver = false;

  const end = (): void => ended.resolve();
  const scene = (): TopScene => ({ host, source: feed.source, problem, state, page, pageTop, limit: settings.limit, command });
  const rowsNow = (): number => tableRowsOf(scene(), screen.size());
  const draw = (): void => screen.draw(topFrame(scene(), screen.size()));
  const isBehind = (): boolean =>
    problem === undefined && (pageQuery !== state.query || pageTop !== state.top || (page !== undefined && pageLimit < rowsNow()));
  const guarded = (work: Promise<void>): void => void work.catch(ended.reject);

  const askOnce = async (): Promise<void> => {
    const { query, top } = state;
    const limit = rowsNow();
    try {
      const next = await feed.page({ ...query, offset: top, limit });
      [page, pageTop, pageQuery, pageLimit, problem] = [next, top, query, limit, undefined];
      if (state.details !== undefined) {
        const { details } = state;
        const now = await detailsNow(feed, details);
        if (state.details === details) state = { ...state, details: now };
      }
    } catch (error) {
      // what is not the other side's is a mistake of ours
      if (!(error instanceof RingtailError)) throw error;
      problem = `${messageOf(error)}; trying again`;
    }
    if (query === state.query && page !== undefined) state = settle(state, { rows: rowsNow(), matched: page.matched });
  };
  const ask = async (): Promise<void> => {
    if (isAsking) return;
    isAsking = true;
    clearTimeout(timer);
    const startedMs = context.now();
    for (let asked = 0; asked === 0 || (isBehind() && asked < MOST_AT_ONCE); asked++) {
      await askOnce();
      if (isOver) return;
      draw();
    }
    isAsking = false;
    const waitMs = problem === undefined ? state.intervalMs : Math.max(RETRY_MS, state.intervalMs);
    if (!state.isPaused) timer = setTimeout(() => guarded(ask()), Math.max(0, waitMs - (context.now() - startedMs)));
  };
  const lookAtCommand = async (pid: number): Promise<void> => {
    const text = await readCommand(pid);
    if (state.details?.row.pid !== pid) return;
    command = text;
    if (!isOver) draw();
  };

  const onKey = (key: Key): void => {
    const before = state;
    const matched = page?.matched ?? 0;
    const isCurrent = pageQuery === state.query;
    const row = isCurrent ? page?.rows[state.selected - pageTop] : undefined;
    const step = pressKey(state, key, { rows: rowsNow(), matched, row });
    state = step.state;
    if (step.wish === 'quit') return end();
    if (step.wish === 'suspend') return screen.suspend();
    if (step.wish === 'redraw') screen.forget();
    if (state.details !== undefined && before.details === undefined) {
      command = undefined;
      if (state.details.row.pid !== 0) guarded(lookAtCommand(state.details.row.pid));
    }
    draw();
    const hasNewPace = state.intervalMs !== before.intervalMs || (before.isPaused && !state.isPaused);
    if (isBehind() || hasNewPace || step.wish === 'refresh') guarded(ask());
    else if (state.isPaused) clearTimeout(timer);
  };

  const screen = openScreen(terminal, {
    colour,
    onKey,
    onResize() {
      if (page !== undefined) state = settle(state, { rows: rowsNow(), matched: page.matched });
      draw();
      if (isBehind()) guarded(ask());
    },
    onGone: end,
  });
  const handlers = [context.onSignal, context.onReload, context.onOutputClosed].map((on) => on(end));
  try {
    draw();
    guarded(ask());
    await ended.promise;
    return exitCode.done;
  } finally {
    isOver = true;
    clearTimeout(timer);
    for (const off of handlers) off();
    screen.close();
  }
};
