import { runCli } from './commands/program.ts';
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

// Exits by itself: what is left behind after a second signal would keep the process alive.
process.exit(await runCli(process.argv.slice(2), systemContext()));
