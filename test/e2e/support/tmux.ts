/** A shell on a terminal that can be looked at: tmux, with a server of its own. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { temporaryFolder } from './places.ts';
import { childrenOf, until } from './processes.ts';

export type Tmux = {
  /** Types: `q`, `Enter`, `Escape`, `C-c`, `PageDown`. */
  press(...keys: readonly string[]): void;
  /** Types a line and enter. */
  run(line: string): void;
  /** What can be seen, a line a row, without blanks at the ends. */
  lines(): readonly string[];
  /** The same with the codes of styles. */
  styled(): string;
  /** Resolves when something that is shown matches, with all that is shown. */
  sees(wanted: string | RegExp): Promise<readonly string[]>;
  resize(columns: number, rows: number): void;
  /** What the shell has started and that has not ended. */
  child(): number;
  /** The program in front: what the terminal is set to for it. */
  modes(): { readonly alternate: boolean; readonly cursor: boolean; readonly wraps: boolean; readonly echoes: boolean };
};

/** A bash without a profile, which leaves the terminal as it is while it waits; ended with the test. */
export const startTmux = (columns: number, rows: number, env: NodeJS.ProcessEnv = process.env): Tmux => {
  const socket = join(temporaryFolder(), 'tmux');
  const tmux = (...args: readonly string[]): string =>
    execFileSync('tmux', ['-S', socket, '-f', '/dev/null', ...args], { encoding: 'utf8', env });
  tmux('new-session', '-d', '-x', String(columns), '-y', String(rows), 'exec env PS1="ready> " bash --norc --noprofile --noediting');
  onTestFinished(() => {
    tmux('kill-server');
  });
  const shown = (): string => tmux('capture-pane', '-p');
  const linesOf = (text: string): readonly string[] => text.replace(/\n$/, '').split('\n');
  const told = (format: string): string => tmux('display-message', '-p', format).trim();
  return {
    press: (...keys) => void tmux('send-keys', ...keys),
    run: (line) => void tmux('send-keys', line, 'Enter'),
    lines: () => linesOf(shown()),
    styled: () => tmux('capture-pane', '-p', '-e'),
    async sees(wanted) {
      const matches = (text: string) => (typeof wanted === 'string' ? text.includes(wanted) : wanted.test(text));
      let before = '';
      // twice the same, for a look may fall into the middle of a frame
      const look = (): boolean => before === (before = shown()) && matches(before);
      await until(look, String(wanted), { otherwise: shown });
      return linesOf(before);
    },
    resize: (wantedColumns, wantedRows) => void tmux('resize-window', '-x', String(wantedColumns), '-y', String(wantedRows)),
    child: () => childrenOf(Number(told('#{pane_pid}')))[0] ?? -1,
    modes() {
      const [alternate, cursor, wraps] = told('#{alternate_on} #{cursor_flag} #{wrap_flag}').split(' ');
      const settings = execFileSync('stty', ['-a', '-F', told('#{pane_tty}')], { encoding: 'utf8' });
      return { alternate: alternate === '1', cursor: cursor === '1', wraps: wraps === '1', echoes: / icanon .* echo /s.test(settings) };
    },
  };
};
