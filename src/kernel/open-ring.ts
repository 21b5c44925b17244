/** The ring on the best rung that this kernel and these privileges allow. */
import { messageOf } from '../core/errors.ts';
import { loadAddon, type KernelFacts, type NativeError } from './addon.ts';
import { probeFacts, refusalOf, ringAdvice } from './probe.ts';
import { openRingSource, type RingSource, type RingSourceOptions } from './ring-source.ts';
import { hostMountNamespace, ownKernelPid } from './self.ts';

const OWN_PID_NAMESPACE = 'Ringtail runs in a pid namespace of its own and cannot leave itself out';

export type OpenRingOptions = Omit<RingSourceOptions, 'addon' | 'facts' | 'selfPid' | 'hostMountNs'> & {
  /** For tests: what the kernel is said to have. */
  readonly injectedFacts: Partial<KernelFacts>;
};

/** Notes say what this rung cannot do and why not a better one; without a ring, sentences that say why there is none. */
export type OpenedRing = { readonly ring: RingSource; readonly notes: readonly string[] } | { readonly refusals: readonly string[] };

/** Never throws. */
export const openRing = async (options: OpenRingOptions): Promise<OpenedRing> => {
  const { root, logger, injectedFacts } = options;
  if (options.rungs.length === 0) return { refusals: [] };
  try {
    const addon = loadAddon();
    const facts: KernelFacts = { ...probeFacts(addon), ...injectedFacts };
    if (!facts.btf) return { refusals: ['this kernel has no BTF (/sys/kernel/btf/vmlinux)'] };
    if (facts.ringBufferError !== '')
      return { refusals: [`a BPF ring buffer cannot be made (${facts.ringBufferError}); ${ringAdvice(facts.ringBufferError)}`] };
    const selfPid = ownKernelPid();
    const result = await openRingSource({ ...options, addon, facts, selfPid, hostMountNs: hostMountNamespace(`${root}/proc`) });
    if (result.source === undefined) return { refusals: result.refusals };
    const { notes } = result.source.programs;
    if (selfPid !== 0) return { ring: result.source, notes };
    logger.warn({ advice: "run it in the host's: docker run --pid=host, or hostPID: true in a pod" }, OWN_PID_NAMESPACE);
    return { ring: result.source, notes: [...notes, OWN_PID_NAMESPACE] };
  } catch (error) {
    return { refusals: [(error as NativeError).code === undefined ? messageOf(error) : refusalOf(error)] };
  }
};
