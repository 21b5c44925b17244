/** Which columns `ringtail top` has in which room. */
import type { ContainerName, SessionGroupRow, SessionRow, SessionSort, SessionView } from '../../live/sessions/types.ts';
import type { Part } from '../../text/parts.ts';
import { addressText, ageText, amountCell, containerText, processCell, roleCell, shortId, stateCell, userCell } from './cells.ts';
import { escapeText } from '../../text/escape.ts';

export type TopRow = SessionRow | SessionGroupRow;

/** Where a cell stands: its room, and whether containers have a column of their own. */
export type CellPlace = { readonly width: number; readonly hasContainer: boolean };

export type TopColumn = {
  readonly title: string;
  /** In less room than the title takes. */
  readonly short?: string;
  readonly align?: 'right';
  /** What it is sorted by. */
  readonly sorts?: readonly SessionSort[];
  cell(row: never, place: CellPlace): Part | readonly Part[];
};

const containerCell = (container: ContainerName | undefined): Part => ({ text: containerText(container), style: 'blue' });
const pidCell = (pid: number): Part => (pid === 0 ? { text: '-', style: 'dim' } : { text: String(pid) });
const countCell = (count: number): Part => (count === 0 ? { text: '0', style: 'dim' } : { text: String(count) });

const traffic = {
  sentRate: { title: 'SENT/S', align: 'right', sorts: ['rate'], cell: (row: TopRow, { width }) => amountCell(row.sentRate, width) },
  receivedRate: { title: 'RECV/S', align: 'right', sorts: ['rate'], cell: (row: TopRow, { width }) => amountCell(row.receivedRate, width) },
  sent: { title: 'SENT', align: 'right', sorts: ['sent', 'total'], cell: (row: TopRow, { width }) => amountCell(row.sentBytes, width) },
  received: {
    title: 'RECEIVED',
    short: 'RECV',
    align: 'right',
    sorts: ['received', 'total'],
    cell: (row: TopRow, { width }) => amountCell(row.receivedBytes, width),
  },
} satisfies Record<string, TopColumn>;

const holder = {
  pid: { title: 'PID', align: 'right', cell: (row: TopRow) => pidCell(row.pid) },
  user: { title: 'USER', cell: (row: TopRow) => userCell(row.user) },
  container: { title: 'CONTAINER', sorts: ['container'], cell: (row: TopRow) => containerCell(row.container) },
} satisfies Record<string, TopColumn>;

const counts = {
  sessions: {
    title: 'SESSIONS',
    short: 'SESS',
    align: 'right',
    sorts: ['sessions'],
    cell: (row: SessionGroupRow) => countCell(row.sessions),
  },
  established: { title: 'ESTABLISHED', short: 'ESTAB', align: 'right', cell: (row: SessionGroupRow) => countCell(row.established) },
} satisfies Record<string, TopColumn>;

/** In the order in which they stand. */
const columns: Readonly<Record<SessionView, Readonly<Record<string, TopColumn>>>> = {
  sessions: {
    process: {
      title: 'PROCESS',
      sorts: ['process'],
      cell: (row: SessionRow, { width, hasContainer }) => processCell(row.process, row.container, width, !hasContainer),
    },
    ...holder,
    transport: { title: 'PROTO', short: 'PR', cell: (row: SessionRow) => ({ text: escapeText(row.transport) }) },
    local: { title: 'LOCAL', sorts: ['port'], cell: (row: SessionRow, { width }) => ({ text: addressText(row.local, width) }) },
    role: { title: 'ROLE', short: '', cell: (row: SessionRow, { width }) => roleCell(row.role, width) },
    peer: { title: 'PEER', sorts: ['peer'], cell: (row: SessionRow, { width }) => ({ text: addressText(row.peer, width) }) },
    state: { title: 'STATE', sorts: ['state'], cell: (row: SessionRow, { width }) => stateCell(row.state, width) },
    ...traffic,
    age: {
      title: 'AGE',
      align: 'right',
      sorts: ['age'],
      cell: (row: SessionRow) => ({ text: ageText(row.ageSeconds), ...(row.ageSeconds === undefined && { style: 'dim' as const }) }),
    },
  },
  process: {
    process: {
      title: 'PROCESS',
      sorts: ['process'],
      cell: (row: SessionGroupRow, { width, hasContainer }) => processCell(row.name, row.container, width, !hasContainer),
    },
    ...holder,
    ...counts,
    ...traffic,
  },
  container: {
    container: {
      title: 'CONTAINER',
      sorts: ['container'],
      cell: (row: SessionGroupRow) =>
        row.container === undefined
          ? { text: escapeText(row.name) || 'the host', style: 'bold' }
          : { text: containerText(row.container), style: ['bold', 'blue'] },
    },
    id: { title: 'ID', cell: (row: SessionGroupRow) => ({ text: escapeText(shortId(row.container?.id ?? '')), style: 'dim' }) },
    ...counts,
    ...traffic,
  },
};

