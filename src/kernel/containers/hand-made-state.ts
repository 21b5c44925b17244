/** The states that runc and crun keep of a container. */
import { isAbsolute } from 'node:path';
import { fieldsOf, isFit, type Fields } from './json-state.ts';
import { imageOf, type StateFiles } from './state-files.ts';
import type { ContainerState } from './types.ts';

export type HandMade = { readonly runtime: 'runc' | 'crun'; readonly id: string; readonly state: ContainerState };
/** `paths`: of its cgroups, from the roots of their hierarchies, as far as they are known. */
export type HandMadeState = { readonly made: HandMade; readonly paths: readonly string[] };

/** Below a mount as nearly everybody has it: the path from the root of the hierarchy. */
const fromMount = (path: string, isUnified: boolean): string =>
  path.replace(isUnified ? /^\/sys\/fs\/cgroup(?:\/unified)?(?=\/)/ : /^\/sys\/fs\/cgroup\/[^/]+(?=\/)/, '');

const absolute = (path: string | undefined): readonly string[] => (path === undefined || !isAbsolute(path) || path === '/' ? [] : [path]);

/** `key=value`, as runc keeps annotations, and `bundle=<folder>`. */
const pairsOf = (labels: readonly unknown[]): ReadonlyMap<string, string> =>
  new Map(
    labels.flatMap((label): readonly [string, string][] => {
      if (typeof label !== 'string' || !isFit(label)) return [];
      const at = label.indexOf('=');
      return at < 1 ? [] : [[label.slice(0, at), label.slice(at + 1)]];
    }),
  );

const madeOf = (files: StateFiles, runtime: 'runc' | 'crun', id: string, annotations: ReadonlyMap<string, string>): HandMade => ({
  runtime,
  id,
  state: { runtime, name: id, ...imageOf(annotations.get('org.opencontainers.image.ref.name')), ...files.labels(annotations) },
});

/** libcontainer, container_linux.go: State. */
const readRunc = (files: StateFiles, id: string, fields: Fields): HandMadeState => {
  const config = fields.fields('config');
  const paths = Array.from(fields.fields('cgroup_paths').texts(), ([controller, path]) => fromMount(path, controller === ''));
  const own = config.fields('cgroups').text('path');
  return { made: madeOf(files, 'runc', id, pairsOf(config.list('labels'))), paths: [...paths, own].flatMap(absolute) };
};

/** crun, libcrun/status.c. */
const readCrun = async (files: StateFiles, id: string, fields: Fields): Promise<HandMadeState> => {
  const bundle = fields.text('bundle');
  const config = bundle === undefined || !isAbsolute(bundle) ? undefined : await files.atOnce.fields(bundle, ['config.json']);
  const path = fields.text('cgroup-path');
  return {
    made: madeOf(files, 'crun', id, config?.fields('annotations').texts() ?? new Map()),
    paths: absolute(path === undefined || isAbsolute(path) ? path : `/${path}`),
  };
};

/** `missing`: it is not written yet. `refused`: it cannot be used, which was reported. */
export const readHandMade = async (
  files: StateFiles,
  runtime: 'runc' | 'crun',
  folder: string,
  id: string,
): Promise<HandMadeState | 'missing' | 'refused'> => {
  const found = await files.atOnce.json(folder, [id, runtime === 'runc' ? 'state.json' : 'status']);
  if (typeof found === 'string') return found;
  const fields = fieldsOf(found.value, files.report, found.file);
  return runtime === 'runc' ? readRunc(files, id, fields) : readCrun(files, id, fields);
};
