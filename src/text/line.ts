/** One readable line for an event: when, who, which process, in which container, what. */
import { styleText } from 'node:util';
import type { Attribute } from '../core/batch.ts';
import { attributeName as name } from '../otlp/names.ts';
import { callParts } from './call-parts.ts';
import { cell, columnsFor, cutPath, type Columns } from './columns.ts';
import { containerText } from './container.ts';
import { escapeText } from './escape.ts';
import { before, show, valueText, type Part, type Values } from './parts.ts';
import { processParts } from './process-parts.ts';
import { sessionParts } from './session-parts.ts';
import { cutText, padText, textWidth } from './width.ts';

export type LineOptions = {
  readonly colour: boolean;
  /** Columns of the terminal; undefined: never cut. */
  readonly width: number | undefined;
  /** Whether there is a column for containers; one that is in a container has it anyway. */
  readonly containers?: boolean;
};

export type Event = {
  readonly name: string;
  readonly unixNs: bigint;
  readonly attributes: readonly Attribute[];
  /** Of the resource, when it is not the host's. */
  readonly resource?: readonly Attribute[] | undefined;
  /** The trace and span that its thread was in, in hexadecimal; an empty `spanId`: only the trace is known. */
  readonly context?: { readonly traceId: string; readonly spanId: string } | undefined;
};

const two = (value: number): string => String(value).padStart(2, '0');

/** `02:45:02.123` in the local time zone. */
export const clockText = (unixNs: bigint): string => {
  const time = new Date(Number(unixNs / 1_000_000n));
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}.${String(time.getMilliseconds()).padStart(3, '0')}`;
};

/** Said in the columns before, or of no help in one line. */
const spoken = new Set<string>([
  name.processPid, name.processParentPid, name.processUserId, name.processOwner, name.threadId, name.threadComm, name.processCreationTime,
  name.processExecutablePath, name.processExecutableName, name.cgroupId, name.attribution, name.processLinuxCgroup, name.ancestors, name.container,
]); // prettier-ignore

const otherParts = (eventText: string, values: Values): Part[] => [
  { text: escapeText(eventText.replace(/^ringtail\./, '')), style: 'cyan' },
  { text: Array.from(values, ([key, value]) => (spoken.has(key) ? '' : ` ${escapeText(key)}=${valueText(value)}`)).join('') },
];

const resultParts: Readonly<Record<string, (values: Values) => Part[]>> = { ...processParts, ...callParts, ...sessionParts };

const executableText = (values: Values, { process, isCut }: Columns): string => {
  const path = values.get(name.processExecutablePath) ?? values.get(name.processExecutableName);
  if (path !== undefined) return isCut ? cutPath(valueText(path), process) : valueText(path);
  const comm = show(values, name.threadComm);
  return comm === '' ? '' : values.get(name.kernelThread) === true ? `[${comm}]` : comm;
};

/** Joins parts, cut to the width, each in its style. */
export const renderLine = (parts: readonly Part[], { colour, width }: LineOptions): string => {
  let room = width ?? Number.POSITIVE_INFINITY;
  let line = '';
  for (const { text, style } of parts) {
    const shown = width === undefined ? text : cutText(text, room);
    room -= width === undefined ? 0 : textWidth(shown);
    line += colour && style !== undefined && shown !== '' ? styleText(style, shown, { validateStream: false }) : shown;
    if (room <= 0 || shown !== text) break;
  }
  return line;
};

const clockPart = (unixNs: bigint, { clock }: Columns): Part => ({
  text: clock === 'seconds' ? clockText(unixNs).slice(0, 8) : clockText(unixNs),
  style: 'dim',
});

const containerCell = (container: string, columns: Columns): readonly Part[] =>
  columns.container === 0 ? [] : [{ text: ' '.repeat(columns.gap) + cell(container, columns.container, columns), style: 'blue' }];

/** Without the line feed. */
export const eventLine = ({ name: event, unixNs, attributes, resource }: Event, options: LineOptions): string => {
  const values: Values = new Map(attributes);
  const isContainer = values.get(name.container);
  const inContainer = containerText(resource, isContainer) !== '';
  const columns = columnsFor(options.width, options.containers === true || inContainer);
  const gap = ' '.repeat(columns.gap);
  const container = inContainer ? containerText(resource, isContainer, columns.isCut ? columns.container : undefined) : '';
  const owner = show(values, name.processOwner) || show(values, name.processUserId);
  const result = resultParts[event]?.(values) ?? otherParts(event, values);
  // a session whose owner nobody knows stands among those of others; what was lost was nobody's
  const who: readonly Part[] =
    values.has(name.processPid) || event in sessionParts
      ? [
          { text: gap + cell(cutText(owner, columns.user), columns.user, columns), style: owner === 'root' ? 'magenta' : 'green' },
          { text: gap + show(values, name.processPid).padStart(columns.pid) },
          { text: gap + cell(executableText(values, columns), columns.process, columns), style: 'bold' },
          ...containerCell(container, columns),
        ]
      : [{ text: before(before(container)), style: 'blue' }];
  return renderLine([clockPart(unixNs, columns), ...who, { text: gap }, ...result], options).trimEnd();
};

/** What stands in the columns. */
export const headerLine = (options: LineOptions): string => {
  const columns = columnsFor(options.width, options.containers === true);
  const gap = ' '.repeat(columns.gap);
  const cells = [
    cell('TIME', clockText(0n).length - (columns.clock === 'seconds' ? 4 : 0), columns),
    cell('USER', columns.user, columns),
    'PID'.padStart(columns.pid),
    cell('PROCESS', columns.process, columns),
    ...(columns.container === 0 ? [] : [cell('CONTAINER', columns.container, columns)]),
    'WHAT HAPPENED',
  ];
  return renderLine([{ text: cells.join(gap), style: 'bold' }], options);
};

/** Every attribute on a line of its own, below the line of the event; the ids of its trace before them, those of the resource behind, marked. */
export const attributeLines = ({ attributes, resource = [], context }: Event, options: LineOptions): readonly string[] => {
  const indent = ' '.repeat(4);
  const ids = [['trace', context?.traceId ?? ''] as const, ['span', context?.spanId ?? ''] as const].filter(([, id]) => id !== '');
  const all = [...ids, ...attributes, ...resource.map(([key, value]) => [`resource ${key}`, value] as const)];
  const widest = Math.max(0, ...all.map(([key]) => textWidth(escapeText(key))));
  return all.map(([key, value]) =>
    renderLine([{ text: indent + padText(escapeText(key), widest), style: 'dim' }, { text: `  ${valueText(value)}` }], {
      ...options,
      width: undefined,
    }),
  );
};

/** Lines that follow each other: the column for containers comes with the first event of one, and stays. */
export const createEventLines = () => {
  let containers = false;
  return {
    /** Whether there is that column by now. */
    hasContainers: () => containers,
    line(event: Event, options: LineOptions): string {
      containers ||= containerText(event.resource, event.attributes.find(([key]) => key === name.container)?.[1]) !== '';
      return eventLine(event, { ...options, containers });
    },
  };
};
