/** The machine lacks something that a person must give: told without a stack, exit code 3. */
export class SetupError extends Error {}

/** A tool said no; `output` is what it printed. */
export class CommandError extends Error {
  /** @param {string} message @param {string} output */
  constructor(message, output) {
    super(message);
    this.output = output;
  }
}

/**
 * Runs `main` as a script: errors end on stderr and in the exit code (3: the machine lacks something, 1: a step failed).
 * @param {() => Promise<number | void>} main returns the exit code, 0 unless it says otherwise
 */
export const runMain = async (main) => {
  try {
    process.exitCode = (await main()) ?? 0;
  } catch (error) {
    if (error instanceof SetupError) {
      process.stderr.write(`ringtail set-up: ${error.message}\n`);
      process.exitCode = 3;
    } else if (error instanceof CommandError) {
      process.stderr.write(`${error.output.trimEnd()}\nringtail set-up: ${error.message}\n`);
      process.exitCode = 1;
    } else {
      process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
      process.exitCode = 1;
    }
  }
};
