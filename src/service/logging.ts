/** Ringtail's own log: to stderr, short lines for people or JSON for tools. */
import { styleText } from 'node:util';
import { pino } from 'pino';
import type { Logger } from '../core/logger.ts';
import { printable } from '../core/printable.ts';
import type { TelemetryConfig } from '../config/schema.ts';

/** Where lines go; process.stderr is one. */
export type LineStream = { write(text: string): unknown; readonly isTTY?: boolean; readonly columns?: number };

const colours = { debug: 'gray', info: 'green', warn: 'yellow', error: 'red' } as const;

const fieldText = (value: unknown): string => {
  if (typeof value !== 'string') return printable(JSON.stringify(value) ?? '');
  return /^[\w./:@%+,-]+$/.test(value) ? value : printable(JSON.stringify(value));
};

/** `12:34:56.789 INFO  message key=value` from one line of JSON; hostile bytes are escaped. */
export const consoleLine = (json: string, colour = false): string => {
  const { level, time, msg, ...fields } = JSON.parse(json) as {
    readonly level: keyof typeof colours;
    readonly time: string;
    readonly msg: string;
  };
  const label = level.toUpperCase().padEnd(5);
  const parts = Object.entries(fields).map(([key, value]) => `${key}=${fieldText(value)}`);
  const head = `${time.slice(11, 23)} ${colour ? styleText(colours[level], label, { validateStream: false }) : label} ${printable(msg)}`;
  return `${[head, ...parts].join(' ')}\n`;
};

export type SwitchableLogger = Logger & {
  /** From now on lines are as this says, also of loggers that were made of this one. */
  use(config: TelemetryConfig['logs']): void;
};

/** As `createLogger`; level and encoding may change while it runs. */
export const createSwitchableLogger = (
  config: TelemetryConfig['logs'],
  stream: LineStream,
  environment: Readonly<Record<string, string | undefined>> = {},
): SwitchableLogger => {
  let current = createLogger(config, stream, environment);
  return {
    debug: (fields, message) => current.debug(fields, message),
    info: (fields, message) => current.info(fields, message),
    warn: (fields, message) => current.warn(fields, message),
    error: (fields, message) => current.error(fields, message),
    use: (next) => void (current = createLogger(next, stream, environment)),
  };
};

/** Times are UTC. Console lines are coloured on a terminal unless `NO_COLOR` is set. */
export const createLogger = (
  { level, encoding }: TelemetryConfig['logs'],
  stream: LineStream,
  environment: Readonly<Record<string, string | undefined>> = {},
): Logger => {
  const terminal = stream.isTTY === true;
  const colour = terminal && (environment['NO_COLOR'] ?? '') === '';
  const console = (encoding ?? (terminal ? 'console' : 'json')) === 'console';
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } },
    { write: (json: string) => void stream.write(console ? consoleLine(json, colour) : json) },
  );
};
