/** What a stopped Ringtail may have left in this process and in the kernel. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { waitFor } from './pipeline.ts';

export type BpfIds = { readonly prog: readonly number[]; readonly map: readonly number[]; readonly link: readonly number[] };

/** What a read of procfs gives; '' when the thread or descriptor went away since it was listed. */
const ifThere = (read: () => string): string => {
  try {
    return read();
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return '';
    throw error;
  }
};

const linkOf = (fd: string): string => ifThere(() => readlinkSync(`/proc/self/fd/${fd}`));

/** Targets of the descriptors of this process. */
export const descriptors = (): readonly string[] =>
  readdirSync('/proc/self/fd')
    .map(linkOf)
    .filter((link) => link !== '');

/** Waits until this process holds no more descriptors than that: handles of the event loop are closed a turn later, and by workers. */
export const requireDescriptors = (atMost: number): Promise<void> =>
  waitFor(
    `${atMost} descriptors`,
    () => descriptors().length <= atMost,
    () => `${descriptors().length}: ${descriptors().join(', ')}`,
  );

/** Names of the threads of this process. */
export const threads = (): readonly string[] =>
  readdirSync('/proc/self/task')
    .map((tid) => ifThere(() => readFileSync(`/proc/self/task/${tid}/comm`, 'utf8').trim()))
    .filter((name) => name !== '');

/** Ids of the BPF objects that descriptors of this process hold. */
export const heldIds = (): BpfIds => {
  const ids = { prog: [] as number[], map: [] as number[], link: [] as number[] };
  for (const fd of readdirSync('/proc/self/fd')) {
    if (!linkOf(fd).includes('bpf')) continue;
    const info = ifThere(() => readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'));
    const link = info.match(/^link_id:\s*(\d+)/m)?.[1];
    if (link !== undefined) ids.link.push(Number(link));
    else {
      const prog = info.match(/^prog_id:\s*(\d+)/m)?.[1];
      const map = info.match(/^map_id:\s*(\d+)/m)?.[1];
      if (prog !== undefined) ids.prog.push(Number(prog));
      if (map !== undefined) ids.map.push(Number(map));
    }
  }
  return ids;
};

/** undefined when bpftool failed: it does when an object goes away while it walks them. */
const idsInKernel = (what: keyof BpfIds): ReadonlySet<number> | undefined => {
  const { status, stdout, error } = spawnSync('bpftool', [what, 'show', '-j'], { encoding: 'utf8', maxBuffer: 64 << 20 });
  if (error !== undefined) throw new Error('bpftool cannot be run', { cause: error });
  return status === 0 ? new Set((JSON.parse(stdout || '[]') as { id: number }[]).map(({ id }) => id)) : undefined;
};

/** Throws when this process still has a BPF object or a thread of ours, or when the kernel keeps one of `before`. */
export const requireNothingLeft = async (before: BpfIds): Promise<void> => {
  const held = () => [
    ...descriptors().filter((link) => link.includes('bpf')),
    ...threads().filter((name) => name.startsWith('ringtail')),
    ...readFileSync('/proc/self/maps', 'utf8')
      .split('\n')
      .filter((line) => /bpf-map|ringtail-ring/.test(line)),
  ];
  await waitFor(
    'descriptors, mappings and threads to go',
    () => held().length === 0,
    () => held().join(', '),
  );
  for (const what of ['prog', 'map', 'link'] as const) {
    // the kernel frees them a little later
    const left = (): readonly number[] | undefined => {
      const now = idsInKernel(what);
      return now && before[what].filter((id) => now.has(id));
    };
    if (before[what].length > 0)
      await waitFor(
        `each ${what} to be freed`,
        () => left()?.length === 0,
        () => left()?.join(', ') ?? 'bpftool fails',
      );
  }
};
