/**
 * Filters of clsact, which the kernel keeps when the process that made them is gone: how those of a Ringtail are told from those of others, and the living from
 * the dead. Each Ringtail has a number of its own for its filters and holds, for as long as it lives, an abstract Unix socket of that number, which the kernel
 * takes away with the process; like interfaces these have their names in a network namespace.
 */
import { randomInt } from 'node:crypto';
import { createServer, type Server } from 'node:net';
import { messageOf } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import type { Addon, NativeFilter } from '../addon.ts';

/** Before the number of a Ringtail: `RT`. */
const FIRST_HANDLE = 0x5254_0000;
const HANDLES = 0x1_0000;
const MOST_TRIES = 16;
/** The program and its number: libbpf gives filters such names. */
const OUR_NAME = /^on_clsact(_raw)?:\[\d+\]$/;

/** Undefined: somebody holds it. Rejects when that cannot be told. */
const hold = (handle: number): Promise<Server | undefined> =>
  new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.unref();
    server.on('error', (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error)));
    server.listen({ path: `\0ringtail-clsact-${handle.toString(16)}` }, () => resolve(server));
  });

export type Filters = {
  /** The number that all filters of this Ringtail have. Rejects when it cannot hold one. */
  handle(): Promise<number>;
  /** Takes away what Ringtails left behind that are no more. Never rejects. */
  sweep(): Promise<void>;
  stop(): void;
};

export const createFilters = (addon: Pick<Addon, 'filters' | 'removeFilter'>, logger: Logger): Filters => {
  let held: Promise<readonly [handle: number, server: Server]> | undefined;

  const holdOne = async (): Promise<readonly [number, Server]> => {
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const handle = FIRST_HANDLE + randomInt(HANDLES);
      const server = await hold(handle);
      if (server !== undefined) return [handle, server];
    }
    throw new Error('no number for filters of this Ringtail is free');
  };

  const isLeft = ({ handle, name }: NativeFilter): boolean =>
    handle >= FIRST_HANDLE && handle < FIRST_HANDLE + HANDLES && OUR_NAME.test(name);

  const removeWhenDead = async (filter: NativeFilter): Promise<void> => {
    const server = await hold(filter.handle);
    if (server === undefined) return;
    try {
      await addon.removeFilter(filter);
      logger.info({ ifindex: filter.ifindex }, 'a filter of a Ringtail that is no more was removed from an interface');
    } finally {
      server.close();
    }
  };

  return {
    async handle() {
      held ??= holdOne();
      return (await held)[0];
    },
    async sweep() {
      try {
        for (const filter of (await addon.filters()).filter(isLeft)) await removeWhenDead(filter);
      } catch (error) {
        logger.debug({ error: messageOf(error) }, 'filters of earlier runs could not be looked for');
      }
    },
    stop() {
      void held?.then(([, server]) => server.close()).catch(() => {});
      held = undefined;
    },
  };
};
