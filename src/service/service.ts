/**
 * Starts, changes and stops the graph in order: who receives is there before who sends, and stays until the last row has come. Extensions
 * are there before all, and after.
 */
import type { ReloadOutcome, ServiceView } from '../core/component.ts';
import type { Counters } from '../core/counters.ts';
import type { Logger } from '../core/logger.ts';
import { closeBooks } from './close-books.ts';
import { createBackPressure } from './back-pressure.ts';
import { createConnector } from './connector.ts';
import { type Graph, type GraphInput, planGraph, processorsOf } from './graph.ts';
import { messageOf } from '../core/errors.ts';
import { noTracer, type OwnTracer, within } from '../core/own-spans.ts';
import { type Instance, kernelInstance } from './instance.ts';
import type { Ledger } from './ledger.ts';
import { createLifecycles } from './lifecycles.ts';
import { narrowReceivers } from './push-down.ts';
import { createReloader, type Revision, type ServiceKernel } from './reload.ts';
import { createReloadRequests } from './reload-requests.ts';
import { createRetirement } from './retirement.ts';
import { createView } from './view.ts';

export type ServiceOptions = GraphInput & {
  readonly counters: Counters;
  readonly logger: Logger;
  readonly version: string;
  readonly kernel: ServiceKernel;
  /** Of its own spans. */
  readonly tracer?: OwnTracer;
  /** The configuration as YAML for people, with every default and without secrets. */
  readonly describe?: (config: GraphInput['config']) => string;
  /** Clock in ms that never goes back; 0 is when the process began. */
  readonly now?: () => number;
};

export type Service = {
  /** Starts everything; when something fails, what was started is stopped, and the error is thrown. */
  start(): Promise<void>;
  /**
   * Changes what runs into what `load` gives; what stays is not touched, and nothing that was accepted is lost. `load` is called when a
   * reload that is under way, or the start, is over; requests that come before that are the same as this one. Never rejects: when `load`
   * throws, or the new graph cannot be, everything goes on as before, and the outcome says why.
   */
  reload(load: () => Promise<Revision>): Promise<ReloadOutcome>;
  /**
   * After the start: settles when every receiver has emitted all that it ever will, with the error of the first that ended because of one.
   * Never as long as there is a receiver without an end.
   */
  finished(): Promise<Error | undefined>;
  /** Stops everything within about `deadlineMs`, checks the books and logs the result. The same promise when called again; never rejects. */
  stop(deadlineMs?: number): Promise<Ledger>;
  readonly view: ServiceView;
};

/** Enough for a queue to be sent, short enough for systemd and Kubernetes, which wait 90 s and 30 s. */
export const STOP_DEADLINE_MS = 10_000;
/** What is left for the exporters whatever receivers and kernel take. */
const EXPORTER_SHARE = 0.5;
/** A reload that is on its way when the stop begins ends at its next step; one that hangs is left behind. */
const RELOAD_GRACE_MS = 1000;
/** Nothing waits for extensions; they close their ports. */
const EXTENSION_STOP_MS = 500;

const after = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });

