/** A program on a terminal, by util-linux's script. */
import { type Running, start } from './processes.ts';

export type OnTerminal = Running & {
  /** Types: control-C is '\x03'. */
  type(text: string): void;
};

const quote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

/** Both streams of the program come as `stdout()`; it ends with the program's own exit code. */
export const startOnTerminal = (command: readonly string[], env: NodeJS.ProcessEnv = process.env): OnTerminal => {
  // `exec`: a shell that waits for the program (dash does) would die of the same control-C and tell its own exit code
  const running = start('script', ['-qfec', `exec ${command.map(quote).join(' ')}`, '/dev/null'], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...env, TERM: 'xterm-256color' },
  });
  return { ...running, type: (text) => void running.child.stdin!.write(text) };
};

const colour = new RegExp(`${String.fromCharCode(0x1b)}\\[[0-9;]*m`, 'g');

/** Colour and style only; any other escape sequence is one that got through. */
export const withoutColours = (text: string): string => text.replaceAll(colour, '');
