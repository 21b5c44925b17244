/** A page of `ringtail report` for people: totals, states, and the parts of them in tables of the same columns. */
import { amountText } from '../../core/amount-text.ts';
import { durationText } from '../../core/duration-text.ts';
import type { ReportGroup, ReportPage, ReportTotals } from '../../live/report/types.ts';
import { cutPath } from '../../text/columns.ts';
import { escapeText } from '../../text/escape.ts';
import { renderLine, type LineOptions } from '../../text/line.ts';
import type { Part, Style } from '../../text/parts.ts';
import { cutText, padText, textWidth } from '../../text/width.ts';
import { recentLine } from './recent.ts';

export type ReportTextOptions = LineOptions & {
  /** What the command line asked for. */
  readonly hasContainers: boolean;
  readonly hasEvents: boolean;
  readonly cgroup: string;
};

/** Groups of one table; the others are counted. JSON has them all. */
const MOST_ROWS = 20;
/** Of cgroups and namespaces, which nobody asked for by name. */
const FEW_ROWS = 8;
const COUNT = 7;
const AMOUNT = 9;
const LEAST_NAME = 16;
/** Without a terminal names are whole up to this. */
const MOST_NAME = 100;
/** In less, rates give their room to names. */
const LEAST_WITH_RATES = 100;

const countTitles = ['OPEN', 'OPENED', 'FAILED', 'CLOSED'] as const;
const amountTitles = ['SENT', 'RECEIVED'] as const;
const rateTitles = ['SENT/s', 'RECV/s'] as const;
const titlesOf = (hasRates: boolean): string =>
  countTitles.map((title) => title.padStart(COUNT)).join('') +
  [...amountTitles, ...(hasRates ? rateTitles : [])].map((title) => title.padStart(AMOUNT)).join('');

const units = ['k', 'M', 'G', 'T'] as const;

/** `12345`, and `1.2M` of what has no room. */
export const countText = (count: number): string => {
  if (String(count).length < COUNT) return String(count);
  let value = count;
  let unit = '';
  for (const larger of units) {
    if (value < 9_999.5) break;
    value /= 1000;
    unit = larger;
  }
  return `${value < 9.95 ? value.toFixed(1) : Math.round(value)}${unit}`;
};

const right = (text: string, width: number): string => ' '.repeat(Math.max(1, width - textWidth(text))) + text;

type Row = { readonly name: string; readonly totals: ReportTotals; readonly style?: Style };

type Shape = { readonly nameWidth: number; readonly hasRates: boolean; readonly seconds: number };

const rateOf = (bytes: number, seconds: number): string => amountText(Math.round(bytes / seconds));

const rowParts = ({ name, totals, style }: Row, { nameWidth, hasRates, seconds }: Shape): readonly Part[] => {
  const { open, opened, failed, closed, sentBytes, receivedBytes } = totals;
  const rate = (bytes: number): string => right(rateOf(bytes, seconds), AMOUNT);
  return [
    { text: padText(name, nameWidth), ...(style !== undefined && { style }) },
    { text: right(countText(open), COUNT) + right(countText(opened), COUNT) },
    { text: right(countText(failed), COUNT), ...(failed > 0 && { style: 'yellow' as const }) },
    { text: right(countText(closed), COUNT) + right(amountText(sentBytes), AMOUNT) + right(amountText(receivedBytes), AMOUNT) },
    { text: hasRates ? rate(sentBytes) + rate(receivedBytes) : '', style: 'dim' },
  ];
};

const cgroupName = ({ name, id }: ReportGroup): string => name || `cgroup ${id}`;
const netnsName = ({ name, members = [] }: ReportGroup): string => [name || 'not known', members.join(', ')].join(' ').trimEnd();

/** Without a terminal all is shown, and names are as wide as the widest. */
const shapeOf = (page: ReportPage, width: number | undefined): Shape => {
  const hasRates = width === undefined || width >= LEAST_WITH_RATES;
  const names = [...page.byCgroup.map(cgroupName), ...page.byNetns.map(netnsName), ...page.byContainer.map(({ name }) => name)];
  const widest = Math.max(LEAST_NAME, ...names.map((name) => textWidth(escapeText(name))));
  const room = width === undefined ? MOST_NAME : Math.max(LEAST_NAME, width - titlesOf(hasRates).length);
  return { nameWidth: Math.min(widest, room), hasRates, seconds: Math.max(1, page.toMs - page.fromMs) / 1000 };
};

