import { expect, test } from 'vitest';
import { describeRefusal } from '../../src/kernel/process-programs.ts';

const refused = (log: string) => Object.assign(new Error('cannot load process.bpf.o: Invalid argument'), { code: 'EINVAL', log });

test.each([
  ['nothing was said', '', 'cannot load process.bpf.o: Invalid argument'],
  [
    'the last word of the verifier',
    "libbpf: prog 'on_exec': BPF program load failed: Invalid argument\nlibbpf: prog 'on_exec': -- BEGIN PROG LOAD LOG --\n0: (85) call bpf_loop#181\ninvalid func bpf_loop#181\nprocessed 1 insns (limit 1000000)\n-- END PROG LOAD LOG --\nlibbpf: prog 'on_exec': failed to load: -22\nlibbpf: failed to load object 'process.bpf.o'\n",
    'cannot load process.bpf.o: Invalid argument (invalid func bpf_loop#181)',
  ],
  [
    'that of libbpf, where the verifier was not asked',
    "libbpf: failed to iterate BTF objects: -1\nlibbpf: failed to load object 'process.bpf.o'\n",
    'cannot load process.bpf.o: Invalid argument (failed to iterate BTF objects: -1)',
  ],
])('why programs are refused: %s', (_, log, told) => {
  expect(describeRefusal(refused(log))).toBe(told);
});
