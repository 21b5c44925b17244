import { ConfigError, messageOf, RingtailError } from '../core/errors.ts';

/** What a log line says of an error: its message, what to do, and every problem of a configuration. */
export const errorFields = (error: unknown): Readonly<Record<string, unknown>> => ({
  error: messageOf(error),
  ...(error instanceof RingtailError && error.advice !== '' ? { advice: error.advice } : {}),
  ...(error instanceof ConfigError && error.problems.length > 0 ? { problems: error.problems } : {}),
});