/** Creates the components of the configuration; throws a typed error when one cannot be created. */
export const createService = (options: ServiceOptions): Service => {
  const { counters, logger, version, now = () => performance.now(), describe = () => '', tracer = noTracer } = options;
  const backPressure = createBackPressure(options.kernel);
  const connector = createConnector({ counters, logger, backPressure });
  const lifecycles = createLifecycles(logger);
  const retirement = createRetirement({ lifecycles, logger, deadlineMs: STOP_DEADLINE_MS });
  const requests = createReloadRequests(counters, logger);
  const kernel = kernelInstance(options.kernel);
  let state: ReturnType<ServiceView['state']> = 'starting';
  let graph: Graph | undefined;
  let starting: Promise<void> | undefined;
  /** Resolves when the start is over, well or not, or when there will be none. */
  const begun = Promise.withResolvers<void>();
  let nextGraph = Promise.withResolvers<void>();
  const follow = (changed: Graph): void => {
    graph = changed;
    nextGraph.resolve();
    nextGraph = Promise.withResolvers();
  };
  let stopping: Promise<Ledger> | undefined;

  const view = createView({
    counters,
    startedAt: new Date(),
    state: () => state,
    graph: () => graph,
    kernel,
    connector,
    lastReload: requests.last,
    describe,
  });
  const injected = { counters, logger, version, tracer, kernel: options.kernel as unknown, view };
  const first: Graph = planGraph(options, injected).graph;
  graph = first;

  const reloader = createReloader({
    plan: (input, previous) => planGraph(input, injected, previous),
    connector,
    lifecycles,
    retirement,
    kernel: options.kernel,
    logger,
    stopDeadlineMs: EXTENSION_STOP_MS,
    state: () => state,
  });

  const stopAll = async (deadlineMs: number): Promise<void> => {
    const endMs = now() + deadlineMs;
    const left = () => Math.max(0, endMs - now());
    const early = () => Math.max(0, left() - deadlineMs * EXPORTER_SHARE);
    retirement.end();
    // what is held back shall come through, or be counted by who cannot take it
    backPressure.follow([]);
    await lifecycles.stop(lifecycles.running('receiver'), early());
    await lifecycles.stop([kernel], early());
    connector.connect([]);
    await lifecycles.stop(lifecycles.running('processor'), left());
    await lifecycles.stop(lifecycles.running('exporter'), left());
    await lifecycles.stop(lifecycles.running('extension').toReversed(), EXTENSION_STOP_MS);
  };

  const startAll = async (): Promise<void> => {
    const span = tracer.begin('start');
    const begin = (instance: Instance): Promise<void> =>
      within(span.begin(`start ${instance.kind} ${instance.id}`), () => lifecycles.start(instance));
    try {
      for (const instance of [...first.extensions.values(), ...first.exporters.values(), ...processorsOf(first)]) await begin(instance);
      connector.connect(first.pipelines);
      narrowReceivers(first, logger);
      await begin(kernel);
      for (const receiver of first.receivers.values()) await begin(receiver);
      span.end();
    } catch (error) {
      span.end(messageOf(error));
      state = 'stopping';
      await stopAll(STOP_DEADLINE_MS);
      throw error;
    }
    const ids = (instances: Iterable<{ readonly id: string }>) => Array.from(instances, ({ id }) => id);
    logger.info(
      {
        startup_ms: Math.round(now()),
        pipelines: ids(first.pipelines),
        receivers: ids(first.receivers.values()),
        exporters: ids(first.exporters.values()),
        ...(first.extensions.size > 0 ? { extensions: ids(first.extensions.values()) } : {}),
      },
      'ready',
    );
    if (stopping === undefined) state = 'ready';
  };

  return {
    view,
    start: () => (starting ??= startAll().finally(begun.resolve)),
    reload: (load) =>
      requests.request(async () => {
        await begun.promise;
        return await within(tracer.begin('reload'), async () => reloader.change(graph!, await load(), follow));
      }),
    async finished() {
      for (;;) {
        const { receivers } = graph!;
        const all = Promise.all(Array.from(receivers.values(), ({ component }) => component.finished ?? new Promise<never>(() => {})));
        // a reload brings others
        const ends = await Promise.race([all, nextGraph.promise]);
        if (graph!.receivers === receivers && ends !== undefined) return ends.find((error) => error !== undefined);
      }
    },
    stop: (deadlineMs = STOP_DEADLINE_MS) =>
      (stopping ??= (async () => {
        // What starts late would not be stopped; a failed start has cleaned up after itself.
        if (starting === undefined) begun.resolve();
        await starting?.catch(() => {});
        state = 'stopping';
        await Promise.race([requests.settled(), after(RELOAD_GRACE_MS)]);
        await stopAll(deadlineMs);
        return closeBooks(counters, logger);
      })()),
  };
};
