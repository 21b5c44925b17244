import type { ContainerFolders, ContainerNeeds } from './types.ts';

const runtimes = ['docker', 'containerd', 'cri-o', 'podman', 'lxc', 'runc', 'crun'] as const satisfies readonly (keyof ContainerFolders)[];

/** What serves them all; undefined when there are none. */
export const joinNeeds = (all: ReadonlySet<ContainerNeeds>): ContainerNeeds | undefined => {
  if (all.size === 0) return undefined;
  const folders = runtimes.map((runtime) => [runtime, [...new Set(Array.from(all, (needs) => needs.folders[runtime]).flat())]] as const);
  const needs = [...all];
  return {
    folders: Object.fromEntries(folders) as unknown as ContainerFolders,
    wantsLabel: (key) => needs.some(({ wantsLabel }) => wantsLabel(key)),
  };
};
