import type { ContainerFolders } from './types.ts';

const storage = ['/run/containers/storage', '/var/lib/containers/storage'];

/** Where runtimes keep what they know of containers, as they are packaged. */
export const defaultContainerFolders: ContainerFolders = {
  docker: ['/var/lib/docker', '/var/snap/docker/common/var-lib-docker'],
  containerd: ['/run/containerd', '/run/k3s/containerd', '/run/k0s/containerd', '/var/snap/microk8s/common/run/containerd'],
  'cri-o': storage,
  podman: storage,
  lxc: ['/var/lib/lxc'],
  runc: ['/run/runc'],
  crun: ['/run/crun'],
};
