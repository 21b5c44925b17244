/** Starts and stops the graph in order: who receives is there before who sends, and stays until the last row has come. */
import type { Subscription } from 'rxjs';
import { messageOf, RingtailError, RuntimeError } from '../core/errors.ts';
import type { Lifecycle } from '../core/component.ts';
import { buildGraph, type GraphOptions, type Instance } from './graph.ts';
import { computeLedger, formatRow, type Ledger } from './ledger.ts';

export type ServiceOptions = GraphOptions & {
  readonly kernel: Lifecycle;
  /** Clock in ms that never goes back; 0 is when the process began. */
  readonly now?: () => number;
};

export type Service = {
  /** Starts everything; when something fails, what was started is stopped, and the error is thrown. */
  start(): Promise<void>;
  /** Stops everything within about `deadlineMs`, checks the books and logs the result. The same promise when called again; never rejects. */
  stop(deadlineMs?: number): Promise<Ledger>;
};

/** Enough for a queue to be sent, short enough for systemd and Kubernetes, which wait 90 s and 30 s. */
export const STOP_DEADLINE_MS = 10_000;
/** What is left for the exporters whatever receivers and kernel take. */
const EXPORTER_SHARE = 0.5;
/** A component answers for its deadline itself; past this it is left behind. */
const GRACE_MS = 250;

const timer = (ms: number): { readonly promise: Promise<'late'>; cancel(): void } => {
  const { promise, resolve } = Promise.withResolvers<'late'>();
  const handle = setTimeout(resolve, ms, 'late');
  return { promise, cancel: () => clearTimeout(handle) };
};

/** Creates the components of the configuration; throws a typed error when one cannot be created. */
export const createService = (options: ServiceOptions): Service => {
  const { config, counters, logger, kernel, now = () => performance.now() } = options;
  const graph = buildGraph(options);
  const kernelInstance = { id: 'kernel', kind: 'kernel', component: kernel } as const;
  type Startable = Instance | typeof kernelInstance;
  const started = new Set<Startable>();
  let subscription: Subscription | undefined;
  let starting: Promise<void> | undefined;
  let stopping: Promise<Ledger> | undefined;

  const startOne = async (instance: Startable): Promise<void> => {
    started.add(instance);
    try {
      await instance.component.start();
    } catch (error) {
      if (error instanceof RingtailError) throw error;
      throw new RuntimeError(`cannot start the ${instance.kind === 'kernel' ? 'kernel side' : `${instance.kind} ${instance.id}`}`, {
        cause: error,
      });
    }
  };

  /** Never throws; one that fails or hangs does not keep the others from stopping. */
  const stopLayer = async (instances: readonly Startable[], deadlineMs: number): Promise<void> => {
    await Promise.all(
      instances.map(async (instance) => {
        if (!started.delete(instance)) return;
        const late = timer(deadlineMs + GRACE_MS);
        try {
          const outcome = await Promise.race([instance.component.stop(deadlineMs), late.promise]);
          if (outcome === 'late')
            logger.error({ component: instance.id, deadline_ms: Math.round(deadlineMs) }, 'a component did not stop in time');
        } catch (error) {
          logger.error({ component: instance.id, error: messageOf(error) }, 'a component failed to stop');
        } finally {
          late.cancel();
        }
      }),
    );
  };

  const stopAll = async (deadlineMs: number): Promise<void> => {
    const endMs = now() + deadlineMs;
    const early = () => Math.max(0, endMs - deadlineMs * EXPORTER_SHARE - now());
    await stopLayer(graph.receivers, early());
    await stopLayer([kernelInstance], early());
    subscription?.unsubscribe();
    await stopLayer(graph.processors, Math.max(0, endMs - now()));
    await stopLayer(graph.exporters, Math.max(0, endMs - now()));
  };

  const readLedger = (): Ledger | undefined => {
    try {
      return computeLedger(counters.samples());
    } catch (error) {
      logger.error({ error: messageOf(error) }, 'stopped; the books cannot be read');
      return undefined;
    }
  };

  const closeBooks = (): Ledger => {
    const ledger = readLedger();
    if (ledger === undefined) return { rows: [], balanced: false };
    const sum = (book: string, part: string) =>
      ledger.rows.filter((row) => row.book === book).reduce((all, { parts }) => all + (parts[part] ?? 0), 0);
    const read = ledger.rows.filter(({ book }) => book === 'pipeline').reduce((all, { total }) => all + total, 0);
    if (ledger.balanced) {
      const dropped = sum('exporter', 'rejected') + sum('exporter', 'failed') + sum('exporter', 'dropped');
      logger.info(
        { read, sent: sum('exporter', 'sent'), lost: sum('kernel', 'lost'), refused: sum('pipeline', 'refused'), dropped },
        'stopped; the books balance',
      );
    } else {
      logger.error({ rows: ledger.rows.filter(({ difference }) => difference !== 0).map(formatRow) }, 'stopped; the books do not balance');
    }
    return ledger;
  };

  const startAll = async (): Promise<void> => {
    try {
      for (const instance of [...graph.exporters, ...graph.processors]) await startOne(instance);
      subscription = graph.connect();
      await startOne(kernelInstance);
      for (const receiver of graph.receivers) await startOne(receiver);
    } catch (error) {
      await stopAll(STOP_DEADLINE_MS);
      throw error;
    }
    const ids = (instances: readonly { readonly id: string }[]) => instances.map(({ id }) => id);
    logger.info(
      { startup_ms: Math.round(now()), pipelines: ids(config.pipelines), receivers: ids(graph.receivers), exporters: ids(graph.exporters) },
      'ready',
    );
  };

  return {
    start: () => (starting ??= startAll()),
    stop: (deadlineMs = STOP_DEADLINE_MS) =>
      (stopping ??= (async () => {
        // What starts late would not be stopped; a failed start has cleaned up after itself.
        await starting?.catch(() => {});
        await stopAll(deadlineMs);
        return closeBooks();
      })()),
  };
};
