/** What stands in the cells of `ringtail top`, in more or less room. */
import { amountText } from '../../core/amount-text.ts';
import type { ContainerName, SessionRow } from '../../live/sessions/types.ts';
import { escapeText } from '../../text/escape.ts';
import type { Part, Style } from '../../text/parts.ts';
import { cutText, textWidth } from '../../text/width.ts';

/** As command lines of engines show ids of 64 digits. */
const SHORT_ID = 12;
/** An amount with its unit: `1.2 KiB`. */
const AMOUNT_WIDTH = 8;
/** The longest state is `established` and its like. */
const STATE_WIDTH = 11;
/** Less has room for a port only. */
const LEAST_ADDRESS = 12;
/** What a name keeps beside a container; in less room than for both, the name stands alone. */
const LEAST_NAME = 7;
const LEAST_BOTH = 14;

/** A container of which neither name nor id is known. */
const UNNAMED = '[CTR]';

export const shortId = (id: string): string => (id.length > SHORT_ID ? id.slice(0, SHORT_ID) : id);

/** What people call it; empty: it is none. */
export const containerText = (container: ContainerName | undefined): string =>
  container === undefined ? '' : escapeText(container.name) || escapeText(shortId(container.id)) || UNNAMED;

/** In brackets, cut to `width` with them. */
const bracketed = (text: string, width: number): string => (text === UNNAMED ? text : `[${cutText(text, width - 2)}]`);

/** The name of the file, or of the thread. */
export const processName = (process: string): string =>
  escapeText(process.startsWith('/') ? process.slice(process.lastIndexOf('/') + 1) : process);

/** The end of a text, with an ellipsis in front when something is missing. */
const cutFront = (text: string, width: number): string => {
  let kept = text;
  for (const character of text) {
    if (textWidth(kept) < width) break;
    kept = kept.slice(character.length);
  }
  return textWidth(text) <= width ? text : width > 0 ? `…${kept}` : '';
};

/** An address keeps its port, a path its end. */
export const addressText = (address: string, width: number): string => {
  const text = escapeText(address);
  if (textWidth(text) <= width) return text;
  const port = /:(?:\d+|\*)$/.exec(text)?.[0];
  if (port === undefined) return cutFront(text, width);
  return width < LEAST_ADDRESS ? cutFront(port, width) : cutText(text.slice(0, -port.length), width - port.length) + port;
};

/** In a narrow column as `1.2K`. */
export const amountCell = (bytes: number | undefined, width: number): Part => {
  if (bytes === undefined) return { text: '-', style: 'dim' };
  const text = amountText(bytes);
  const shown = width < AMOUNT_WIDTH ? text.replace(/ (?:(\w)i)?B$/, '$1') : text;
  return bytes === 0 ? { text: shown, style: 'dim' } : { text: shown };
};

/** `850ms`, `12s`, `2m05s`, `3h12m`, `5d03h`, `120d`. */
export const ageText = (seconds: number | undefined): string => {
  if (seconds === undefined) return '-';
  const two = (value: number): string => String(value).padStart(2, '0');
  const whole = Math.floor(Math.max(0, seconds));
  if (whole < 1) return `${Math.round(Math.max(0, seconds) * 1000)}ms`;
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m${two(whole % 60)}s`;
  if (whole < 86_400) return `${Math.floor(whole / 3600)}h${two(Math.floor(whole / 60) % 60)}m`;
  const days = Math.floor(whole / 86_400);
  return days < 100 ? `${days}d${two(Math.floor(whole / 3600) % 24)}h` : `${days}d`;
};

const shortStates = new Map(Object.entries({
  established: 'estab', syn_sent: 'syn>', syn_received: 'syn<', fin_wait_1: 'fin-w1', fin_wait_2: 'fin-w2', time_wait: 'time-w',
  close_wait: 'cls-w', last_ack: 'l-ack', closing: 'clsing',
})); // prettier-ignore

const stateStyles = new Map<string, Style>(Object.entries({ established: 'green', listen: 'cyan', close_wait: 'yellow', closed: 'dim' }));

export const stateCell = (state: string | undefined, width: number): Part => {
  if (state === undefined) return { text: '-', style: 'dim' };
  const text = width < STATE_WIDTH ? (shortStates.get(state) ?? state) : state;
  const style = stateStyles.get(state);
  return style === undefined ? { text: escapeText(text) } : { text: escapeText(text), style };
};

/** `beside`: with its container, for which there is no column. What is longer than the room is cut so that both can be told. */
export const processCell = (process: string, container: ContainerName | undefined, width: number, beside: boolean): readonly Part[] => {
  const name = Number.isFinite(width) ? processName(process) : escapeText(process);
  const known: Part = name === '' ? { text: '?', style: 'dim' } : { text: name, style: 'bold' };
  if (!beside || container === undefined || width < LEAST_BOTH) return [known];
  const mark = bracketed(containerText(container), width - 1 - Math.min(textWidth(known.text), LEAST_NAME));
  return [
    { ...known, text: cutText(known.text, width - 1 - textWidth(mark)) },
    { text: ` ${mark}`, style: 'blue' },
  ];
};

export const userCell = (user: string): Part => ({ text: escapeText(user), style: user === 'root' ? 'magenta' : 'green' });

const arrows: Readonly<Record<SessionRow['role'], string>> = { client: '→', server: '←', unknown: '·' };

/** As a word when there is room. */
export const roleCell = (role: SessionRow['role'], width: number): Part =>
  width < role.length ? { text: arrows[role] ?? '·', style: 'dim' } : { text: escapeText(role), style: 'dim' };
