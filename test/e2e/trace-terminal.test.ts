/** `ringtail trace` in front of a terminal: the command has it, as if it had been called itself. */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from './support/places.ts';
import { ringtailCommand } from './support/ringtail.ts';
import { startTmux } from './support/tmux.ts';

const scriptOf = (text: string): string => {
  const path = join(temporaryFolder(), 'run.sh');
  writeFileSync(path, `#!/bin/bash\n${text}\n`);
  chmodSync(path, 0o755);
  return path;
};

test('a command reads the terminal, stops itself, goes on and ends with its own exit code', async () => {
  const script = scriptOf('read -r -p "name? " name\necho "hello $name"\nkill -STOP $$\necho "on again"\nexit 5');
  const terminal = startTmux(100, 30);
  await terminal.sees('ready>');
  terminal.run(`${ringtailCommand} trace -- ${script}`);
  await terminal.sees('name?');
  terminal.run('ringtail');
  await terminal.sees('hello ringtail');
  await terminal.sees('Stopped');
  terminal.run('fg');
  await terminal.sees('sent nowhere');
  terminal.run('echo "code $?"');
  const shown = await terminal.sees(/^code 5$/m);
  expect(shown.filter((line) => line === 'on again')).toHaveLength(1);
  expect(shown.join('\n')).toMatch(/trace [0-9a-f]{32} /);
  expect(shown.join('\n')).toContain('exit code 5');
});

test('control-Z stops it, and control-C ends the command, of which the tree is told', async () => {
  const script = scriptOf('trap "echo interrupted; exit 9" INT\necho waiting\nwhile :; do sleep 0.1; done');
  const terminal = startTmux(100, 30);
  await terminal.sees('ready>');
  terminal.run(`${ringtailCommand} trace --lines 3 -- ${script}`);
  await terminal.sees(/waiting$/m);
  terminal.press('C-z');
  await terminal.sees('Stopped');
  terminal.run('fg');
  terminal.press('C-c');
  await terminal.sees('sent nowhere');
  terminal.run('echo "code $?"');
  const shown = await terminal.sees(/^code 9$/m);
  expect(shown.join('\n')).toContain('interrupted');
  expect(shown.join('\n')).toMatch(/exit code 9, \d+ programs/);
});
