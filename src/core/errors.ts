/** Errors that end a command. Each has the exit code of its class and says what to do next. */

/** The exit codes of every command; docs/signals.md holds the contract. */
export const exitCode = { done: 0, config: 1, usage: 2, kernel: 3, runtime: 4 } as const;
export type ExitCode = (typeof exitCode)[keyof typeof exitCode];

type ErrorOptionsWithAdvice = { readonly cause?: unknown; readonly advice?: string };

/** Something that a user can act on. `advice` says what to do next, in one sentence. */
export class RingtailError extends Error {
  override readonly name: string = 'RingtailError';
  readonly exitCode: ExitCode = exitCode.runtime;
  readonly advice: string;

  constructor(message: string, options: ErrorOptionsWithAdvice = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.advice = options.advice ?? '';
  }
}

/** The configuration cannot be used. `problems` are whole lines, one a problem, each with its place. Exit code 1. */
export class ConfigError extends RingtailError {
  override readonly name = 'ConfigError';
  override readonly exitCode = exitCode.config;
  readonly problems: readonly string[];

  constructor(message: string, options: ErrorOptionsWithAdvice & { readonly problems?: readonly string[] } = {}) {
    super(message, options);
    this.problems = options.problems ?? [];
  }
}

/** The command line cannot be understood. Exit code 2. */
export class UsageError extends RingtailError {
  override readonly name = 'UsageError';
  override readonly exitCode = exitCode.usage;
}

/** The kernel or a privilege is missing. Exit code 3. */
export class KernelError extends RingtailError {
  override readonly name = 'KernelError';
  override readonly exitCode = exitCode.kernel;
}

/** It failed while it ran. Exit code 4. */
export class RuntimeError extends RingtailError {
  override readonly name = 'RuntimeError';
}

/** A stage does not take a batch and has told why already: it is counted, and not told again for each batch. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
}

/** The message of anything that was thrown, followed by the messages of its causes (at most five). */
export const messageOf = (error: unknown): string => {
  const messages: string[] = [];
  for (
    let next = error;
    next !== undefined && next !== null && messages.length < 5;
    next = next instanceof Error ? next.cause : undefined
  ) {
    messages.push(next instanceof Error ? next.message : String(next));
  }
  return messages.join(': ');
};
