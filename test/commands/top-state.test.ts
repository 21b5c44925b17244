/** What keys make of the screen. */
import { describe, expect, it } from 'vitest';
import { createTopState, pressKey, settle, type TopQuery, type TopSight, type TopState } from '../../src/commands/top/state.ts';
import { topSettings } from '../../src/commands/top/options.ts';
import { createKeyDecoder } from '../../src/text/screen/keys.ts';
import type { SessionGroupRow, SessionRow } from '../../src/live/sessions/types.ts';
import { madeSession } from './top-feed.ts';

const { query: plain } = topSettings({ interval: '1s', view: 'sessions', sort: 'rate' });
const begin = (query: Partial<TopQuery> = {}): TopState => createTopState({ ...plain, ...query }, 1000);

const group = (given: Partial<SessionGroupRow>): SessionGroupRow => ({
  pid: 0,
  name: '',
  user: '',
  container: undefined,
  sessions: 1,
  established: 1,
  sentBytes: 0,
  receivedBytes: 0,
  sentRate: 0,
  receivedRate: 0,
  ...given,
});

/** Types, with the row that is selected. */
const type = (state: TopState, text: string, sight: Partial<TopSight> = {}) => {
  const decoder = createKeyDecoder();
  let wish: string | undefined;
  for (const key of [...decoder.push(Buffer.from(text)), ...decoder.flush()]) {
    const step = pressKey(state, key, { rows: 10, matched: 35, row: madeSession(1), ...sight });
    ({ state } = step);
    wish = step.wish;
  }
  return { state, wish };
};

const ESC = '\u001b';

describe('keys of top', () => {
  it.each([
    ['v', { view: 'process' }],
    ['vv', { view: 'container' }],
    ['vvv', { view: 'sessions' }],
    ['\t', { view: 'process' }],
    [`${ESC}[Z`, { view: 'container' }],
    ['3', { view: 'container' }],
    ['31', { view: 'sessions' }],
    ['s', { sort: 'total', descending: true }],
    ['ss', { sort: 'process', descending: false }],
    ['S', { sort: 'age', descending: true }],
    ['>', { sort: 'total' }],
    [`${ESC}[C${ESC}[D`, { sort: 'rate' }],
    ['r', { sort: 'rate', descending: false }],
    ['rr', { descending: true }],
    ['l', { listening: true }],
    ['ll', { listening: false }],
    ['/nginx', { search: 'nginx' }],
    ['/日本\u007f\r', { search: '日' }],
    ['/one two\u0017', { search: 'one ' }],
    ['/one\u0015x', { search: 'x' }],
    ['/qvs', { search: 'qvs', view: 'sessions', sort: 'rate' }],
  ] as const)('%j', (keys, wanted) => {
    expect(type(begin(), keys).state.query).toMatchObject(wanted);
  });

  it.each([
    ['q', 'quit'],
    ['\u0003', 'quit'],
    ['\u0004', 'quit'],
    ['/q\u0003', 'quit'],
    ['?q', 'quit'],
    ['\u001a', 'suspend'],
    ['\u000c', 'redraw'],
    [' ', undefined],
    ['  ', 'refresh'],
    ['x', undefined],
  ] as const)('%j wishes %s', (keys, wish) => {
    expect(type(begin(), keys).wish).toBe(wish);
  });

  it('move the selection, and the rows only when it would leave them', () => {
    const at = (keys: string, state = begin()) => {
      const { selected, top } = type(state, keys).state;
      return [selected, top];
    };
    expect(at('j')).toEqual([1, 0]);
    expect(at('k')).toEqual([0, 0]);
    expect(at(`${ESC}[B`.repeat(10))).toEqual([10, 1]);
    expect(at(`${ESC}[6~`)).toEqual([10, 1]);
    expect(at('G')).toEqual([34, 25]);
    expect(at('Gg')).toEqual([0, 0]);
    expect(at('Gkkk')).toEqual([31, 25]);
    expect(at(`G${ESC}[5~`)).toEqual([24, 24]);
    // what begins anew begins at the top
    expect(at('Gs')).toEqual([0, 0]);
  });

  it('stay among rows that become fewer', () => {
    const { state } = type(begin(), 'G');
    expect(settle(state, { rows: 10, matched: 5 })).toMatchObject({ selected: 4, top: 0 });
    expect(settle(state, { rows: 10, matched: 0 })).toMatchObject({ selected: 0, top: 0 });
    expect(settle(state, { rows: 50, matched: 35 })).toMatchObject({ selected: 34, top: 0 });
    expect(settle(state, { rows: 10, matched: 35 })).toBe(state);
  });

  it('keep the order in a view that has it, and take the usual one in others', () => {
    expect(type(begin({ sort: 'age' }), 'v').state.query).toMatchObject({ view: 'process', sort: 'rate', descending: true });
    expect(type(begin({ sort: 'process', descending: true }), 'v').state.query).toMatchObject({ sort: 'process', descending: true });
  });

  it('take a search back', () => {
    const typed = type(begin({ search: 'before' }), '/xyz').state;
    expect(typed.query.search).toBe('beforexyz');
    expect(type(typed, ESC).state).toMatchObject({ query: { search: 'before' }, searchedBefore: undefined });
    expect(type(type(typed, '\r').state, ESC).state.query.search).toBe('');
  });

  it('take no search without an end', () => {
    expect(type(begin(), `/${'x'.repeat(500)}`).state.query.search.length).toBe(100);
  });

  it('open details and the help, and close them', () => {
    const { state } = type(begin(), '\r');
    expect(state.details).toEqual({ row: madeSession(1), isGone: false });
    expect(type(state, 'vsj').state).toBe(state);
    for (const key of [ESC, '\r', '\u007f']) expect(type(state, key).state.details).toBe(undefined);
    const { state: helped } = type(begin(), '?');
    expect(helped.showsHelp).toBe(true);
    for (const key of [ESC, '?', 'h', '\r']) expect(type(helped, key).state.showsHelp).toBe(false);
    expect(type(begin(), '\r', { row: undefined }).state.details).toBe(undefined);
  });

  it.each([
    ['process', group({ pid: 7, name: '/bin/x' }), { pids: [7] }],
    ['process', group({}), { pids: [0] }],
    ['container', group({ name: 'web', container: { id: 'abc', name: 'web' } }), { containers: ['abc'] }],
    ['container', group({ name: 'web', container: { id: '', name: 'web' } }), { containers: ['web'] }],
    ['container', group({ container: { id: '', name: '' } }), { containers: ['any'] }],
    ['container', group({}), { containers: ['host'] }],
  ] as const)('look into a row of the view %s: %j', (view, row, wanted) => {
    const before = type(begin({ view }), 'jj').state;
    const inside = type(before, '\r', { row }).state;
    expect(inside).toMatchObject({ query: { ...wanted, view: 'sessions' }, selected: 0, top: 0 });
    // and back, to where it was
    for (const key of [ESC, '\u007f']) expect(type(inside, key).state).toEqual(before);
  });

  it('choose how often, within bounds', () => {
    const paceOf = (keys: string) => type(begin(), keys).state.intervalMs;
    expect([paceOf('+'), paceOf('-'), paceOf('='), paceOf('+'.repeat(20)), paceOf('-'.repeat(20))]).toEqual([2000, 500, 2000, 60_000, 250]);
    expect(type(createTopState(plain, 700), '+').state.intervalMs).toBe(1000);
  });

  it('know rows of sessions from rows of several', () => {
    expect('sessions' in (madeSession(1) satisfies SessionRow)).toBe(false);
  });
});
