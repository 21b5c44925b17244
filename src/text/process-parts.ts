/** What processes did, and what was lost, in a few words. */
import { constants } from 'node:os';
import { attributeName as name, eventName } from '../otlp/names.ts';
import { durationText } from '../core/duration-text.ts';
import { show, valueText, type Part, type Values } from './parts.ts';

const signalNames = new Map(Object.entries(constants.signals).map(([signal, number]) => [number as number, signal]));

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

/** By name of the event. */
export const processParts: Readonly<Record<string, (values: Values) => Part[]>> = {
  [eventName.processExec]: execParts,
  [eventName.processFork]: forkParts,
  [eventName.processExit]: exitParts,
  [eventName.loss]: lossParts,
};
