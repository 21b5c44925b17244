import { readdirSync, readlinkSync, statSync } from 'node:fs';
import type { Breath } from './breath.ts';

/** Processes through which a namespace is looked at; one is enough, the others are for when it goes. */
const MAX_FOLDERS = 16;

export type NetworkNamespace = {
  /** Inode; 0: not for us to know. */
  readonly netns: number;
  /** Folders of processes in procfs that are in it. */
  readonly folders: readonly string[];
  /** Whether a folder is still one of a process that is in it. */
  isStill(folder: string): boolean;
};

const ifThere = <T>(read: () => T): T | undefined => {
  try {
    return read();
  } catch {
    return undefined;
  }
};

export const isPid = (name: string): boolean => /^[1-9]\d{0,9}$/.test(name);

/** Numbers of the processes that are there; undefined when procfs cannot be listed. */
export const listProcesses = (root: string): readonly number[] | undefined =>
  ifThere(() => readdirSync(`${root}/proc`).filter(isPid).map(Number));

/** `net:[4026531840]` */
const numberOf = (folder: string): number | undefined => {
  const link = ifThere(() => readlinkSync(`${folder}/ns/net`));
  const number = link === undefined ? undefined : /^net:\[(\d+)\]$/.exec(link)?.[1];
  return number === undefined ? undefined : Number(number);
};

/** Who may not ask for the namespace of a process may still read its tables, which each namespace has of its own (fs/proc/proc_net.c). */
const tableOf = (folder: string): number | undefined => ifThere(() => statSync(`${folder}/net/dev`).ino);

/** The process, or one of its threads when the main one is dead. */
const foldersOf = (folder: string): readonly string[] => [
  folder,
  ...(ifThere(() => readdirSync(`${folder}/task`)) ?? []).slice(1, MAX_FOLDERS).map((tid) => `${folder}/task/${tid}`),
];

/** Every network namespace that a process is in. Those that are only mounted, or held by a descriptor, cannot be looked at through procfs. */
export const readNamespaces = async (root: string, pids: readonly number[], breath: Breath): Promise<readonly NetworkNamespace[]> => {
  const byNumber = new Map<number, string[]>();
  const byTable = new Map<number, { readonly netns: number; readonly folders: string[] }>();
  const add = (folder: string): boolean => {
    const netns = numberOf(folder);
    if (netns !== undefined) {
      const known = byNumber.get(netns);
      if (known === undefined) {
        const folders = [folder];
        byNumber.set(netns, folders);
        const table = tableOf(folder);
        if (table !== undefined) byTable.set(table, { netns, folders });
      } else if (known.length < MAX_FOLDERS) known.push(folder);
      return true;
    }
    const table = tableOf(folder);
    if (table === undefined) return false;
    const known = byTable.get(table);
    if (known === undefined) byTable.set(table, { netns: 0, folders: [folder] });
    else if (known.folders.length < MAX_FOLDERS) known.folders.push(folder);
    return true;
  };
  // Our own first: whose number we may always know.
  const own = ifThere(() => readlinkSync(`${root}/proc/self`));
  if (own !== undefined && isPid(own)) add(`${root}/proc/${own}`);
  for (const pid of pids) {
    if (!add(`${root}/proc/${pid}`)) foldersOf(`${root}/proc/${pid}`).slice(1).some(add);
    if (breath.isDue()) await breath.take();
  }
  const known = [...byNumber].map(([netns, folders]): NetworkNamespace => ({
    netns,
    folders,
    isStill: (folder) => numberOf(folder) === netns,
  }));
  const unknown = [...byTable].filter(([, { netns }]) => netns === 0);
  return [
    ...known,
    ...unknown.map(([table, { folders }]): NetworkNamespace => ({ netns: 0, folders, isStill: (folder) => tableOf(folder) === table })),
  ];
};
