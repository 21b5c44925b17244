import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFrameBuilder, type ActorInput } from '../../src/core/frame-builder.ts';
import { headFlag } from '../../src/kernel/layouts.gen.ts';
import { createUsers, type LookupUsers, type Users } from '../../src/kernel/users.ts';
import { encodeAttributes } from '../../src/otlp/wire.ts';
import { createFakeProc, type FakeProc } from './fake-proc.ts';

let proc: FakeProc;
beforeEach(() => (proc = createFakeProc()));
afterEach(() => proc.dispose());

const frameOf = (...actors: readonly ActorInput[]) => {
  const builder = createFrameBuilder({ wallOffsetNs: 0n });
  for (const actor of actors) builder.addActor(actor);
  return builder.build();
};
const namesOf = (users: Users, ...actors: readonly ActorInput[]) => {
  const { owners, logins, missing } = users.resolve(frameOf(...actors));
  const name = (source: Users['ownerSource'], id: number) => source.entries(id)[0]?.[1];
  return {
    owners: Array.from(owners, (id) => name(users.ownerSource, id)),
    logins: Array.from(logins, (id) => name(users.loginSource, id)),
    missing,
  };
};
/** NSS that knows some names, and tells what it was asked. */
const nss = (names: Readonly<Record<number, string>>) => {
  const asked: number[][] = [];
  const lookupUsers: LookupUsers = async (uids) => {
    asked.push([...uids]);
    return uids.map((uid) => names[uid] ?? null);
  };
  return { asked, lookupUsers };
};

describe('users of the host', () => {
  it('asks once for each number, then answers from memory', async () => {
    const { asked, lookupUsers } = nss({ 0: 'root', 1000: 'ann' });
    const users = createUsers({ lookupUsers });
    const actors = [{ pid: 1, uid: 1000 }, { pid: 2, uid: 1000, euid: 0, loginUid: 1000 }, { pid: 3, uid: 0, loginUid: 0 }]; // prettier-ignore
    const before = namesOf(users, ...actors);
    expect(before.owners).toEqual([undefined, undefined, undefined]);
    expect(before.missing).toEqual([{ uid: 1000 }, { uid: 0 }]);
    await users.fetch(before.missing);
    expect(namesOf(users, ...actors)).toEqual({ owners: ['ann', 'root', 'root'], logins: [undefined, 'ann', undefined], missing: [] });
    expect(asked).toEqual([[1000, 0]]);
  });

  it('writes the attributes that it names', async () => {
    const users = createUsers(nss({ 7: 'ann' }));
    await users.fetch([{ uid: 7 }]);
    const id = users.resolve(frameOf({ pid: 1, uid: 7 })).owners[0]!;
    const out = new Uint8Array(users.ownerSource.size(id));
    expect(users.ownerSource.write(id, out, 0)).toBe(out.length);
    expect(out).toEqual(encodeAttributes([['process.owner', 'ann']]));
    expect(users.loginSource.entries(id)).toEqual([['ringtail.login_user.name', 'ann']]);
    expect([users.ownerSource.size(0), users.ownerSource.entries(0)]).toEqual([0, []]);
  });

  it('asks no question twice at a time', async () => {
    const { asked, lookupUsers } = nss({ 1: 'a' });
    const users = createUsers({ lookupUsers });
    await Promise.all([users.fetch([{ uid: 1 }, { uid: 1 }]), users.fetch([{ uid: 1 }, { uid: 2 }])]);
    expect(asked).toEqual([[1], [2]]);
  });

  it('asks again for a number without a name, each time later, and finds it when it is there', async () => {
    let nowMs = 0;
    const names: Record<number, string> = {};
    const users = createUsers({ ...nss(names), nowMs: () => nowMs });
    const isMissing = () => namesOf(users, { pid: nowMs + 1, uid: 5 }).missing.length === 1;
    await users.fetch([{ uid: 5 }]);
    for (const waitMs of [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]) {
      nowMs += waitMs - 1;
      expect(isMissing()).toBe(false);
      nowMs += 1;
      expect(isMissing()).toBe(true);
      await users.fetch([{ uid: 5 }]);
    }
    names[5] = 'new';
    nowMs += 60_000;
    await users.fetch([{ uid: 5 }]);
    expect(namesOf(users, { pid: 1, uid: 5 }).owners).toEqual(['new']);
  });

  it('asks again after the time to live, and uses the old name until the answer', async () => {
    let nowMs = 0;
    const names: Record<number, string> = { 5: 'old' };
    const users = createUsers({ ...nss(names), ttlMs: 100, nowMs: () => nowMs });
    await users.fetch([{ uid: 5 }]);
    nowMs = 100;
    names[5] = 'new';
    const stale = namesOf(users, { pid: 1, uid: 5 });
    expect(stale).toMatchObject({ owners: ['old'], missing: [{ uid: 5 }] });
    await users.fetch(stale.missing);
    expect(namesOf(users, { pid: 1, uid: 5 })).toMatchObject({ owners: ['new'], missing: [] });
  });

  it('knows the users of /etc/passwd from the start, by what NSS says of them', async () => {
    proc.write('etc/passwd', 'root:x:0:0::/:/bin/sh\nann:x:1000:1000::/:/bin/sh\n');
    const { asked, lookupUsers } = nss({ 0: 'root', 1000: 'anna' });
    const users = createUsers({ root: proc.root, lookupUsers });
    await users.start();
    expect(asked).toEqual([[0, 1000]]);
    expect(namesOf(users, { pid: 1, uid: 1000 }, { pid: 2, uid: 0 })).toEqual({
      owners: ['anna', 'root'],
      logins: [undefined, undefined],
      missing: [],
    });
  });

  it('starts without a file of users, and when the user base hangs', async () => {
    const { asked, lookupUsers } = nss({});
    await createUsers({ root: proc.root, lookupUsers }).start();
    expect(asked).toEqual([]);
    proc.write('etc/passwd', 'ann:x:1000:1000::/:/bin/sh\n');
    const hanging = createUsers({ root: proc.root, lookupUsers: () => new Promise(() => {}) });
    await hanging.start();
    expect(namesOf(hanging, { pid: 1, uid: 1000 }).missing).toEqual([{ uid: 1000 }]);
  });

  it('reads /etc/passwd when there is no NSS, or it fails', async () => {
    proc.write('etc/passwd', 'ann:x:1000:1000::/:/bin/sh\n');
    const failing = async (): Promise<never> => {
      throw new Error('no NSS');
    };
    for (const lookupUsers of [undefined, failing]) {
      const users = createUsers({ root: proc.root, lookupUsers });
      expect(await users.lookup({ uid: 1000 })).toBe('ann');
      expect(await users.lookup({ uid: 1001 })).toBeUndefined();
    }
    const users = createUsers({ root: proc.mkdir('empty') });
    expect(await users.lookup({ uid: 1000 })).toBeUndefined();
  });

  it('holds its bound, and looks up from memory', async () => {
    const { asked, lookupUsers } = nss({ 1: 'a', 2: 'b', 3: 'c' });
    const users = createUsers({ lookupUsers, capacity: 2 });
    for (const uid of [1, 2, 3]) await users.fetch([{ uid }]);
    expect(users.size).toBe(2);
    expect(await users.lookup({ uid: 3 })).toBe('c');
    expect(await users.lookup({ uid: 1 })).toBe('a');
    expect(asked).toEqual([[1], [2], [3], [1]]);
    expect(namesOf(users, { pid: 1, uid: 3 }, { pid: 2, uid: 1 }).owners).toEqual(['c', 'a']);
  });
});

