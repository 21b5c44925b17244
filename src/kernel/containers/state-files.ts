/** What the readers of the runtimes have in common. */
import { fieldsOf, parseState, type Fields, type ReportProblem } from './json-state.ts';
import { aside, atOnce, hasFolder, listBelow, readBelow, type FileAccess, type FileFailure } from './safe-files.ts';
import type { ContainerFolders } from './types.ts';

/** The largest that runtimes write are some 100 KiB. */
export const MAX_STATE_BYTES = 1 << 20;
/** Whether a folder is there is looked for this often. */
const FOLDER_PAUSE_MS = 1_000;
/** Labels of a container that are kept, and characters of them. */
const MAX_LABELS = 64;
const MAX_LABEL_CHARACTERS = 16_384;

export type Unread = 'missing' | 'refused';

export type StateFiles = {
  readonly folders: ContainerFolders;
  readonly report: ReportProblem;
  /** The same without other threads: for small files in memory that are gone in some milliseconds. */
  readonly atOnce: Omit<StateFiles, 'atOnce'>;
  wantsLabel(key: string): boolean;
  /** Bytes of a file; `missing`: it is not there. `refused`: it cannot be used, which was reported. */
  bytes(folder: string, parts: readonly string[]): Promise<Uint8Array | Unread>;
  /** The members of the object in a file; undefined as for `missing` and `refused`. */
  fields(folder: string, parts: readonly string[]): Promise<Fields | undefined>;
  /** Names in a folder, at most `max`; none when it cannot be used. */
  names(folder: string, parts: readonly string[], max: number): Promise<readonly string[]>;
  /** Whatever stands in a file. */
  json(folder: string, parts: readonly string[]): Promise<{ readonly value: unknown; readonly file: string } | Unread>;
  /** Those of the labels that are wanted. */
  labels(all: ReadonlyMap<string, string>): { readonly labels?: ReadonlyMap<string, string> };
};

export type StateFilesOptions = {
  readonly root: string;
  readonly folders: ContainerFolders;
  readonly report: ReportProblem;
  readonly wantsLabel: (key: string) => boolean;
  readonly nowMs: () => number;
};

export const createStateFiles = (options: StateFilesOptions): StateFiles => {
  const files = filesBy(aside, options);
  return { ...files, atOnce: filesBy(atOnce, options) };
};

const filesBy = (access: FileAccess, { root, folders, report, wantsLabel, nowMs }: StateFilesOptions): Omit<StateFiles, 'atOnce'> => {
  const absentUntilMs = new Map<string, number>();
  const thereUntilMs = new Map<string, number>();

  const isAbsent = (folder: string): boolean => (absentUntilMs.get(folder) ?? 0) > nowMs();

  const refuse = async ({ reason }: FileFailure, folder: string, parts: readonly string[]): Promise<void> => {
    if (reason !== 'missing') return report(reason, [folder, ...parts].join('/'));
    if ((thereUntilMs.get(folder) ?? 0) > nowMs()) return;
    const until = (await hasFolder(root, folder)) ? thereUntilMs : absentUntilMs;
    until.set(folder, nowMs() + FOLDER_PAUSE_MS);
  };

  const bytes: StateFiles['bytes'] = async (folder, parts) => {
    if (isAbsent(folder)) return 'missing';
    const result = await readBelow(root, folder, parts, MAX_STATE_BYTES, access);
    if (result.ok) return result.value;
    await refuse(result, folder, parts);
    return result.reason === 'missing' ? 'missing' : 'refused';
  };

  const json: StateFiles['json'] = async (folder, parts) => {
    const file = [folder, ...parts].join('/');
    const content = await bytes(folder, parts);
    if (typeof content === 'string') return content;
    const parsed = parseState(content);
    if (parsed.ok) return { value: parsed.value, file };
    report(parsed.problem, file);
    return 'refused';
  };

  return {
    folders,
    report,
    wantsLabel,
    bytes,
    json,
    async names(folder, parts, max) {
      // what runc and crun begin with comes with the first container
      if (parts.length > 0 && isAbsent(folder)) return [];
      const result = await listBelow(root, folder, parts, max, access);
      if (result.ok) {
        absentUntilMs.delete(folder);
        thereUntilMs.set(folder, nowMs() + FOLDER_PAUSE_MS);
        return result.value;
      }
      await refuse(result, folder, parts);
      return [];
    },
    async fields(folder, parts) {
      const found = await json(folder, parts);
      if (typeof found === 'string') return undefined;
      const { value, file } = found;
      if (typeof value === 'object' && value !== null && !Array.isArray(value)) return fieldsOf(value, report, file);
      report('wrong_type', file);
      return undefined;
    },
    labels(all) {
      const kept = new Map<string, string>();
      let characters = 0;
      for (const [key, value] of all) {
        if (!wantsLabel(key)) continue;
        characters += key.length + value.length;
        if (kept.size >= MAX_LABELS || characters > MAX_LABEL_CHARACTERS) break;
        kept.set(key, value);
      }
      return kept.size === 0 ? {} : { labels: kept };
    },
  };
};

/** Name and tag of a reference to an image; a digest is neither. `docker.io/library/nginx:1.27@sha256:…` */
export const imageOf = (reference: string | undefined): { readonly imageName?: string; readonly imageTags?: readonly string[] } => {
  const named = reference?.split('@')[0] ?? '';
  if (named === '' || /^sha256:|^[0-9a-f]{64}$/.test(named)) return {};
  const colon = named.lastIndexOf(':');
  if (colon <= named.lastIndexOf('/')) return { imageName: named };
  return { imageName: named.slice(0, colon), ...(colon === named.length - 1 ? {} : { imageTags: [named.slice(colon + 1)] }) };
};

/** Without members that are undefined. */
export const present = <T extends Readonly<Record<string, unknown>>>(members: T): { readonly [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as never;
