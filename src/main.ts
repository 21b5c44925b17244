import { readQuickly, runQuickly } from './commands/quick.ts';
import { systemContext } from './commands/system-context.ts';
import { exitCode, messageOf } from './core/errors.ts';
import { printable } from './core/printable.ts';

const die = (error: unknown): never => {
  process.stderr.write(
    `ringtail: internal error: ${printable(messageOf(error))}\n${error instanceof Error ? `${error.stack ?? ''}\n` : ''}`,
  );
  process.exit(exitCode.runtime);
};
process.on('uncaughtException', die);
process.on('unhandledRejection', die);

/** A reader that has not taken the output by then will not; nobody waits longer for a command that is done. */
const LONGEST_DRAIN_MS = 5_000;

/** Resolves when a pipe has taken what was written; more than it holds (64 KiB) would be lost by the exit. */
const drained = (stream: NodeJS.WriteStream): Promise<void> =>
  new Promise((resolve) => {
    if (stream.writableLength === 0) return resolve();
    setTimeout(resolve, LONGEST_DRAIN_MS).unref();
    stream.write('', () => resolve());
  });

const argv = process.argv.slice(2);
const context = systemContext();
const quick = readQuickly(argv);
const code = await (quick === undefined ? (await import('./commands/program.ts')).runCli(argv, context) : runQuickly(quick, context));
await Promise.all([drained(process.stdout), drained(process.stderr)]);
// Exits by itself: what is left behind after a second signal would keep the process alive.
process.exit(code);
