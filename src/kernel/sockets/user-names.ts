import { loadAddon } from '../addon.ts';
import { readPasswd } from '../procfs/passwd.ts';

/** Names of users, for a command that ends afterwards: of the root's own /etc/passwd, and of the host also by NSS, which takes longer. */
export const readUserNames = async (root: string, uids: readonly number[]): Promise<ReadonlyMap<number, string>> => {
  const names = new Map<number, string>();
  const passwd = await readPasswd(root);
  for (const uid of uids) {
    const name = passwd.ok ? passwd.value.get(uid) : undefined;
    if (name !== undefined) names.set(uid, name);
  }
  const others = uids.filter((uid) => !names.has(uid));
  if (root !== '' || others.length === 0) return names;
  try {
    const found = await loadAddon().lookupUsers(others);
    others.forEach((uid, index) => {
      const name = found[index];
      if (name) names.set(uid, name);
    });
  } catch {
    // numbers have to do
  }
  return names;
};
