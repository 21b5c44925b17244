import { existsSync, statSync } from 'node:fs';
import { release, version } from 'node:os';
import { buildPath } from '../addon.ts';

/** The file with those of this kernel's types that an object needs, as the build left it; undefined when it is of another kernel. */
export const keptTypes = (object: string): string | undefined => {
  try {
    const { size } = statSync('/sys/kernel/btf/vmlinux');
    const path = buildPath(`bpf/${object}.${`${release()} ${version()} ${size}`.replaceAll(/[^\w.-]+/g, '_')}.btf`);
    return existsSync(path) ? path : undefined;
  } catch {
    return undefined;
  }
};
