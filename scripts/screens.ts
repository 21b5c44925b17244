/**
 * Makes the pictures of the README from what the commands show on a terminal, while the traffic generator runs: `npm run screens`. Needs root, tmux
 * and util-linux. It happens in namespaces of its own, under /opt/ringtail on a host named web-1, so that nothing of this machine gets into the
 * pictures; nothing stays of it but the pictures.
 *
 * usage: screens.ts [name...]     all of them when none is named
 * exit codes: 0 done, 2 usage, 4 something went wrong
 */
import { spawnSync } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { messageOf } from '../src/core/errors.ts';
import { enterNeutralPlace, INSIDE, leaveNeutralPlace, NEUTRAL_FOLDER } from './screens/neutral-place.ts';
import { makePictures } from './screens/pictures.ts';
import { pictures } from './screens/scenes.ts';

const root = realpathSync(fileURLToPath(new URL('..', import.meta.url)));

const main = async (): Promise<number> => {
  const named = process.argv.slice(2);
  const unknown = named.filter((name) => !pictures.some((picture) => picture.name === name));
  if (unknown.length > 0) {
    process.stderr.write(`no such picture: ${unknown.join(', ')}; there are ${pictures.map(({ name }) => name).join(', ')}\n`);
    return 2;
  }
  if (process.getuid?.() !== 0) {
    process.stderr.write('screens: only root can make the namespaces that they are made in\n');
    return 4;
  }
  if (process.env[INSIDE] === undefined) {
    const { status } = spawnSync(
      'unshare',
      ['--mount', '--uts', '--net', '--propagation', 'private', '--', process.execPath, fileURLToPath(import.meta.url), ...named],
      {
        stdio: 'inherit',
        env: { ...process.env, [INSIDE]: root },
      },
    );
    leaveNeutralPlace();
    return status ?? 4;
  }
  enterNeutralPlace(process.env[INSIDE]);
  await makePictures(
    pictures.filter(({ name }) => named.length === 0 || named.includes(name)),
    NEUTRAL_FOLDER,
  );
  return 0;
};

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`screens: ${messageOf(error)}\n`);
  process.exitCode = 4;
}