type Rung = readonly [column: string, width: number];

/** In this order columns get room, as long as there is some. */
const ladders: Readonly<Record<SessionView, readonly Rung[]>> = {
  sessions: [
    ['process', 10], ['peer', 15], ['sentRate', 6], ['receivedRate', 6], ['role', 1], ['state', 6], ['pid', 7], ['local', 6], ['transport', 4],
    ['process', 15], ['peer', 21], ['container', 9], ['sentRate', 8], ['receivedRate', 8], ['local', 21], ['state', 11], ['user', 8],
    ['age', 6], ['sent', 8], ['received', 8], ['container', 16], ['process', 20], ['user', 10], ['transport', 5], ['role', 6],
  ],
  process: [
    ['process', 16], ['pid', 7], ['sentRate', 6], ['receivedRate', 6], ['sessions', 5], ['user', 8], ['established', 5], ['container', 9],
    ['sentRate', 8], ['receivedRate', 8], ['process', 20], ['sessions', 8], ['sent', 8], ['received', 8], ['container', 20], ['process', 24],
    ['established', 11], ['user', 10],
  ],
  container: [
    ['container', 19], ['sessions', 5], ['sentRate', 6], ['receivedRate', 6], ['sentRate', 8], ['receivedRate', 8], ['established', 5],
    ['sessions', 8], ['sent', 8], ['received', 8], ['id', 12], ['established', 11], ['container', 24],
  ],
}; // prettier-ignore

/** What takes room that is left, up to a width. */
const flexible: Readonly<Record<SessionView, readonly Rung[]>> = {
  sessions: [['process', 32], ['peer', 47], ['local', 47], ['container', 32]],
  process: [['process', 40], ['container', 40]],
  container: [['container', 64]],
}; // prettier-ignore

export type Layout = {
  readonly columns: readonly (TopColumn & { readonly width: number })[];
  readonly gap: number;
  readonly hasContainer: boolean;
};

/** `widths` by column; what is not in it is not shown. */
const layoutOf = (view: SessionView, widths: ReadonlyMap<string, number>, gap: number): Layout => ({
  columns: Object.entries(columns[view]).flatMap(([name, column]) => {
    const width = widths.get(name);
    return width === undefined ? [] : [{ ...column, width }];
  }),
  gap,
  hasContainer: widths.has('container'),
});

/** Columns stand further apart where there is room for all of them. */
const GAP = 1;
const WIDE_GAP = 2;

/** As far up as there is room; `room` is what is left. */
const climb = (ladder: readonly Rung[], width: number, gap: number) => {
  const widths = new Map<string, number>();
  let room = width + gap;
  for (const [name, wanted] of ladder) {
    const had = widths.get(name);
    const more = had === undefined ? wanted + gap : wanted - had;
    if (more > room) return { widths, room, isWhole: false };
    widths.set(name, wanted);
    room -= more;
  }
  return { widths, room, isWhole: true };
};

/** The columns that fit into a line. The same width gives the same columns, whatever stands in them; more width never fewer. */
export const fitColumns = (view: SessionView, width: number): Layout => {
  const wide = climb(ladders[view], width, WIDE_GAP);
  const gap = wide.isWhole ? WIDE_GAP : GAP;
  const climbed = wide.isWhole ? wide : climb(ladders[view], width, GAP);
  const { widths } = climbed;
  let { room } = climbed;
  for (let before = -1; room > 0 && before !== room;) {
    before = room;
    for (const [name, most] of flexible[view]) {
      const had = widths.get(name);
      if (room === 0 || had === undefined || had >= most) continue;
      widths.set(name, had + 1);
      room -= 1;
    }
  }
  return layoutOf(view, widths, gap);
};

/** Every column, as wide as what stands in it: for files and other programs. */
export const allColumns = (view: SessionView): Layout =>
  layoutOf(view, new Map(Object.keys(columns[view]).map((name) => [name, Number.POSITIVE_INFINITY])), 2);

/** What a view can be sorted by, in the order of its columns. */
export const sortsOf = (view: SessionView): readonly SessionSort[] => [
  ...new Set<SessionSort>(['rate', 'total', ...Object.values(columns[view]).flatMap(({ sorts = [] }) => sorts)]),
];
