/** Files that are put aside: `name-2026-11-21T06-45-00.000.ext` beside `name.ext`. */
import { access, readdir, rename, unlink } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import type { FileConfig } from './config.ts';

type Rotation = NonNullable<FileConfig['rotation']>;

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

const stamp = (time: Date, localtime: boolean): string =>
  new Date(time.getTime() - (localtime ? time.getTimezoneOffset() * MINUTE_MS : 0)).toISOString().slice(0, -1).replaceAll(':', '-');

const partsOf = (path: string): { readonly folder: string; readonly stem: string; readonly extension: string } => {
  const extension = extname(path);
  return { folder: dirname(path), stem: basename(path, extension), extension };
};

/** When a file was put aside, ms of Unix time; undefined for other files. */
export const backupTime = (name: string, path: string, localtime: boolean): number | undefined => {
  const { stem, extension } = partsOf(path);
  if (!name.startsWith(`${stem}-`) || !name.endsWith(extension)) return undefined;
  const match = /^(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d\.\d{3})(?:\.\d+)?$/.exec(
    name.slice(stem.length + 1, name.length - extension.length),
  );
  if (match === null) return undefined;
  const time = Date.parse(`${match[1]}T${match[2]}:${match[3]}:${match[4]}${localtime ? '' : 'Z'}`);
  return Number.isNaN(time) ? undefined : time;
};

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** Puts the file aside under a name that nobody has; returns it. */
export const putAside = async (path: string, { localtime }: Pick<Rotation, 'localtime'>, now = new Date()): Promise<string> => {
  const { folder, stem, extension } = partsOf(path);
  const name = `${stem}-${stamp(now, localtime)}`;
  let target = join(folder, `${name}${extension}`);
  // two within a millisecond
  for (let count = 1; await exists(target); count++) target = join(folder, `${name}.${count}${extension}`);
  await rename(path, target);
  return target;
};

/** Deletes what was put aside and is too old or too much; returns how many. Only files with a name as `putAside` gives it are touched. */
export const deleteOld = async (path: string, rotation: Rotation, nowMs = Date.now()): Promise<number> => {
  const { max_backups: most, max_days: days, localtime } = rotation;
  const { folder } = partsOf(path);
  const backups = (await readdir(folder))
    .map((name) => ({ name, time: backupTime(name, path, localtime) }))
    .filter((backup): backup is { name: string; time: number } => backup.time !== undefined)
    .toSorted((a, b) => b.time - a.time || (a.name < b.name ? 1 : -1));
  const old = backups.filter(({ time }, index) => (most > 0 && index >= most) || (days > 0 && nowMs - time > days * DAY_MS));
  for (const { name } of old) await unlink(join(folder, name));
  return old.length;
};
