/** A kernel side whose open sessions a test sets. */
import { KernelError } from '../../../src/core/errors.ts';
import type { SamplerKernel } from '../../../src/live/sessions/sampler.ts';
import type { UserQuestion } from '../../../src/kernel/users.ts';
import { encodeRow, type ShownRow } from './shown.ts';

export const createFakeKernel = () => {
  const done: string[] = [];
  const state = {
    rows: [] as readonly ShownRow[],
    /** What `show` does instead, once each. */
    failures: [] as ('nothing' | 'error')[],
    rung: 'ebpf' as 'ebpf' | 'none',
    notes: [] as readonly string[],
    refuses: false,
    paths: new Map<number, string>(),
    users: new Map<number, string>(),
    questions: [] as UserQuestion[],
    containers: new Map<bigint, { readonly id: string; readonly name?: string }>(),
    cgroups: new Map<bigint, string>(),
    timeWaits: [] as readonly { readonly netns: number; readonly count: number }[],
    stats: undefined as ReturnType<SamplerKernel['socketMaps']['read']>,
    cgroup: undefined as string | undefined,
    unix: undefined as ReturnType<SamplerKernel['socketMaps']['read']>,
    shows: 0,
    bootNs: 100_000_000_000n as bigint | undefined,
  };
  const kernel = {
    needSockets: () => {
      done.push('claim');
      return { change() {}, end: () => void done.push('end') };
    },
    async reconfigure() {
      done.push('reconfigure');
      if (state.refuses) throw new KernelError('it does not want to');
    },
    sockets: () => ({ rung: state.rung, notes: state.notes, cgroup: state.cgroup, hooks: [], pushDown: { places: [] } }),
    liveSockets: {
      async show() {
        state.shows++;
        const failure = state.failures.shift();
        if (failure === 'error') throw new Error('ENOENT');
        return failure === 'nothing' ? undefined : { rung: 'ebpf', parts: state.rows.map(encodeRow) };
      },
      timeWaits: async () => state.timeWaits,
      bootNs: () => state.bootNs,
      executable: (pid: number) => state.paths.get(pid),
    },
    socketMaps: { read: (map: string) => (map === 'unix_sessions' ? state.unix : state.stats) },
    users: {
      async lookup(question: UserQuestion) {
        state.questions.push(question);
        return state.users.get(question.uid);
      },
    },
    cgroups: { path: (id: bigint) => state.cgroups.get(id), living: () => [], onChange: () => () => {} },
    containers: {
      claim: () => () => {},
      ofCgroup(id: bigint) {
        const found = state.containers.get(id);
        return found && { id: found.id, state: { name: found.name }, identity: {}, attributes: [] };
      },
    },
    gate: { require: () => () => {} },
  } as unknown as SamplerKernel;
  return { kernel, state, done };
};
