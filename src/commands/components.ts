import { exitCode, type ExitCode } from '../core/errors.ts';
import type { CommandContext } from './context.ts';
import { formatTable } from './table.ts';

/** `ringtail components`: what a configuration may name. */
export const componentsCommand = async (options: { readonly json?: boolean }, context: CommandContext): Promise<ExitCode> => {
  const { factories } = await context.registry();
  const rows = factories
    .map(({ kind, type, aliases = [], signals, stability = 'alpha', summary }) => ({ kind, type, aliases, signals, stability, summary }))
    .toSorted((a, b) => (a.kind === b.kind ? a.type.localeCompare(b.type) : 0));
  if (options.json === true) {
    context.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
    return exitCode.done;
  }
  const columns = ['KIND', 'TYPE', 'ALIASES', 'SIGNALS', 'STABILITY', 'WHAT IT DOES'].map((title) => ({ title }));
  context.stdout.write(
    formatTable(
      columns,
      rows.map(({ kind, type, aliases, signals, stability, summary }) => [
        kind,
        type,
        aliases.join(', ') || '-',
        signals.join(', ') || '-',
        stability,
        summary,
      ]),
    ),
  );
  return exitCode.done;
};
