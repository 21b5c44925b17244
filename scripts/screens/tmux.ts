/** A terminal of a size, driven by tmux. */
import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { RuntimeError } from '../../src/core/errors.ts';
import { neutralEnvironment } from './neutral-place.ts';

const SOCKET = '/tmp/tmux.sock';
const SETTINGS = '/tmp/tmux.conf';
const LOOK_MS = 100;
const PATIENCE_MS = 30_000;

const tmux = (...args: readonly string[]): string =>
  execFileSync('tmux', ['-u', '-S', SOCKET, '-f', SETTINGS, ...args], { encoding: 'utf8', env: neutralEnvironment() });

/** It waits for other terminals without one too. */
export const endTmux = (): void => {
  if (existsSync(SOCKET)) tmux('kill-server');
};

export type Terminal = {
  /** The rows that are seen now, with codes of style. */
  screen(): string;
  /** The first `rows` rows that were ever written. */
  beginning(rows: number): string;
  /** Plain text of all that was written. */
  text(): string;
  keys(...keys: readonly string[]): void;
  /** Resolves when all that was written has this. */
  shows(what: RegExp): Promise<void>;
  close(): void;
};

export const openTerminal = (command: string, { columns, rows }: { readonly columns: number; readonly rows: number }): Terminal => {
  writeFileSync(
    SETTINGS,
    [
      'set -g status off',
      'set -g exit-empty off',
      'set -g history-limit 100000',
      'set -g remain-on-exit on',
      'set -g default-terminal tmux-256color',
    ].join('\n'),
  );
  const name = tmux('new-session', '-d', '-P', '-F', '#{session_name}', '-x', String(columns), '-y', String(rows), command).trim();
  const text = () => tmux('capture-pane', '-p', '-t', name, '-S', '-', '-E', '-');
  return {
    screen: () => tmux('capture-pane', '-p', '-e', '-t', name),
    beginning: (count) => tmux('capture-pane', '-p', '-e', '-t', name, '-S', '-', '-E', '-').split('\n').slice(0, count).join('\n'),
    text,
    keys: (...keys) => void tmux('send-keys', '-t', name, ...keys),
    async shows(what) {
      for (let leftMs = PATIENCE_MS; !what.test(text()); leftMs -= LOOK_MS) {
        if (leftMs <= 0) throw new RuntimeError(`${command} does not show ${what}, but\n${text()}`);
        await wait(LOOK_MS);
      }
    },
    close: () => void tmux('kill-session', '-t', name),
  };
};