describe('users of a container', () => {
  const inside = (pid: number, uid: number): ActorInput => ({ pid, uid, startNs: 1_000_000_000n, flags: headFlag.nestedPidNs });
  const container = (pid: number, name: string, mountNamespace = name): void => {
    const processRoot = proc.mkdir(name);
    proc.write(`${name}/etc/passwd`, `${name}-user:x:999:999\n`);
    proc.set({ pid, startTicks: 100, mountNamespace, processRoot });
  };

  it('are those of its own root, for all of its processes, and apart from others of one number', async () => {
    container(20, 'a');
    container(21, 'a');
    container(30, 'b');
    const { asked, lookupUsers } = nss({ 999: 'host-user' });
    const users = createUsers({ root: proc.root, lookupUsers });
    const actors = [inside(20, 999), inside(21, 999), inside(30, 999), { pid: 5, uid: 999 }];
    await users.fetch(namesOf(users, ...actors).missing);
    expect(namesOf(users, ...actors)).toMatchObject({ owners: ['a-user', 'a-user', 'b-user', 'host-user'], missing: [] });
    expect(asked).toEqual([[999]]);
    expect(await users.lookup({ uid: 999, process: { pid: 20, startNs: 1_000_000_000n } })).toBe('a-user');
  });

  it('are not guessed: another process under the pid, no such user, no such file', async () => {
    container(20, 'a');
    const users = createUsers({ root: proc.root, ...nss({ 999: 'host-user', 5: 'host-five' }) });
    const late = { ...inside(20, 999), startNs: 1_500_000_000n };
    const actors = [late, inside(20, 5), inside(77, 999)];
    await users.fetch(namesOf(users, ...actors).missing);
    expect(namesOf(users, ...actors).owners).toEqual([undefined, undefined, undefined]);
    expect(await users.lookup({ uid: 999, process: { pid: 77, startNs: 1n } })).toBeUndefined();
  });

  it('leave the login user to the host', async () => {
    container(20, 'a');
    const users = createUsers({ root: proc.root, ...nss({ 1000: 'ann' }) });
    const actor = { ...inside(20, 999), loginUid: 1000 };
    await users.fetch(namesOf(users, actor).missing);
    expect(namesOf(users, actor)).toMatchObject({ owners: ['a-user'], logins: ['ann'] });
  });
});
