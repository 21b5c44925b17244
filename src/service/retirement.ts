/**
 * What a reload takes out of the graph: stopped in the background, an exporter only when it holds nothing any more, so that what it took is
 * sent with all the patience of its own settings.
 */
import { errorFields } from './error-fields.ts';
import type { Logger } from '../core/logger.ts';
import type { Instance } from './instance.ts';
import type { Lifecycles } from './lifecycles.ts';

/** Each may hold a whole queue (32 MiB by default): with more of them memory would grow with every reload while a back end is away. */
export const MAX_RETIRING = 4;
/** How often it is asked what it holds. */
const LOOK_MS = 100;

export type Retirement = {
  /** Nothing comes to them any more. Returns at once. */
  retire(instances: readonly Instance[]): void;
  /** Looks no more; those that still hold something are left to the stop of the service. */
  end(): void;
};

export type RetirementOptions = { readonly lifecycles: Lifecycles; readonly logger: Logger; readonly deadlineMs: number };

export const createRetirement = ({ lifecycles, logger, deadlineMs }: RetirementOptions): Retirement => {
  /** Oldest first. */
  const waiting: Instance[] = [];
  let timer: NodeJS.Timeout | undefined;
  let ended = false;

  const stop = async (instance: Instance): Promise<void> => {
    await lifecycles.stop([instance], deadlineMs);
    // at the end the books are read: then what it holds must stay on the page
    if (!ended) instance.release();
  };

  const heldBy = (instance: Instance): number => {
    try {
      return instance.heldRecords();
    } catch (error) {
      logger.error({ component: instance.id, ...errorFields(error) }, 'a component cannot say what it holds, and is stopped');
      return 0;
    }
  };

  const look = (): void => {
    for (const instance of waiting.filter((one) => heldBy(one) === 0)) {
      waiting.splice(waiting.indexOf(instance), 1);
      void stop(instance);
    }
    if (waiting.length === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };

  return {
    retire(instances) {
      for (const instance of instances) {
        if (instance.kind === 'exporter') waiting.push(instance);
        else void stop(instance);
      }
      look();
      while (waiting.length > MAX_RETIRING) {
        const instance = waiting.shift()!;
        logger.warn(
          { component: instance.id, records: heldBy(instance), deadline_ms: deadlineMs },
          'too many replaced exporters still hold records; the oldest gets the deadline of a stop',
        );
        void stop(instance);
      }
      if (waiting.length > 0) timer ??= setInterval(look, LOOK_MS);
    },
    end() {
      ended = true;
      clearInterval(timer);
      waiting.length = 0;
    },
  };
};
