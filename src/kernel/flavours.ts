/** Which object of a source this kernel takes: each exists three times, see docs/adr/0002. */
import { buildPath, type KernelFacts } from './addon.ts';

type Facts = Pick<KernelFacts, 'helpers' | 'functions'>;

/** What the kernel is asked by its BTF to choose. */
export const flavourFacts = {
  functions: ['bpf_rdonly_cast'],
  helpers: ['loop', 'task_pt_regs', 'get_current_task_btf'],
} as const;

/** Whether it takes callbacks and typed tasks (5.17). */
export const isModern = ({ helpers }: Pick<Facts, 'helpers'>): boolean => flavourFacts.helpers.every((helper) => helpers[helper] === true);

/** Path of the object that was built of `bpf/<name>.bpf.c`. */
export const objectPath = (name: 'process' | 'cgroups' | 'syscalls' | 'sockets' | 'socket_hooks', facts: Facts): string => {
  const flavour = !isModern(facts) ? '_legacy' : facts.functions['bpf_rdonly_cast'] === true ? '' : '_nocast';
  return buildPath(`bpf/${name}${flavour}.bpf.o`);
};
