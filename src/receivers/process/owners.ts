/** Names of the users that are counted. */
import type { Reading } from '../../kernel/sums.ts';
import { headFlag, mapLayout } from '../../kernel/layouts.gen.ts';
import type { Users } from '../../kernel/users.ts';

/** Users of one host; a name takes about 100 bytes. */
const MOST_NAMES = 16_384;
/** A user base that hangs holds no collection up for longer. */
const WAIT_MS = 1000;

const { processCountKey } = mapLayout;

export type Owners = {
  /** Asks for the names of the users in a reading that are not known; waits for a second at the most. */
  learn(reading: Reading): Promise<void>;
  /** Of the user in a key; undefined: not known, or perhaps one of a container, who is somebody else there. */
  nameAt(keys: Buffer, at: number): string | undefined;
};

export const createOwners = (users: Pick<Users, 'lookup'>): Owners => {
  const names = new Map<number, string>();
  /** Undefined: the number is not one of the host's. */
  const userAt = (keys: Buffer, at: number): number | undefined =>
    keys.readUInt32LE(at + processCountKey.flags) & headFlag.nestedPidNs ? undefined : keys.readUInt32LE(at + processCountKey.uid);

  const ask = async (uid: number): Promise<void> => {
    const name = await users.lookup({ uid });
    if (name !== undefined) names.set(uid, name);
  };

  return {
    async learn({ count, keyBytes, keys }) {
      const unknown = new Set<number>();
      for (let entry = 0; entry < count; entry++) {
        const uid = userAt(keys, entry * keyBytes);
        if (uid !== undefined && !names.has(uid)) unknown.add(uid);
      }
      if (unknown.size === 0) return;
      if (names.size + unknown.size > MOST_NAMES) names.clear();
      const late = Promise.withResolvers<void>();
      const timer = setTimeout(late.resolve, WAIT_MS);
      await Promise.race([Promise.all(Array.from(unknown, ask)), late.promise]);
      clearTimeout(timer);
    },
    nameAt(keys, at) {
      const uid = userAt(keys, at);
      return uid === undefined ? undefined : names.get(uid);
    },
  };
};
