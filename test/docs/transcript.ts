/** Consoles in the documentation: what was typed, and what came of it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';

export type Step = { readonly command: string; readonly output: string };

/** `$ command` and the lines behind it, up to the next one. A line of `sh` is a command without output to compare. */
export const stepsOf = (text: string, isConsole: boolean): readonly Step[] => {
  const steps: { command: string; output: string }[] = [];
  for (const line of text.split('\n').slice(0, -1)) {
    if (!isConsole) {
      const command = line.replace(/\s+#.*$/, '').trim();
      if (command !== '' && !command.startsWith('#')) steps.push({ command, output: '' });
    } else if (line.startsWith('$ ')) steps.push({ command: line.slice(2), output: '' });
    else if (steps.length === 0) throw new Error(`a console that begins with output: ${line}`);
    else steps.at(-1)!.output += `${line}\n`;
  }
  return steps;
};

/** What differs from run to run, on both sides of the comparison. */
const placeholders: readonly (readonly [RegExp, string])[] = [
  [/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, '<time>'],
  [/\b\d\d:\d\d:\d\d\.\d{3}\b/g, '<time>'],
  [/\bpid \d+/g, 'pid <pid>'],
  [/\bLinux \d+\.\d+[\w.+-]*/g, 'Linux <release>'],
  [/\bx86_64\b|\baarch64\b/g, '<machine>'],
  [/\bfollowed by \w+/g, 'followed by <rung>'],
  [/\b0\.\d+\.\d+\b/g, '<version>'],
  // a longer row widens its column
  [/ {2,}/g, '  '],
];

const plain = (text: string): readonly string[] =>
  placeholders
    .reduce((all, [pattern, name]) => all.replace(pattern, name), text)
    .split('\n')
    .map((line) => line.trimEnd());

/** `...` at the end of a line stands for the rest of it. */
const fits = (wanted: string, had: string | undefined): boolean =>
  had !== undefined && (wanted.endsWith('...') ? had.startsWith(wanted.slice(0, -3)) : had === wanted);

/** `...` on a line of its own stands for any lines. Gives the first line that does not fit, or undefined. */
export const difference = (shown: string, found: string): string | undefined => {
  const wanted = plain(shown.replace(/\n$/, ''));
  const had = plain(found.replace(/\n$/, ''));
  let at = 0;
  for (let index = 0; index < wanted.length; index++) {
    const line = wanted[index]!;
    if (line === '...') {
      const next = wanted[index + 1];
      if (next === undefined) return undefined;
      const ahead = had.slice(at).findIndex((one) => fits(next, one));
      if (ahead === -1) return `no line "${next}" in:\n${found}`;
      at += ahead;
    } else if (!fits(line, had[at++])) return `shown "${line}", found "${had[at - 1] ?? 'nothing'}" in:\n${found}`;
  }
  return at === had.length ? undefined : `not shown: "${had[at]}"`;
};

export type Place = { readonly folder: string; readonly environment: Readonly<Record<string, string | undefined>> };
export type Outcome = { readonly code: number; readonly output: string };

/** Nothing in the documentation takes longer that ends by itself. */
const LIMIT_MS = 30_000;

/** Runs one command as a shell does, both outputs together. Nothing that it started is left behind. */
export const runCommand = async (command: string, { folder, environment }: Place): Promise<Outcome> => {
  const child = spawn('bash', ['-c', `exec 2>&1\n${command}`], {
    cwd: folder,
    env: environment,
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  const endGroup = () => {
    try {
      process.kill(-child.pid!, 'SIGKILL');
    } catch {
      // it has ended
    }
  };
  const timer = setTimeout(endGroup, LIMIT_MS);
  let output = '';
  child.stdout.on('data', (chunk) => (output += String(chunk)));
  const [code] = (await once(child, 'close')) as [number | null];
  clearTimeout(timer);
  endGroup();
  return { code: code ?? -1, output };
};

/** Runs a block step by step; `$ echo $?` tells the exit code of the step before it, which is 0 otherwise. Gives what does not fit. */
export const runSteps = async (
  steps: readonly Step[],
  compare: boolean,
  run: (command: string) => Promise<Outcome>,
): Promise<readonly string[]> => {
  const wrong: string[] = [];
  let last = 0;
  for (const [index, { command, output }] of steps.entries()) {
    if (command === 'echo $?') {
      if (output.trim() !== String(last)) wrong.push(`exit code ${last}, shown is ${output.trim()}`);
      continue;
    }
    const outcome = await run(command);
    last = outcome.code;
    if (last !== 0 && steps[index + 1]?.command !== 'echo $?') wrong.push(`$ ${command}: exit code ${last}: ${outcome.output}`);
    const found = compare ? difference(output, outcome.output) : undefined;
    if (found !== undefined) wrong.push(`$ ${command}: ${found}`);
  }
  return wrong;
};
