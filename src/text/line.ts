/** One readable line for an event: when, who, which process, in which container, what. */
import { constants } from 'node:os';
import { styleText } from 'node:util';
import type { Attribute } from '../core/batch.ts';
import { attributeName as name, eventName } from '../otlp/names.ts';
import { callParts } from './call-parts.ts';
import { containerParts } from './container.ts';
import { durationText } from '../core/duration-text.ts';
import { escapeText } from './escape.ts';
import { show, valueText, type Part, type Values } from './parts.ts';
import { sessionParts } from './session-parts.ts';
import { cutText, padText, textWidth } from './width.ts';

export type LineOptions = {
  readonly colour: boolean;
  /** Columns of the terminal; undefined: never cut. */
  readonly width: number | undefined;
};

export type Event = {
  readonly name: string;
  readonly unixNs: bigint;
  readonly attributes: readonly Attribute[];
  /** Of the resource, when it is not the host's. */
  readonly resource?: readonly Attribute[] | undefined;
};

const USER_WIDTH = 8;
const PID_WIDTH = 7;
const EXECUTABLE_WIDTH = 24;
const GAP = '  ';

const signalNames = new Map(Object.entries(constants.signals).map(([signal, number]) => [number as number, signal]));
const two = (value: number): string => String(value).padStart(2, '0');

/** `02:45:02.123` in the local time zone. */
export const clockText = (unixNs: bigint): string => {
  const time = new Date(Number(unixNs / 1_000_000n));
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}.${String(time.getMilliseconds()).padStart(3, '0')}`;
};

const execParts = (values: Values): Part[] => {
  const failure = values.get(name.errorType);
  if (failure !== undefined) return [{ text: `could not run ${show(values, name.fileRequested)}: ${valueText(failure)}`, style: 'red' }];
  const kept = values.get(name.processCommandArgs);
  const total = values.get(name.processArgsCount);
  const keptCount = Array.isArray(kept) ? kept.length : 0;
  const cut = values.get(name.argsTruncated) === true;
  const more = typeof total === 'number' && total > keptCount ? ` (${keptCount} of ${total} arguments)` : '';
  if (kept === undefined) return typeof total === 'number' ? [{ text: `${total} argument${total === 1 ? '' : 's'}`, style: 'dim' }] : [];
  return [{ text: valueText(kept) }, ...(cut ? [{ text: ` …${more}`, style: 'yellow' as const }] : [])];
};

const forkParts = (values: Values): Part[] => [
  { text: `forked ${show(values, name.childPid)}`, style: 'cyan' },
  { text: values.get(name.childThread) === true ? ' new thread' : '', style: 'dim' },
  { text: values.has(name.cloneFlags) ? ` ${show(values, name.cloneFlags)}` : '', style: 'dim' },
];

const exitParts = (values: Values): Part[] => {
  const signal = values.get(name.exitSignal);
  const code = values.get(name.processExitCode);
  const ns = values.get(name.durationNs);
  const time = ns === undefined ? '' : durationText(Number(ns));
  if (typeof signal === 'number' && signal !== 0) {
    return [{ text: `killed by ${signalNames.get(signal) ?? `signal ${signal}`}${time && ` after ${time}`}`, style: 'red' }];
  }
  return [
    {
      text: `exit ${code === undefined ? '' : valueText(code)}`.trimEnd() + (time && ` in ${time}`),
      style: code === 0 || code === undefined ? 'dim' : 'yellow',
    },
  ];
};

const lossParts = (values: Values): Part[] => {
  const count = values.get(name.lost);
  const window = values.has(name.windowStart) ? `, ${show(values, name.windowStart)} to ${show(values, name.windowEnd)}` : '';
  const what = count === undefined ? 'events' : `${valueText(count)} event${count === 1 ? '' : 's'}`;
  return [{ text: `LOST ${what} of ${show(values, name.receiver)}: ${show(values, name.reason)}${window}`, style: ['bold', 'red'] }];
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

const resultParts: Readonly<Record<string, (values: Values) => Part[]>> = {
  [eventName.processExec]: execParts,
  [eventName.processFork]: forkParts,
  [eventName.processExit]: exitParts,
  [eventName.loss]: lossParts,
  ...callParts,
  ...sessionParts,
};

const executableText = (values: Values): string => {
  const path = values.get(name.processExecutablePath) ?? values.get(name.processExecutableName);
  if (path !== undefined) return valueText(path);
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

/** Without the line feed. */
export const eventLine = (event: Event, options: LineOptions): string => {
  const values: Values = new Map(event.attributes);
  const owner = show(values, name.processOwner) || show(values, name.processUserId);
  const result = resultParts[event.name]?.(values) ?? otherParts(event.name, values);
  const container = containerParts(event.resource, values.get(name.container));
  const executable = executableText(values);
  const taken = [executable, ...container.map(({ text }) => text)].reduce((sum, text) => sum + textWidth(text), 0);
  const who: readonly Part[] = values.has(name.processPid)
    ? [
        { text: GAP + padText(cutText(owner, USER_WIDTH), USER_WIDTH), style: owner === 'root' ? 'magenta' : 'green' },
        { text: GAP + show(values, name.processPid).padStart(PID_WIDTH) },
        { text: GAP + executable, style: 'bold' },
        ...container,
        { text: ' '.repeat(Math.max(0, EXECUTABLE_WIDTH - taken)) },
      ]
    : container.map(({ text, ...part }) => ({ ...part, text: ` ${text}` })); // nobody did it
  return renderLine([{ text: clockText(event.unixNs), style: 'dim' }, ...who, { text: GAP }, ...result], options).trimEnd();
};

/** Every attribute on a line of its own, below the line of the event; those of the resource behind, marked. */
export const attributeLines = ({ attributes, resource = [] }: Event, options: LineOptions): readonly string[] => {
  const indent = ' '.repeat(4);
  const all = [...attributes, ...resource.map(([key, value]) => [`resource ${key}`, value] as const)];
  const widest = Math.max(0, ...all.map(([key]) => textWidth(escapeText(key))));
  return all.map(([key, value]) =>
    renderLine([{ text: indent + padText(escapeText(key), widest), style: 'dim' }, { text: GAP + valueText(value) }], {
      ...options,
      width: undefined,
    }),
  );
};
