/** What `ringtail top` shows instead of its table: what keys do, and one session. */
import { amountText } from '../../core/amount-text.ts';
import { escapeText } from '../../text/escape.ts';
import type { Part } from '../../text/parts.ts';
import type { Frame } from '../../text/screen/frame.ts';
import { padText } from '../../text/width.ts';
import { ageText } from './cells.ts';
import { cutParts, wrapWords } from './lines.ts';
import type { TopDetails } from './state.ts';

const keys: readonly (readonly [keys: string, does: string])[] = [
  ['v tab 1 2 3', 'sessions, processes, containers'],
  ['s < >', 'sort by another column; r reverses'],
  ['/', 'search in what is shown of a row'],
  ['arrows j k', 'select; page up and down, home, end'],
  ['enter', 'more of a session; the sessions of a process or a container'],
  ['esc', 'back: search, details, the view before'],
  ['l', 'sockets that listen too, or not'],
  ['space', 'the figures stand still, or go on'],
  ['+ -', 'look less or more often'],
  ['ctrl-L', 'draw everything again'],
  ['q ctrl-C', 'quit'],
];
const KEYS_WIDTH = 13;

const wrapped = (text: string, columns: number, indent: number, style?: Part['style']): Frame =>
  wrapWords(text, Math.max(1, columns - indent)).map((line) => [
    { text: ' '.repeat(indent) },
    style === undefined ? { text: line } : { text: line, style },
  ]);

/** Notes first: what keys do stands below in part anyway. */
export const helpLines = (notes: readonly string[], columns: number): Frame => [
  ...notes.flatMap((note) => wrapped(escapeText(note), columns, 0, 'yellow')),
  ...(notes.length === 0 ? [] : [[]]),
  ...keys.map(([pressed, does]) => cutParts([{ text: padText(pressed, KEYS_WIDTH), style: 'bold' }, { text: does }], columns)),
];

const NAMES_WIDTH = 11;

/** `command`: arguments of the process, when they can be read. */
export const detailLines = ({ row, isGone }: TopDetails, command: string | undefined, columns: number): Frame => {
  const container =
    row.container === undefined
      ? ''
      : [row.container.name, row.container.id].filter((text) => text !== '').join('  ') || 'its name and id are not known';
  const bytes = (amount: number | undefined, rate: number): string =>
    amount === undefined ? 'not counted' : `${amountText(amount)} (${amount} bytes), ${amountText(rate)}/s`;
  const facts: readonly (readonly [string, string])[] = [
    ['session', row.id],
    ['process', row.pid === 0 ? 'nobody is known' : `${row.process || '?'} (pid ${row.pid})`],
    ['command', command ?? ''],
    ['user', row.user],
    ['container', container],
    ['cgroup', row.cgroup],
    ['protocol', `${row.transport} over ${row.family}, ${row.role === 'unknown' ? 'role not known' : row.role}`],
    ['local', row.local],
    ['peer', row.peer],
    ['state', row.state ?? ''],
    ['sent', bytes(row.sentBytes, row.sentRate)],
    ['received', bytes(row.receivedBytes, row.receivedRate)],
    ['open', row.ageSeconds === undefined ? 'since before anybody looked' : `for ${ageText(row.ageSeconds)}`],
  ];
  return [
    ...(isGone ? wrapped('It is not open any more; this is how it was last.', columns, 0, 'yellow') : []),
    ...facts
      .filter(([, value]) => value !== '')
      .flatMap(([name, value]) =>
        wrapWords(escapeText(value), Math.max(1, columns - NAMES_WIDTH)).map((line, index): readonly Part[] => [
          { text: padText(index === 0 ? name : '', NAMES_WIDTH), style: 'dim' },
          { text: line },
        ]),
      ),
  ];
};
