/** A folder of docker in which somebody has put what is not to be believed, opened, followed or printed. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newContainerId } from './cgroups.ts';

export type HostileContainer = { readonly what: string; readonly id: string; readonly reason: string };

/** What stands in files that must not be read; it may stand nowhere. */
export const SECRET = 'secret-of-somebody-else';
export const GOOD_NAME = 'shop-front';
export const CONTROLS = '/\u001b]0;owned\u0007\u009b31m\u001b[2J\nname\r\u202e';

const config = (name: unknown): string => JSON.stringify({ ID: 'x', Name: name, Config: { Image: 'shop/front:1.2', Labels: {} } });
const DEPTH = 5000;
const SPARSE_BYTES = 2 ** 30;

/** Makes them below `folder`, as docker lays it out; the good one is the first. */
export const makeHostileState = (folder: string): readonly HostileContainer[] => {
  const elsewhere = join(folder, 'elsewhere');
  mkdirSync(elsewhere, { recursive: true });
  writeFileSync(join(elsewhere, 'config.v2.json'), config(`/${SECRET}`));
  mkdirSync(join(folder, 'containers'));
  const make = (what: string, reason: string, put: (file: string, place: string) => void, isFolder = true): HostileContainer => {
    const id = newContainerId();
    const place = join(folder, 'containers', id);
    if (isFolder) mkdirSync(place);
    put(join(place, 'config.v2.json'), place);
    return { what, id, reason };
  };
  const holding = (text: string) => (file: string) => writeFileSync(file, text);
  return [
    make('what docker writes', '', holding(config(`/${GOOD_NAME}`))),
    make('a pipe that nobody writes to', 'not_a_file', (file) => {
      if (spawnSync('mkfifo', [file]).status !== 0) throw new Error('mkfifo');
    }),
    make('a link to a file elsewhere', 'link', (file) => symlinkSync(join(elsewhere, 'config.v2.json'), file)),
    make('a link in place of the folder', 'link', (_, place) => symlinkSync(elsewhere, place), false),
    make('a file of 1 GiB', 'too_large', (file) => {
      writeFileSync(file, '{');
      truncateSync(file, SPARSE_BYTES);
    }),
    make('half of what docker writes', 'not_json', holding(config('/half').slice(0, 20))),
    make('no JSON', 'not_json', holding('\u0000\u001b[31mnever\n')),
    make('lists in lists', 'too_deep', holding(`${'['.repeat(DEPTH)}${']'.repeat(DEPTH)}`)),
    make('a list', 'wrong_type', holding('[]')),
    make('a name that is a number', 'wrong_type', holding(config(7))),
    make('a name for a terminal', 'bad_text', holding(config(CONTROLS))),
  ];
};
