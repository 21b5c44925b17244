import { statfs } from 'node:fs/promises';
import { messageOf } from '../core/errors.ts';

/** Of a file system, as statfs says: CGROUP2_SUPER_MAGIC in include/uapi/linux/magic.h. */
const CGROUP2_MAGIC = 0x63677270;

/** Why a path is not the folder of a cgroup of the v2 hierarchy, one sentence; undefined when it is. */
export const cgroupFolderProblem = async (path: string): Promise<string | undefined> => {
  try {
    const { type } = await statfs(path);
    return type === CGROUP2_MAGIC
      ? undefined
      : `${path} is not a cgroup of the v2 hierarchy; \`grep cgroup2 /proc/mounts\` shows where that is mounted`;
  } catch (error) {
    return `the cgroup ${path} cannot be used: ${messageOf(error)}`;
  }
};
