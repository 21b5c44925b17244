/** What docker, containerd, cri-o, podman and lxc leave on disk of a container. */
import { fieldsOf, isFit, type Fields } from './json-state.ts';
import { imageOf, present, type StateFiles } from './state-files.ts';
import type { ContainerState } from './types.ts';

/** Namespaces of containerd, and drivers of a storage. */
const MAX_FOLDERS = 64;

const kubernetesLabels = {
  podUid: 'io.kubernetes.pod.uid',
  podNamespace: 'io.kubernetes.pod.namespace',
  podName: 'io.kubernetes.pod.name',
  podContainerName: 'io.kubernetes.container.name',
} as const;
/** As cri-dockerd and cri-o name what holds a pod together. */
const SANDBOX_NAME = 'POD';

const podOf = (texts: ReadonlyMap<string, string>): ContainerState => {
  const { podContainerName, ...pod } = Object.fromEntries(
    Object.entries(kubernetesLabels).map(([member, label]) => [member, texts.get(label)]),
  );
  return present({ ...pod, podContainerName: podContainerName === SANDBOX_NAME ? undefined : podContainerName });
};

/** `containers/<id>/config.v2.json`; moby, container/container.go. */
export const readDocker = async (files: StateFiles, id: string): Promise<ContainerState | undefined> => {
  for (const folder of files.folders.docker) {
    const found = await files.fields(folder, ['containers', id, 'config.v2.json']);
    if (found === undefined) continue;
    const config = found.fields('Config');
    const labels = config.fields('Labels').texts();
    return {
      runtime: 'docker',
      ...present({ name: found.text('Name')?.replace(/^\//, '') }),
      ...imageOf(config.text('Image')),
      ...podOf(labels),
      ...files.labels(labels),
    };
  }
  return undefined;
};

const criAnnotations = {
  podUid: 'io.kubernetes.cri.sandbox-uid',
  podNamespace: 'io.kubernetes.cri.sandbox-namespace',
  podName: 'io.kubernetes.cri.sandbox-name',
  podContainerName: 'io.kubernetes.cri.container-name',
  name: 'nerdctl/name',
} as const;
/** Bundles of tasks, by the version of the shim. */
const taskFolders = ['io.containerd.runtime.v2.task', 'io.containerd.runtime.v1.linux'] as const;

const ofBundle = (files: StateFiles, found: Fields): ContainerState => {
  const annotations = found.fields('annotations').texts();
  return {
    runtime: 'containerd',
    ...present(Object.fromEntries(Object.entries(criAnnotations).map(([member, annotation]) => [member, annotations.get(annotation)]))),
    ...imageOf(annotations.get('io.kubernetes.cri.image-name')),
    ...files.labels(annotations),
  };
};

/** `<shim>/<namespace>/<id>/config.json`; containerd, pkg/cri/annotations. `namespace`: that one alone. */
export const readContainerd = async (files: StateFiles, id: string, namespace?: string): Promise<ContainerState | undefined> => {
  for (const folder of files.folders.containerd)
    for (const tasks of taskFolders) {
      const namespaces = namespace === undefined ? await files.names(folder, [tasks], MAX_FOLDERS) : [namespace];
      for (const name of namespaces) {
        const found = await files.fields(folder, [tasks, name, id, 'config.json']);
        if (found !== undefined) return { ...ofBundle(files, found), ...(name === 'moby' ? { runtime: 'docker' } : {}) };
      }
    }
  return undefined;
};

const driverFolder = /^[a-z0-9]+-containers$/;

/** Read by other threads, or at once. */
type Files = Omit<StateFiles, 'atOnce'>;

/** The entry of a container in the index of a storage; containers/storage, containers.go. */
const readIndex = async (files: Files, folder: string, driver: string, id: string): Promise<ContainerState | undefined> => {
  const found = await files.json(folder, [driver, 'containers.json']);
  if (typeof found === 'string') return undefined;
  if (!Array.isArray(found.value)) {
    files.report('wrong_type', found.file);
    return undefined;
  }
  const entry: unknown = found.value.find((one: unknown) => typeof one === 'object' && one !== null && 'id' in one && one.id === id);
  if (entry === undefined) return undefined;
  const fields = fieldsOf(entry, files.report, found.file);
  const [name] = fields.list('names');
  let image: string | undefined;
  try {
    const metadata: unknown = JSON.parse(fields.text('metadata') ?? '{}');
    image = fieldsOf(metadata, files.report, `${found.file}: metadata`).text('image-name');
  } catch {
    files.report('not_json', `${found.file}: metadata`);
  }
  if (typeof name === 'string' && !isFit(name)) files.report('bad_text', `${found.file}: names`);
  return { ...present({ name: typeof name === 'string' && name !== '' && isFit(name) ? name : undefined }), ...imageOf(image) };
};

/** `userdata/config.json`; cri-o, pkg/annotations. Of podman it has no names. */
const readUserdata = async (files: Files, folder: string, driver: string, id: string): Promise<ContainerState | undefined> => {
  const found = await files.fields(folder, [driver, id, 'userdata', 'config.json']);
  if (found === undefined) return undefined;
  const annotations = found.fields('annotations').texts();
  const isCrio = annotations.get('io.container.manager') === 'cri-o' || annotations.has('io.kubernetes.cri-o.ContainerID');
  return {
    runtime: isCrio ? 'cri-o' : 'podman',
    ...present({ name: annotations.get('io.kubernetes.cri-o.Name') }),
    ...imageOf(annotations.get('io.kubernetes.cri-o.ImageName') ?? annotations.get('io.podman.annotations.image')),
    ...podOf(annotations),
    ...files.labels(annotations),
  };
};

/** cri-o and podman keep the same storage: `<driver>-containers/` in the folder of what lasts, and in that of what runs. */
export const readStorage = async (files: Files, id: string): Promise<ContainerState | undefined> => {
  const found: ContainerState[] = [];
  for (const folder of new Set([...files.folders['cri-o'], ...files.folders.podman])) {
    for (const driver of await files.names(folder, [], MAX_FOLDERS)) {
      if (!driverFolder.test(driver)) continue;
      const more = [await readIndex(files, folder, driver, id), await readUserdata(files, folder, driver, id)];
      for (const one of more) if (one !== undefined) found.unshift(one);
    }
  }
  return found.length === 0 ? undefined : Object.assign({}, ...found);
};

/** `<name>/config`; lxc.container.conf(5). Its keys are told as labels. */
export const readLxc = async (files: StateFiles, name: string): Promise<ContainerState | undefined> => {
  for (const folder of files.folders.lxc) {
    const bytes = await files.bytes(folder, [name, 'config']);
    if (typeof bytes === 'string') continue;
    const keys = new Map<string, string>();
    for (const line of Buffer.from(bytes).toString('utf8').split('\n')) {
      const match = /^\s*(lxc\.[a-z0-9._]+)\s*=\s*(.*?)\s*$/.exec(line);
      if (match === null || match[2] === '') continue;
      if (isFit(match[2]!)) keys.set(match[1]!, match[2]!);
      else files.report('bad_text', `${folder}/${name}/config: ${match[1]}`);
    }
    return { runtime: 'lxc', name, ...files.labels(keys) };
  }
  return undefined;
};
