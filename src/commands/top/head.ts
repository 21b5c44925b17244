/** What stands above and below the table of `ringtail top`. */
import { amountText } from '../../core/amount-text.ts';
import { durationText } from '../../core/duration-text.ts';
import { sessionProtocols } from '../../kernel/sockets/needs.ts';
import { shownStates } from '../../live/sessions/query.ts';
import { type SessionsPage, sessionViews } from '../../live/sessions/types.ts';
import { escapeText } from '../../text/escape.ts';
import type { Part } from '../../text/parts.ts';
import { cutParts, fitted, spread } from './lines.ts';
import type { TopQuery, TopState } from './state.ts';

/** What is told beside the page. */
export type TopPlace = {
  readonly host: string;
  readonly source: string;
  /** Why there are no new pages. */
  readonly problem: string | undefined;
};

const dim = (text: string): Part => ({ text, style: 'dim' });
const GAP = dim('   ');

/** `02:45:02` in the local time zone. */
export const clockOf = (unixMs: number): string => new Date(unixMs).toTimeString().slice(0, 8);

export const titleOf = ({ host, source }: TopPlace, state: TopState, page: SessionsPage | undefined, width: number): readonly Part[] => {
  const left: readonly Part[] = [
    { text: 'ringtail top', style: 'bold' },
    dim(' · '),
    { text: escapeText(host) },
    dim(' · '),
    dim(escapeText(source)),
  ];
  const pace: Part = state.isPaused
    ? { text: 'paused', style: ['bold', 'yellow'] }
    : dim(`every ${durationText(state.intervalMs * 1e6).replace(/\.0 s$/, ' s')}`);
  return spread(left, page === undefined ? [pace] : [pace, dim(' · '), { text: clockOf(page.atMs) }], width);
};

const counted = (count: number, one: string): readonly Part[] => [
  { text: String(count), style: 'bold' },
  dim(` ${one}${count === 1 ? '' : 's'}`),
];

export const totalsOf = ({ totals }: SessionsPage, width: number): readonly Part[] =>
  fitted(
    [
      counted(totals.sessions, 'session'),
      [dim('sent '), { text: `${amountText(totals.sentRate)}/s`, style: 'bold' }],
      [dim('received '), { text: `${amountText(totals.receivedRate)}/s`, style: 'bold' }],
      counted(totals.containers, 'container'),
    ],
    GAP,
    width,
  );

/** In an order of their own, so that nothing moves but the numbers. */
const inOrder = (states: Readonly<Record<string, number>>): readonly (readonly [string, number])[] =>
  Object.entries(states)
    .filter(([, count]) => count > 0)
    .toSorted(([a], [b]) => shownStates.indexOf(a) - shownStates.indexOf(b));

/** `tcp 12 established, 3 listen   udp 4`. */
export const statesOf = ({ totals }: SessionsPage, width: number): readonly Part[] =>
  cutParts(
    sessionProtocols
      .map((transport) => [transport, inOrder(totals.states[transport] ?? {})] as const)
      .filter(([, states]) => states.length > 0)
      .flatMap(([transport, states], index) => [
        ...(index === 0 ? [] : [GAP]),
        { text: transport, style: 'cyan' as const },
        ...states.flatMap(([state, count], at): readonly Part[] => [
          { text: `${at === 0 ? ' ' : ', '}${count}` },
          dim(state === 'open' ? '' : ` ${escapeText(state)}`),
        ]),
      ]),
    width,
  );

const viewTitles = { sessions: 'Sessions', process: 'Processes', container: 'Containers' } as const;

export const viewsOf = (
  state: TopState,
  page: SessionsPage | undefined,
  { top, rows }: { readonly top: number; readonly rows: number },
  width: number,
): readonly Part[] => {
  const { view, sort, descending } = state.query;
  const tabs = sessionViews.map((name): Part =>
    name === view ? { text: ` ${viewTitles[name]} `, style: ['bold', 'inverse'] } : dim(` ${viewTitles[name]} `),
  );
  const order: readonly Part[] = [dim('by '), { text: `${sort} ${descending ? '▼' : '▲'}`, style: 'cyan' }];
  if (page === undefined) return spread(tabs, order, width, 34);
  const last = top + Math.min(page.rows.length, rows);
  const range = page.rows.length === 0 ? 'none' : `${top + 1}–${last} of ${page.matched}`;
  return spread(tabs, [...order, dim('  '), { text: range }], width, 34);
};

const listOf = (name: string, values: readonly (string | number)[]): readonly string[] =>
  values.length === 0 ? [] : [`${name} ${values.map((value) => escapeText(String(value))).join(' or ')}`];

/** What rows must have to be shown; empty: nothing. */
export const filterText = (query: TopQuery): string =>
  [
    ...(query.search === '' ? [] : [`"${escapeText(query.search)}"`]),
    ...listOf('container', query.containers),
    ...listOf('process', query.processes),
    ...listOf('pid', query.pids),
    ...listOf('user', query.users),
    ...listOf('port', query.ports),
    ...listOf('state', query.states),
    ...listOf('transport', query.transports),
  ].join(', ');

export const filterOf = (query: TopQuery, width: number): readonly Part[] =>
  cutParts([dim('only '), { text: filterText(query), style: 'yellow' }], width);

const keyParts = (key: string, does: string): readonly Part[] => [{ text: key, style: 'bold' }, dim(` ${does}`)];

/** What keys do now; the more important ones first. */
export const keysOf = (state: TopState, width: number): readonly Part[] => {
  if (state.searchedBefore !== undefined) {
    const typed: readonly Part[] = [
      { text: '/', style: 'bold' },
      { text: escapeText(state.query.search) },
      { text: ' ', style: 'inverse' },
    ];
    return spread(typed, [...keyParts('enter', 'keep'), GAP, ...keyParts('esc', 'undo')], width);
  }
  const keys =
    state.showsHelp || state.details !== undefined
      ? [keyParts('esc', 'back'), keyParts('q', 'quit'), keyParts('space', state.isPaused ? 'go on' : 'pause')]
      : [
          keyParts('q', 'quit'),
          keyParts('?', 'help'),
          keyParts('/', 'search'),
          keyParts('v', 'view'),
          keyParts('s', 'sort'),
          keyParts('space', state.isPaused ? 'go on' : 'pause'),
          ...(state.trail.length > 0 ? [keyParts('esc', 'back')] : []),
          keyParts('enter', state.query.view === 'sessions' ? 'details' : 'sessions'),
          keyParts('r', 'reverse'),
          keyParts('l', state.query.listening ? 'hide listeners' : 'listeners'),
          keyParts('+ -', 'pace'),
        ];
  return fitted(keys, dim('  '), width);
};

/** What cannot be seen, or why nothing new comes. */
export const noteOf = (problem: string | undefined, notes: readonly string[], width: number): readonly Part[] | undefined => {
  if (problem !== undefined) return cutParts([{ text: escapeText(problem), style: ['bold', 'red'] }], width);
  const [first] = notes;
  if (first === undefined) return undefined;
  const more = notes.length > 1 ? [dim(`  ? tells ${notes.length - 1} more`)] : [];
  return spread([{ text: escapeText(first), style: 'yellow' }], more, width);
};
