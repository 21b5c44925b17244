/** What the runtimes left on disk of one container. */
import { readContainerd, readDocker, readLxc, readStorage } from './engine-state.ts';
import type { HandMadeContainers } from './hand-made.ts';
import type { StateFiles } from './state-files.ts';
import type { CgroupIdentity, ContainerState } from './types.ts';

/** In the order given, the first that knows it. */
const firstOf = async (...reads: readonly (() => Promise<ContainerState | undefined>)[]): Promise<ContainerState | undefined> => {
  for (const read of reads) {
    const state = await read();
    if (state !== undefined) return state;
  }
  return undefined;
};

/** Undefined: there is nothing, or nothing that can be used. */
export const readState = async (
  files: StateFiles,
  handMade: HandMadeContainers,
  { containerId: id, runtime }: CgroupIdentity,
): Promise<ContainerState | undefined> => {
  if (id === undefined) return undefined;
  switch (runtime) {
    case 'docker':
      return firstOf(
        () => readDocker(files, id),
        () => readContainerd(files, id),
      );
    case 'containerd':
      return readContainerd(files, id);
    case 'cri-o':
    case 'podman':
      // without other threads: while an engine starts something, each turn of them takes milliseconds, and there is less time than that
      return readStorage(files.atOnce, id);
    case 'lxc':
      return readLxc(files, id);
    case 'systemd-nspawn':
      return { name: id };
    case 'runc':
    case 'crun':
      if (handMade.ofId(runtime, id) === undefined) await handMade.scan(files);
      return handMade.ofId(runtime, id)?.state;
    case undefined:
      return firstOf(
        () => readContainerd(files, id),
        () => readDocker(files, id),
        () => readStorage(files, id),
      );
  }
};

/** The container whose cgroup was given a place of its own choice: an id of 64 digits, and the namespace and id of containerd. */
export const readGuess = async (
  files: StateFiles,
  { hexId, folder, name }: { readonly hexId?: string; readonly folder: string; readonly name: string },
): Promise<{ readonly id: string; readonly state: ContainerState } | undefined> => {
  if (hexId !== undefined) {
    const state = await firstOf(
      () => readDocker(files, hexId),
      () => readContainerd(files, hexId),
      () => readStorage(files, hexId),
    );
    if (state !== undefined) return { id: hexId, state };
  }
  if (folder === '') return undefined;
  const state = await readContainerd(files, name, folder);
  return state === undefined ? undefined : { id: name, state };
};
