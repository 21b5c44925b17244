/** Events as `ringtail events` prints them. Pure, but for the clock. */
import type { Attribute, AttributeValue } from '../../core/batch.ts';
import type { LiveEvent, LiveMessage, MissedEvents } from '../../live/events/types.ts';
import { objectLine } from '../../text/json.ts';
import { clockText, createEventLines, headerLine, renderLine, type Event, type LineOptions } from '../../text/line.ts';

export type EventsView = {
  /** Whole lines, each ended by a line feed. */
  render(message: LiveMessage): string;
};

export type ViewOptions = {
  readonly json: boolean;
  readonly colour: boolean;
  /** Columns of the terminal; undefined: there is none. Asked for each line, for it may change. */
  width(): number | undefined;
  /** Unix time, ms. */
  now(): number;
};

const valueOf = (value: unknown): AttributeValue => {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  return Array.isArray(value) ? value.map(String) : JSON.stringify(value);
};

const attributesOf = (object: Readonly<Record<string, unknown>>): readonly Attribute[] =>
  Object.entries(object).map(([name, value]) => [name, valueOf(value)]);

const isoTime = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z$/;

/** Unix time in ns of a time as `timeText` writes it; 0 for what is none. */
export const unixNsOf = (time: string): bigint => {
  const [, seconds, fraction = ''] = isoTime.exec(time) ?? [];
  const ms = seconds === undefined ? Number.NaN : Date.parse(`${seconds}Z`);
  return Number.isNaN(ms) ? 0n : BigInt(ms) * 1_000_000n + BigInt(fraction.padEnd(9, '0'));
};

const eventOf = ({ time, event, attributes, resource }: LiveEvent): Event => ({
  name: event,
  unixNs: unixNsOf(time),
  attributes: attributesOf(attributes),
  resource: resource && attributesOf(resource),
});

export const plural = (count: number, word: string): string => `${count} ${word}${count === 1 ? '' : 's'}`;

const reasons: Readonly<Record<MissedEvents['reason'], string>> = {
  slow_reader: 'they came faster than they were read',
  rate: 'they were more than one reader gets in a second',
};

export const createEventsView = ({ json, colour, width, now }: ViewOptions): EventsView => {
  const lines = createEventLines();
  /** What the header stands for; it comes again when the columns change. */
  let shown: string | undefined;

  const withHeader = (line: string, options: LineOptions): string => {
    if (options.width === undefined) return `${line}\n`;
    const header = headerLine({ ...options, containers: lines.hasContainers() });
    if (header === shown) return `${line}\n`;
    shown = header;
    return `${header}\n${line}\n`;
  };
  const missedLine = ({ count, reason }: MissedEvents, options: LineOptions): string =>
    renderLine(
      [
        { text: `${clockText(BigInt(Math.round(now())) * 1_000_000n)}  `, style: 'dim' },
        { text: `MISSED ${plural(count, 'event')}: ${reasons[reason]}`, style: ['bold', 'yellow'] },
      ],
      options,
    );
  return {
    render(message) {
      if (json) return `${objectLine(message)}\n`;
      if (message.type === 'end') return '';
      const options: LineOptions = { colour, width: width() };
      return message.type === 'event' ? withHeader(lines.line(eventOf(message), options), options) : `${missedLine(message, options)}\n`;
    },
  };
};
