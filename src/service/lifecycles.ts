/** Starts instances and stops them in time, and knows which run. */
import { messageOf, RingtailError, RuntimeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Instance } from './instance.ts';

/** A component answers for its deadline itself; past this it is left behind. */
const GRACE_MS = 250;

export type Lifecycles = {
  /** Throws a typed error when it cannot start, or has not by the deadline. */
  start(instance: Instance, deadlineMs?: number): Promise<void>;
  /** Stops those of them that were started, all at once. Never rejects; one that fails or hangs does not keep the others from stopping. */
  stop(instances: Iterable<Instance>, deadlineMs: number): Promise<void>;
  /** Those that were started and not stopped, whichever graph they are of; also those that are just stopping. */
  running(kind: Instance['kind']): readonly Instance[];
};

const timer = (ms: number): { readonly promise: Promise<'late'>; cancel(): void } => {
  const { promise, resolve } = Promise.withResolvers<'late'>();
  const handle = setTimeout(resolve, ms, 'late');
  return { promise, cancel: () => clearTimeout(handle) };
};

const nameOf = ({ kind, id }: Instance): string => (kind === 'kernel' ? 'the kernel side' : `the ${kind} ${id}`);

export const createLifecycles = (logger: Logger): Lifecycles => {
  const started = new Set<Instance>();
  const stopping = new Map<Instance, Promise<unknown>>();

  /** The same promise when called again. */
  const stopOf = (instance: Instance, deadlineMs: number): Promise<unknown> => {
    const underWay = stopping.get(instance);
    if (underWay !== undefined) return underWay;
    if (!started.delete(instance)) return Promise.resolve();
    const stop = (async () => {
      try {
        await instance.component.stop(deadlineMs);
      } catch (error) {
        logger.error({ component: instance.id, error: messageOf(error) }, 'a component failed to stop');
      } finally {
        stopping.delete(instance);
      }
    })();
    stopping.set(instance, stop);
    return stop;
  };

  const stopInTime = async (instance: Instance, deadlineMs: number): Promise<void> => {
    const late = timer(deadlineMs + GRACE_MS);
    const outcome = await Promise.race([stopOf(instance, deadlineMs), late.promise]);
    late.cancel();
    if (outcome === 'late') {
      stopping.delete(instance);
      logger.error({ component: instance.id, deadline_ms: Math.round(deadlineMs) }, 'a component did not stop in time');
    }
  };

  return {
    async start(instance, deadlineMs) {
      started.add(instance);
      const late = deadlineMs === undefined ? undefined : timer(deadlineMs);
      try {
        const outcome = await Promise.race([instance.component.start(), ...(late === undefined ? [] : [late.promise])]);
        if (outcome === 'late') throw new RuntimeError(`${nameOf(instance)} did not start within ${deadlineMs} ms`);
      } catch (error) {
        if (error instanceof RingtailError) throw error;
        throw new RuntimeError(`cannot start ${nameOf(instance)}`, { cause: error });
      } finally {
        late?.cancel();
      }
    },
    async stop(instances, deadlineMs) {
      await Promise.all(Array.from(instances, (instance) => stopInTime(instance, deadlineMs)));
    },
    running: (kind) => [...started, ...stopping.keys()].filter((instance) => instance.kind === kind),
  };
};
