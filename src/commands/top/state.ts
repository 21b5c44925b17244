/** What the screen of `ringtail top` is about, and what keys make of it. */
import { type SessionRow, sessionViews, type SessionSort, type SessionsQuery, type SessionView } from '../../live/sessions/types.ts';
import type { Key } from '../../text/screen/keys.ts';
import { sortsOf, type TopRow } from './columns.ts';

/** What is asked for; the screen adds which rows. */
export type TopQuery = Omit<SessionsQuery, 'offset' | 'limit'>;

export type TopDetails = { readonly row: SessionRow; readonly isGone: boolean };

/** Where somebody was before they looked into a process or a container. */
type Place = { readonly query: TopQuery; readonly selected: number; readonly top: number };

export type TopState = {
  readonly query: TopQuery;
  /** Of all rows that match. */
  readonly selected: number;
  /** The first row that is shown. */
  readonly top: number;
  readonly isPaused: boolean;
  readonly intervalMs: number;
  readonly showsHelp: boolean;
  readonly details: TopDetails | undefined;
  /** The search while it is typed: what it was before. */
  readonly searchedBefore: string | undefined;
  readonly trail: readonly Place[];
};

/** What is on the screen while a key is pressed. */
export type TopSight = { readonly rows: number; readonly matched: number; readonly row: TopRow | undefined };

/** `refresh`: ask again now; the query itself is compared by whoever asks. */
export type TopWish = 'quit' | 'suspend' | 'redraw' | 'refresh';

export type TopStep = { readonly state: TopState; readonly wish?: TopWish };

/** ms. */
export const intervals: readonly number[] = [250, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000];
const LONGEST_SEARCH = 100;

const textSorts: ReadonlySet<SessionSort> = new Set(['process', 'container', 'state', 'peer', 'port']);
/** The largest first, names from A on. */
export const descendsFirst = (sort: SessionSort): boolean => !textSorts.has(sort);

export const createTopState = (query: TopQuery, intervalMs: number): TopState => ({
  query,
  selected: 0,
  top: 0,
  isPaused: false,
  intervalMs,
  showsHelp: false,
  details: undefined,
  searchedBefore: undefined,
  trail: [],
});

/** Keeps the selection among the rows that there are, and on the screen. */
export const settle = (state: TopState, { rows, matched }: Pick<TopSight, 'rows' | 'matched'>): TopState => {
  const selected = Math.max(0, Math.min(state.selected, matched - 1));
  const least = Math.max(0, Math.min(state.top, matched - rows));
  const top = selected < least ? selected : Math.max(least, selected - Math.max(1, rows) + 1);
  return selected === state.selected && top === state.top ? state : { ...state, selected, top };
};

const fromTop = (state: TopState, query: Partial<TopQuery>): TopState => ({
  ...state,
  query: { ...state.query, ...query },
  selected: 0,
  top: 0,
});

const sorted = (state: TopState, sort: SessionSort): TopState => fromTop(state, { sort, descending: descendsFirst(sort) });

const nextIn = <T>(list: readonly T[], now: T, by: number): T => list[(list.indexOf(now) + by + list.length) % list.length]!;

/** A view keeps the order when it has it. */
const viewed = (state: TopState, view: SessionView): TopState =>
  view === state.query.view
    ? state
    : sortsOf(view).includes(state.query.sort)
      ? fromTop(state, { view })
      : sorted(fromTop(state, { view }), 'rate');

const isGroup = (row: TopRow): row is Exclude<TopRow, SessionRow> => 'sessions' in row;

/** What the sessions of a row have in common. */
const filterOf = (row: Exclude<TopRow, SessionRow>, view: SessionView): Partial<TopQuery> => {
  if (view === 'process') return { pids: [row.pid] };
  return { containers: [row.container === undefined ? 'host' : row.container.id || row.container.name || 'any'] };
};

const opened = (state: TopState, row: TopRow | undefined): TopState => {
  if (row === undefined) return state;
  if (!isGroup(row)) return { ...state, details: { row, isGone: false } };
  const place: Place = { query: state.query, selected: state.selected, top: state.top };
  return { ...viewed(fromTop(state, filterOf(row, state.query.view)), 'sessions'), trail: [...state.trail, place] };
};

const back = (state: TopState): TopState => {
  const place = state.trail.at(-1);
  return place === undefined ? state : { ...state, ...place, trail: state.trail.slice(0, -1) };
};

const escaped = (state: TopState): TopState => {
  if (state.showsHelp || state.details !== undefined) return { ...state, showsHelp: false, details: undefined };
  return state.query.search === '' ? back(state) : fromTop(state, { search: '' });
};

