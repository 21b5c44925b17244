/** The screen of top in every size, with every name. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressText, ageText, amountCell, processCell, stateCell } from '../../src/commands/top/cells.ts';
import { fitColumns } from '../../src/commands/top/columns.ts';
import { type TopScene, tableRowsOf, topFrame } from '../../src/commands/top/frame.ts';
import { widthOf, wrapWords } from '../../src/commands/top/lines.ts';
import { topSettings } from '../../src/commands/top/options.ts';
import { createTopState } from '../../src/commands/top/state.ts';
import { titleLine } from '../../src/commands/top/table.ts';
import { type SessionRow, sessionViews } from '../../src/live/sessions/types.ts';
import type { Part } from '../../src/text/parts.ts';
import { drawFrame, type Size } from '../../src/text/screen/frame.ts';
import { textWidth } from '../../src/text/width.ts';
import { hostileText } from '../text/screen/hostile-text.ts';
import { createTerminalModel } from '../text/screen/terminal-model.ts';
import { madeSession, pageOf } from './top-feed.ts';

const textOf = (parts: readonly Part[]): string => parts.map(({ text }) => text).join('');
const { query } = topSettings({ interval: '1s', view: 'sessions', sort: 'rate' });

const sceneOf = (
  sessions: readonly SessionRow[],
  given: Partial<TopScene> = {},
  view: (typeof sessionViews)[number] = 'sessions',
): TopScene => {
  const state = createTopState({ ...query, view }, 1000);
  const page = pageOf(sessions, { ...state.query, offset: 0, limit: 100 }, { atMs: new Date(2026, 0, 2, 12, 34, 56).getTime() });
  return {
    host: 'web-01',
    source: 'the Ringtail of pid 4711',
    problem: undefined,
    limit: undefined,
    command: undefined,
    state,
    page,
    pageTop: 0,
    ...given,
  };
};

const drawn = (scene: TopScene, size: Size): readonly string[] => {
  const model = createTerminalModel(size.columns, size.rows);
  model.write(drawFrame(topFrame(scene, size), size, { before: undefined, colour: true }).bytes);
  return model.lines();
};

const rows: readonly SessionRow[] = [
  madeSession(1, {
    process: '/usr/sbin/nginx', pid: 812, user: 'www-data', role: 'server', local: '10.0.0.5:443', peer: '203.0.113.9:51234', sentBytes: 8_100_000_000,
    receivedBytes: 12_345_678, sentRate: 1_300_000, receivedRate: 34_000, ageSeconds: 4711, container: { id: 'ab'.repeat(32), name: 'shop' },
  }),
  madeSession(2, {
    process: '/usr/bin/python3.11', pid: 4_194_303, user: 'worker', role: 'client', family: 'ipv6', local: '[2001:db8:85a3:1234:5678:8a2e:370:7334]:60001',
    peer: '[2001:db8:85a3:1234:5678:8a2e:370:7335]:5432', sentBytes: 81_000, receivedBytes: 1e12, sentRate: 0, receivedRate: 1000, ageSeconds: 432_000,
    container: { id: '', name: '' },
  }),
  madeSession(3, {
    process: '/usr/bin/dnsmasq', pid: 55, user: 'dnsmasq', transport: 'udp', state: undefined, role: 'unknown', local: '127.0.0.53:53', peer: '*:*',
    sentBytes: undefined, receivedBytes: undefined, sentRate: 0, receivedRate: 0, ageSeconds: undefined,
  }),
]; // prettier-ignore

describe('the screen', () => {
  it('of 80×24', () => {
    expect(drawn(sceneOf(rows), { columns: 80, rows: 24 })).toEqual([
      'ringtail top · web-01 · the Ringtail of pid 4711            every 1 s · 12:34:56',
      '3 sessions   sent 1.2 MiB/s   received 34 KiB/s   2 containers',
      'tcp 2 established   udp 1',
      ' Sessions  Processes  Containers                             by rate ▼  1–3 of 3',
      'PROCESS             PID PR   LOCAL    PEER                  STATE  SENT/S RECV/S',
      'nginx [shop]        812 tcp  :443   ← 203.0.113.9:51234     estab    1.2M    33K',
      'python3.… [CTR] 4194303 tcp  :60001 → [2001:db8:85a3:…:5432 estab       0   1000',
      'dnsmasq              55 udp  :53    · *:*                   -           0      0',
      ...Array.from({ length: 15 }, () => ''),
      'q quit  ? help  / search  v view  s sort  space pause  enter details  r reverse',
    ]);
  });

  it('of 200×50 has every column', () => {
    const lines = drawn(sceneOf(rows), { columns: 200, rows: 50 });
    expect(lines[6]!.split(/ +/)).toEqual(
      'PROCESS PID USER CONTAINER PROTO LOCAL ROLE PEER STATE SENT/S RECV/S SENT RECEIVED AGE'.split(' '),
    );
    expect(lines[7]!.split(/ {2,}/)).toEqual([
      'nginx', '812', 'www-data', 'shop', 'tcp', '10.0.0.5:443', 'server', '203.0.113.9:51234', 'established', '1.2 MiB', '33 KiB', '7.5 GiB', '12 MiB', '1h18m',
    ]); // prettier-ignore
    expect(lines[49]).toMatch(/^q quit .* \+ - pace$/);
  });

  it('of 40×10 has what is needed', () => {
    expect(drawn(sceneOf(rows), { columns: 40, rows: 10 })).toEqual([
      'ringtail top · web… every 1 s · 12:34:56',
      '3 sessions   sent 1.2 MiB/s',
      ' Sessions  Processes  Containers',
      'PROCESS    PEER            SENT/S RECV/S',
      'nginx      203.0.11…:51234   1.2M    33K',
      'python3.11 [2001:db8…:5432      0   1000',
      'dnsmasq    *:*                  0      0',
      '',
      '',
      'q quit  ? help  / search  v view  s sort',
    ]);
  });

  it.each([
    [39, 24, ['This terminal has 39 columns and 24', 'lines; 40 and 10 are the least. q', 'quits.']],
    [80, 9, ['This terminal has 80 columns and 9 lines; 40 and 10 are the least. q quits.']],
  ])('of %d×%d says what it needs', (columns, height, wanted) => {
    const lines = drawn(sceneOf(rows), { columns, rows: height });
    expect(lines.slice(0, wanted.length).join(' ')).toBe(wanted.join(' '));
  });

  it('of processes and of containers', () => {
    const all = Array.from({ length: 20 }, (_, index) => madeSession(index));
    const processes = drawn(sceneOf(all, {}, 'process'), { columns: 80, rows: 24 });
    expect(processes[4]).toBe('PROCESS                  PID USER     CONTAINER SESSIONS ESTAB   SENT/S   RECV/S');
    const containers = drawn(sceneOf(all, {}, 'container'), { columns: 80, rows: 24 });
    expect(containers.slice(4, 7).map((line) => line.trim().split(/ +/)[0])).toEqual(['CONTAINER', 'the', 'web']);
  });

  it('says what is missing, what is wrong and what is looked for', () => {
    const size = { columns: 80, rows: 24 };
    const scene = sceneOf(rows);
    expect(drawn({ ...scene, page: undefined }, size).join('\n')).toContain('looking …');
    expect(drawn(sceneOf([]), size).join('\n')).toContain('nothing is open that can be seen from here');
    const searched = {
      ...sceneOf([]),
      state: { ...scene.state, query: { ...query, search: 'a\tb', ports: [80, 443], containers: ['web'] } },
    };
    expect(drawn(searched, size).join('\n')).toContain('nothing that is open matches');
    expect(drawn(searched, size)[4]).toBe('only "a\\tb", container web, port 80 or 443');
    expect(drawn({ ...scene, problem: 'it is gone; trying again' }, size)[22]).toBe('it is gone; trying again');
    const noted = { ...scene, page: { ...scene.page!, notes: ['One thing cannot be seen.', 'Another neither.'] } };
    expect(drawn(noted, size)[22]).toBe(`${'One thing cannot be seen.'.padEnd(66)}? tells 1 more`);
    expect(drawn({ ...scene, state: { ...scene.state, isPaused: true } }, size)[0]).toMatch(/paused · 12:34:56$/);
    expect(drawn({ ...scene, state: { ...scene.state, query: { ...query, search: 'ng' }, searchedBefore: '' } }, size)[23]).toMatch(
      /^\/ng {2,}enter keep {3}esc undo$/,
    );
  });

  it('tells keys and notes when it is asked', () => {
    const scene = sceneOf(rows);
    const lines = drawn(
      { ...scene, page: { ...scene.page!, notes: ['One thing cannot be seen.'] }, state: { ...scene.state, showsHelp: true } },
      { columns: 80, rows: 24 },
    );
    expect(lines[4]).toBe('One thing cannot be seen.');
    expect(lines.join('\n')).toContain('s < >        sort by another column; r reverses');
  });

  it('tells all of one session', () => {
    const scene = sceneOf(rows);
    const state = { ...scene.state, details: { row: rows[1]!, isGone: true } };
    const lines = drawn({ ...scene, state, command: 'python3 app.py --secret \u001b[2J' }, { columns: 100, rows: 30 });
    const text = lines.join('\n');
    for (const wanted of [
      'It is not open any more',
      'session    session-2',
      'process    /usr/bin/python3.11 (pid 4194303)',
      'command    python3 app.py --secret \\x1b[2J',
      'container  its name and id are not known',
      'cgroup     /system.slice/some.service',
      'protocol   tcp over ipv6, client',
      'peer       [2001:db8:85a3:1234:5678:8a2e:370:7335]:5432',
      'received   931 GiB (1000000000000 bytes), 1000 B/s',
      'open       for 5d00h',
    ])
      expect(text).toContain(wanted);
  });

  it('marks the selection over the whole line, without colours too', () => {
    const size = { columns: 80, rows: 24 };
    const model = createTerminalModel(size.columns, size.rows);
    const scene = sceneOf(rows);
    model.write(
      drawFrame(topFrame({ ...scene, state: { ...scene.state, selected: 1 } }, size), size, { before: undefined, colour: false }).bytes,
    );
    const inverse = Array.from({ length: 24 }, (_, row) => model.styles(row).every((style) => style.split(';').includes('7')));
    expect(inverse.flatMap((is, row) => (is ? [row] : []))).toEqual([6]);
  });

  it('holds in any size with any names', () => {
    const sessions = fc.array(
      fc.record({
        index: fc.nat(10),
        process: hostileText,
        user: hostileText,
        local: hostileText,
        peer: hostileText,
        cgroup: hostileText,
        name: fc.option(hostileText),
        rate: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1e18, noNaN: true })),
        bytes: fc.option(fc.maxSafeNat(), { nil: undefined }),
        age: fc.option(fc.double({ min: 0, max: 1e10, noNaN: true }), { nil: undefined }),
        state: fc.option(hostileText, { nil: undefined }),
      }),
      { maxLength: 5 },
    );
    const sizes = fc.record({ columns: fc.integer({ min: 1, max: 260 }), rows: fc.integer({ min: 1, max: 40 }) });
    const overlays = fc.constantFrom('none', 'help', 'details', 'search');
    fc.assert(
      fc.property(sessions, sizes, hostileText, fc.constantFrom(...sessionViews), overlays, (given, size, text, view, overlay) => {
        const made = given.map(({ index, process, user, local, peer, cgroup, name, rate, bytes, age, state }) =>
          madeSession(index, {
            process, user, local, peer, cgroup, state, container: name === null ? undefined : { id: '', name }, sentRate: rate, receivedRate: rate,
            sentBytes: bytes, receivedBytes: bytes, ageSeconds: age,
          }),
        ); // prettier-ignore
        const scene = sceneOf(made, { host: text, source: text, command: text, problem: overlay === 'help' ? text : undefined }, view);
        const state = {
          ...scene.state,
          showsHelp: overlay === 'help',
          details: overlay === 'details' && made[0] !== undefined ? { row: made[0], isGone: true } : undefined,
          query: { ...scene.state.query, search: overlay === 'search' ? text : '', users: [text] },
        };
        const frame = topFrame({ ...scene, state, page: { ...scene.page!, notes: [text] } }, size);
        const isTooSmall = size.columns < 40 || size.rows < 10;
        expect(frame.length === size.rows || isTooSmall).toBe(true);
        expect(frame.every((line) => isTooSmall || widthOf(line) <= size.columns)).toBe(true);
        // throws at whatever is not ours
        createTerminalModel(size.columns, size.rows).write(drawFrame(frame, size, { before: undefined, colour: true }).bytes);
      }),
      { numRuns: 300 },
    );
  });
});

describe('columns', () => {
  it.each(sessionViews)('of %s fill no more than the width, and in more room there are not fewer', (view) => {
    let before = 0;
    for (let width = 40; width <= 300; width++) {
      const layout = fitColumns(view, width);
      const used = layout.columns.reduce((sum, column) => sum + column.width + layout.gap, -layout.gap);
      expect(used).toBeLessThanOrEqual(width);
      expect(widthOf(titleLine(layout, 'rate'))).toBe(used);
      expect(layout.columns.length).toBeGreaterThanOrEqual(before);
      before = layout.columns.length;
    }
  });

  it.each([
    [40, 'PROCESS PEER SENT/S RECV/S'],
    [60, 'PROCESS PID PEER STATE SENT/S RECV/S'],
    [80, 'PROCESS PID PR LOCAL PEER STATE SENT/S RECV/S'],
    [100, 'PROCESS PID CONTAINER PR LOCAL PEER STATE SENT/S RECV/S'],
    [160, 'PROCESS PID USER CONTAINER PR LOCAL PEER STATE SENT/S RECV/S SENT RECEIVED AGE'],
  ])('of sessions at %d', (width, titles) => {
    expect(
      textOf(titleLine(fitColumns('sessions', width), 'rate'))
        .trim()
        .split(/ +/)
        .join(' '),
    ).toBe(titles);
  });
});

describe('cells', () => {
  it.each([
    ['192.0.2.1:80', 21, '192.0.2.1:80'],
    ['192.0.2.1:80', 6, ':80'],
    ['*:*', 2, ':*'],
    ['[2001:db8:85a3:1234::1]:443', 16, '[2001:db8:8…:443'],
    ['[fe80::1%e\u001b[0m]:65535', 80, '[fe80::1%e\\x1b[0m]:65535'],
    ['/run/user/1000/docker.sock', 12, '…docker.sock'],
    ['', 6, ''],
    ['日本語日本語', 6, '…本語'],
  ])('address %j in %d: %s', (address, width, wanted) => {
    expect(addressText(address, width)).toBe(wanted);
  });

  it.each([
    [undefined, 8, '-'],
    [0, 8, '0 B'],
    [0, 6, '0'],
    [999, 6, '999'],
    [1234, 6, '1.2K'],
    [1234, 8, '1.2 KiB'],
    [2e18, 6, '1.7E'],
  ])('amount %s in %d: %s', (bytes, width, wanted) => {
    expect(amountCell(bytes, width).text).toBe(wanted);
  });

  it.each([
    [undefined, '-'], [0, '0ms'], [0.25, '250ms'], [59.9, '59s'], [65, '1m05s'], [3600, '1h00m'], [90_061, '1d01h'], [8_640_000, '100d'], [-3, '0ms'],
  ])('age %s: %s', (seconds, wanted) => {
    expect(ageText(seconds)).toBe(wanted);
  }); // prettier-ignore

  it('of states are short where there is no room', () => {
    expect([stateCell('established', 11).text, stateCell('close_wait', 6).text, stateCell('listen', 6).text]).toEqual([
      'established',
      'cls-w',
      'listen',
    ]);
  });

  it('of processes tell the container too, when there is room for both', () => {
    const cell = (name: string, container: string, width: number) => textOf(processCell(name, { id: '', name: container }, width, true));
    expect(cell('/usr/bin/nginx', 'web', 15)).toBe('nginx [web]');
    expect(cell('/usr/bin/python3.11', '', 15)).toBe('python3.… [CTR]');
    expect(cell('/usr/bin/python3.11', 'shop-backend', 15)).toBe('python… [shop…]');
    expect(cell('/usr/bin/python3.11', 'web', 10)).toBe('python3.11');
    expect(textOf(processCell('', undefined, 15, true))).toBe('?');
  });
});

describe('lines', () => {
  it('break at words, and cut what is longer', () => {
    expect(wrapWords('one two three', 7)).toEqual(['one two', 'three']);
    expect(wrapWords('abcdefghij k', 5)).toEqual(['abcd…', 'k']);
    expect(wrapWords('', 5)).toEqual([]);
    expect(textWidth(wrapWords('日本語日本語', 5)[0]!)).toBeLessThanOrEqual(5);
  });

  it('are asked for as many as there is room for', () => {
    expect(tableRowsOf(sceneOf(rows), { columns: 80, rows: 24 })).toBe(18);
    expect(tableRowsOf(sceneOf(rows, { limit: 5 }), { columns: 80, rows: 24 })).toBe(5);
    expect(tableRowsOf(sceneOf(rows), { columns: 10, rows: 2 })).toBe(1);
  });
});
