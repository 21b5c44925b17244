import { readBounded } from './read.ts';

/** Hosts with many containers have thousands of mounts. */
const MAX_MOUNTS_BYTES = 4 * 2 ** 20;

/** Space, tab, newline and backslash stand as octal numbers in mount tables. Source: proc(5), mangle() of fs/seq_file.c. */
export const unescapeMountField = (field: string): string =>
  field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));

/** The first mount of the v2 hierarchy in the text of a mount table. */
export const findCgroup2Mount = (mounts: string): string | undefined => {
  for (const line of mounts.split('\n')) {
    const [, target, type] = line.split(' ');
    if (type === 'cgroup2' && target !== undefined) return unescapeMountField(target);
  }
  return undefined;
};

/**
 * Where the v2 hierarchy is mounted: /sys/fs/cgroup, /sys/fs/cgroup/unified on hybrid hosts, or elsewhere; undefined when it is not.
 * The place is not prefixed with `root`.
 */
export const cgroup2Mount = async (root: string): Promise<string | undefined> => {
  const result = await readBounded(`${root}/proc/mounts`, MAX_MOUNTS_BYTES);
  return result.ok ? findCgroup2Mount(Buffer.from(result.value.bytes).toString('utf8')) : undefined;
};
