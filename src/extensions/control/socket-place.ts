/**
 * A Unix socket that nobody else can reach at any moment, nor put another one in its place: it is made in a folder of its own that is closed to others, gets its group and
 * mode there, and is linked to where it belongs when nothing is there.
 */
import { chmod, chown, link, lstat, mkdir, mkdtemp, realpath, rename, rm, stat, unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { ConfigError, messageOf } from '../../core/errors.ts';
import { groupNumber } from '../../kernel/procfs/group.ts';
import { listening, type Place } from '../shared/http-server.ts';
import { tellWho } from './who-listens.ts';

export type SocketPlaceOptions = { readonly id: string; readonly path: string; readonly group: string | undefined };

/** A folder beside the socket, `.XXXXXX`, and the socket in it. */
const SOCKET = 's';
const PRIVATE_BYTES = '/.XXXXXX/s'.length;
/** Of several Ringtails that start at once, one has the place after so many looks. */
const ATTEMPTS = 8;
const FOLDER_MODE = 0o755;

/** Bytes of the longest name that the socket at `path` has on its way there. */
export const privateFolderBytes = (path: string): number =>
  Math.max(Buffer.byteLength(path), Buffer.byteLength(dirname(path)) + PRIVATE_BYTES);

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;

/** Whether anybody listens. Only a refusal says that nobody does: one who is too busy to answer lives. */
const isDead = (path: string): Promise<boolean> => {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(path);
  socket.once('connect', () => resolve(false));
  socket.once('error', (error) => resolve(codeOf(error) === 'ECONNREFUSED'));
  return promise.finally(() => socket.destroy());
};

/** Undefined: nothing is there. */
const lookAt = (path: string) => lstat(path, { bigint: true }).catch((error: unknown) => {
  if (codeOf(error) === 'ENOENT') return undefined;
  throw error;
}); // prettier-ignore

type Identity = { readonly dev: bigint; readonly ino: bigint };
const isSame = (a: Identity, b: Identity): boolean => a.dev === b.dev && a.ino === b.ino;

/** The first folder on the way in which others may replace what is ours; undefined: there is none. */
const openFolder = async (folder: string): Promise<string | undefined> => {
  const own = process.geteuid?.();
  for (let at = await realpath(folder); ; at = dirname(at)) {
    const { uid, mode } = await stat(at);
    const isSticky = (mode & 0o1000) !== 0;
    if ((uid !== 0 && uid !== own) || ((mode & 0o022) !== 0 && !isSticky)) return at;
    if (at === '/') return undefined;
  }
};

/** The folder, or the first above it that is there. */
const nearestFolder = async (folder: string): Promise<string> => {
  for (let at = folder; ; at = dirname(at)) if (at === '/' || (await lookAt(at)) !== undefined) return at;
};

export const socketPlace = ({ id, path, group }: SocketPlaceOptions): Place => {
  let own: Identity | undefined;
  const refusal = (why: string, advice: string, cause?: unknown): ConfigError =>
    new ConfigError(`extensions.${id}.path: cannot listen on ${path}: ${why}`, { cause, advice });
  const other = `set extensions.${id}.path to another path`;

  const checkFolder = async (folder: string): Promise<void> => {
    const open = await openFolder(folder);
    if (open !== undefined)
      throw refusal(`others may write to ${open}, and could put a socket of their own there`, `${other}, in a folder of root`);
  };

  const makeFolder = async (folder: string): Promise<void> => {
    await checkFolder(await nearestFolder(folder));
    const first = await mkdir(folder, { recursive: true, mode: FOLDER_MODE });
    // the umask may have closed what was made
    if (first !== undefined) for (let made = folder; made.length >= first.length; made = dirname(made)) await chmod(made, FOLDER_MODE);
    await checkFolder(folder);
  };

  const groupOf = async (): Promise<number | undefined> => {
    if (group === undefined) return undefined;
    const number = await groupNumber(group);
    if (number !== undefined) return number;
    throw new ConfigError(`extensions.${id}.group: this host has no group ${group}`, {
      advice: `make it, or set extensions.${id}.group to one that there is, or to its number`,
    });
  };

  /** Takes away what a Ringtail that is dead has left. */
  const clear = async (folder: string): Promise<void> => {
    const found = await lookAt(path);
    if (found === undefined) return;
    if (!found.isSocket()) throw refusal('something else is there', `${other}, or take away what is there`);
    if (!(await isDead(path))) throw refusal(`${await tellWho(path)} listens there`, `${other}, or end it`);
    const aside = join(folder, 'old');
    try {
      await rename(path, aside);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return; // somebody else took it away
      throw error;
    }
    const taken = await lookAt(aside);
    // somebody was faster, and it is not dead: back with it
    if (taken !== undefined && !isSame(taken, found)) await link(aside, path);
    await unlink(aside);
  };

  const put = async (folder: string): Promise<void> => {
    const made = join(folder, SOCKET);
    for (let attempt = 1; ; attempt++) {
      await clear(folder);
      try {
        own = await lookAt(made);
        await link(made, path);
        return;
      } catch (error) {
        if (codeOf(error) !== 'EEXIST' || attempt === ATTEMPTS) throw error;
      }
    }
  };

  return {
    async open(server) {
      const folder = dirname(path);
      let hidden: string | undefined;
      try {
        await makeFolder(folder);
        const gid = await groupOf();
        hidden = await mkdtemp(`${folder}/.`);
        const made = join(hidden, SOCKET);
        await listening(server, { path: made });
        if (gid !== undefined) await chown(made, -1, gid);
        await chmod(made, gid === undefined ? 0o600 : 0o660);
        await put(hidden);
      } catch (error) {
        if (error instanceof ConfigError) throw error;
        throw refusal(messageOf(error), other, error);
      } finally {
        if (hidden !== undefined) await rm(hidden, { recursive: true, force: true });
      }
      return { socket: path };
    },
    async close() {
      const found = own === undefined ? undefined : await lookAt(path).catch(() => undefined);
      if (found !== undefined && own !== undefined && isSame(found, own)) await unlink(path).catch(() => {});
      own = undefined;
    },
  };
};