const two = (value: number): string => String(value).padStart(2, '0');
const clock = (ms: number): string => {
  const time = new Date(ms);
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
};
const day = (ms: number): string => {
  const time = new Date(ms);
  return `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
};

const total = ({ host, containers }: ReportPage): ReportTotals => ({
  open: host.open + containers.open,
  opened: host.opened + containers.opened,
  failed: host.failed + containers.failed,
  closed: host.closed + containers.closed,
  sentBytes: host.sentBytes + containers.sentBytes,
  receivedBytes: host.receivedBytes + containers.receivedBytes,
});

/** What UDP, ICMP and raw sockets are in. */
const STATELESS = 'open';
/** In the order in which a connection goes through them. */
const stateOrder = [
  'listen', 'syn_sent', 'syn_received', 'established', 'fin_wait_1', 'fin_wait_2', 'close_wait', 'closing', 'last_ack', 'time_wait', 'closed', STATELESS,
]; // prettier-ignore
const placeOf = (state: string): number => (stateOrder.indexOf(state) + stateOrder.length + 1) % (stateOrder.length + 1);

/** Words in lines of a width, with a word in front of the first. */
const wrapped = (first: string, words: readonly string[], width: number): readonly string[] => {
  const lines = [first];
  for (const word of words) {
    const line = `${lines.at(-1)!}  ${word}`;
    if (textWidth(line) > width && lines.at(-1) !== first) lines.push(`${' '.repeat(textWidth(first))}  ${word}`);
    else lines[lines.length - 1] = line;
  }
  return lines;
};

const isPath = (name: string): boolean => name.startsWith('/');
const shownName = (name: string, width: number): string => {
  const text = escapeText(name);
  return isPath(text) ? cutPath(text, width) : cutText(text, width);
};

/** Lines without line feeds; nothing is wider than the terminal. */
export const reportLines = (page: ReportPage, options: ReportTextOptions): readonly string[] => {
  const shape = shapeOf(page, options.width);
  const { nameWidth, hasRates, seconds } = shape;
  const lines: string[] = [];
  const put = (...parts: readonly Part[]): void => void lines.push(renderLine(parts, options).trimEnd());
  const row = (one: Row): void => put(...rowParts({ ...one, name: shownName(one.name, nameWidth) }, shape));
  const table = (title: string, rows: readonly Row[], most: number): void => {
    if (rows.length === 0) return;
    put({ text: padText(title, nameWidth) + titlesOf(hasRates), style: 'dim' });
    for (const one of rows.slice(0, most)) row(one);
    if (rows.length > most) put({ text: `and ${rows.length - most} more`, style: 'dim' });
  };
  const rowOf = (group: ReportGroup, name: string): Row => ({ name, totals: group, ...(group.isContainer && { style: 'blue' as const }) });

  put(
    { text: `${day(page.toMs)} ${clock(page.fromMs)} to ${clock(page.toMs)}`, style: 'bold' },
    { text: `  ${durationText(Math.round(seconds * 10) * 1e8)}`, style: 'dim' },
    { text: options.cgroup === '' ? '' : `  ${escapeText(options.cgroup)}`, style: 'cyan' },
  );
  const all = total(page);
  table('', [
    { name: 'host', totals: page.host },
    { name: 'containers', totals: page.containers, style: 'blue' },
    { name: 'total', totals: all, style: 'bold' },
  ], 3); // prettier-ignore
  if (!hasRates) put({ text: `rates  sent ${rateOf(all.sentBytes, seconds)}/s  received ${rateOf(all.receivedBytes, seconds)}/s` });
  const states = Object.entries(page.states).toSorted(([one], [other]) => placeOf(one) - placeOf(other));
  const words = states.map(([state, count]) => `${state === STATELESS ? 'stateless' : escapeText(state)} ${count}`);
  for (const text of wrapped('states', words.length === 0 ? ['none'] : words, options.width ?? Number.POSITIVE_INFINITY)) put({ text });
  if (options.hasContainers) {
    table('CONTAINER', page.byContainer.map((group) => rowOf(group, group.name)), MOST_ROWS); // prettier-ignore
    if (page.byContainer.length === 0) put({ text: 'no container has sessions', style: 'dim' });
  }
  table('CGROUP', page.byCgroup.map((group) => rowOf(group, cgroupName(group))), FEW_ROWS); // prettier-ignore
  table('NETWORK', page.byNetns.map((group) => rowOf(group, netnsName(group))), FEW_ROWS); // prettier-ignore
  if (options.hasEvents) {
    put({ text: page.recent.length === 0 ? 'no session began or ended' : 'RECENT', style: 'dim' });
    for (const session of page.recent) lines.push(recentLine(session, options));
    if (page.recentMissed > 0) put({ text: `and ${page.recentMissed} before them`, style: 'dim' });
  }
  return lines;
};