const typed = (state: TopState, key: Key): TopState => {
  const { search } = state.query;
  switch (key.name) {
    case 'text':
      return search.length < LONGEST_SEARCH ? fromTop(state, { search: search + key.text }) : state;
    case 'backspace':
      return fromTop(state, { search: Array.from(search).slice(0, -1).join('') });
    case 'kill-word':
      return fromTop(state, { search: search.replace(/\S*\s*$/, '') });
    case 'kill-line':
      return fromTop(state, { search: '' });
    case 'enter':
      return { ...state, searchedBefore: undefined };
    case 'escape':
      return { ...fromTop(state, { search: state.searchedBefore ?? '' }), searchedBefore: undefined };
    default:
      return state;
  }
};

const moves: Readonly<Record<string, (selected: number, sight: TopSight) => number>> = {
  up: (selected) => selected - 1,
  down: (selected) => selected + 1,
  'page-up': (selected, { rows }) => selected - rows,
  'page-down': (selected, { rows }) => selected + rows,
  home: () => 0,
  end: (_, { matched }) => matched - 1,
};

const letters: Readonly<Record<string, (state: TopState, sight: TopSight) => TopState>> = {
  v: (state) => viewed(state, nextIn(sessionViews, state.query.view, 1)),
  1: (state) => viewed(state, 'sessions'),
  2: (state) => viewed(state, 'process'),
  3: (state) => viewed(state, 'container'),
  s: (state) => sorted(state, nextIn(sortsOf(state.query.view), state.query.sort, 1)),
  S: (state) => sorted(state, nextIn(sortsOf(state.query.view), state.query.sort, -1)),
  '>': (state) => sorted(state, nextIn(sortsOf(state.query.view), state.query.sort, 1)),
  '<': (state) => sorted(state, nextIn(sortsOf(state.query.view), state.query.sort, -1)),
  r: (state) => fromTop(state, { descending: !state.query.descending }),
  l: (state) => fromTop(state, { listening: !state.query.listening }),
  ' ': (state) => ({ ...state, isPaused: !state.isPaused }),
  '+': (state) => ({ ...state, intervalMs: intervals.find((ms) => ms > state.intervalMs) ?? state.intervalMs }),
  '-': (state) => ({ ...state, intervalMs: intervals.findLast((ms) => ms < state.intervalMs) ?? state.intervalMs }),
  '/': (state) => ({ ...state, searchedBefore: state.query.search }),
  '?': (state) => ({ ...state, showsHelp: !state.showsHelp }),
  h: (state) => ({ ...state, showsHelp: !state.showsHelp }),
};

const synonyms: Readonly<Record<string, string>> = {
  k: 'up',
  j: 'down',
  g: 'home',
  G: 'end',
  tab: 'v',
  right: '>',
  left: '<',
  '=': '+',
  _: '-',
};

export const pressKey = (state: TopState, key: Key, sight: TopSight): TopStep => {
  if (key.name === 'interrupt' || key.name === 'end-of-input') return { state, wish: 'quit' };
  if (key.name === 'suspend' || key.name === 'redraw') return { state, wish: key.name };
  if (state.searchedBefore !== undefined) return { state: typed(state, key) };
  const pressed = key.name === 'text' ? key.text : key.name;
  const meant = synonyms[pressed] ?? pressed;
  if (meant === 'q') return { state, wish: 'quit' };
  if (meant === 'escape') return { state: escaped(state) };
  // whoever reads the help or looks at one session first goes back
  if (state.showsHelp || state.details !== undefined) {
    if (meant === ' ' || meant === '?' || meant === 'h') return { state: letters[meant]!(state, sight) };
    return { state: meant === 'enter' || meant === 'backspace' ? { ...state, showsHelp: false, details: undefined } : state };
  }
  if (meant === 'enter') return { state: opened(state, sight.row) };
  if (meant === 'backspace') return { state: back(state) };
  if (meant === 'back-tab') return { state: viewed(state, nextIn(sessionViews, state.query.view, -1)) };
  const move = Object.hasOwn(moves, meant) ? moves[meant] : undefined;
  if (move !== undefined) return { state: settle({ ...state, selected: move(state.selected, sight) }, sight) };
  const change = Object.hasOwn(letters, meant) ? letters[meant] : undefined;
  if (change === undefined) return { state };
  const next = change(state, sight);
  return state.isPaused && !next.isPaused ? { state: next, wish: 'refresh' } : { state: next };
};
