/** What a process has in the kernel: BPF programs, maps and links, by id. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { findBpftool } from '../../../scripts/lib/tools.mjs';
import { until } from './processes.ts';

export type KernelObjects = Readonly<Record<'prog' | 'map' | 'link', readonly number[]>>;

const bpftool = findBpftool();
const kinds = ['prog', 'map', 'link'] as const;

/** Of a running process, by its descriptors. Ids are not used again before 2^31 of them were, so they tell later whether something stayed. */
export const kernelObjectsOf = (pid: number): KernelObjects => {
  const found = { prog: new Set<number>(), map: new Set<number>(), link: new Set<number>() };
  for (const fd of readdirSync(`/proc/${pid}/fdinfo`)) {
    let info = '';
    try {
      info = readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8');
    } catch {
      continue; // closed meanwhile
    }
    for (const kind of kinds) {
      const id = new RegExp(`^${kind}_id:\\s+(\\d+)$`, 'm').exec(info)?.[1];
      if (id !== undefined) found[kind].add(Number(id));
    }
  }
  return { prog: [...found.prog], map: [...found.map], link: [...found.link] };
};

/** Waits until bpftool shows none of them: the kernel frees a program and then its maps after two grace periods of RCU. */
export const untilGone = async (before: KernelObjects): Promise<void> => {
  const startMs = performance.now();
  await until(() => leftOf(before).length === 0, 'the kernel to free all', { otherwise: () => leftOf(before).join(', ') });
  console.log(`all freed ${Math.round(performance.now() - startMs)} ms after the end`);
};

/** Those of `before` that bpftool still shows. */
export const leftOf = (before: KernelObjects): readonly string[] =>
  kinds.flatMap((kind) => {
    const shown = JSON.parse(execFileSync(bpftool, ['-j', kind, 'show'], { encoding: 'utf8', maxBuffer: 64 << 20 })) as readonly {
      readonly id: number;
    }[];
    return shown.filter(({ id }) => before[kind].includes(id)).map(({ id }) => `${kind} ${id}`);
  });
