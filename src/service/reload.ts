/**
 * From one graph to the next. What is new is created and started first; then, in one step between two batches, the pipelines are connected
 * otherwise; then new receivers start, and what is not needed any more is stopped in the background. Whatever fails on the way leads back.
 */
import { isDeepStrictEqual } from 'node:util';
import { ConfigError, RuntimeError } from '../core/errors.ts';
import type { RingtailConfig } from '../config/load.ts';
import type { Lifecycle, ServiceView } from '../core/component.ts';
import type { Logger } from '../core/logger.ts';
import type { Connector } from './connector.ts';
import { errorFields } from './error-fields.ts';
import type { Graph, GraphInput, Plan } from './graph.ts';
import type { Instance } from './instance.ts';
import type { Lifecycles } from './lifecycles.ts';
import { narrowReceivers } from './push-down.ts';
import type { Change } from './reload-requests.ts';
import type { Retirement } from './retirement.ts';

/** A component that takes longer to start keeps the old graph; nobody waits for a reload without an end. */
const START_DEADLINE_MS = 30_000;

/** The kernel side as the service uses it. */
export type ServiceKernel = Lifecycle & {
  /** Does what those ask for that are connected now, without letting go of what stays. Throws when that cannot be. */
  reconfigure?(): Promise<void>;
  /** Takes the rules of `service.exclude`; resolves when they are in force. */
  exclude?(rules: RingtailConfig['exclude']): Promise<void>;
};

/** What a reload brings, beside the graph. */
export type Revision = GraphInput & {
  /** The rest of what changes with the graph: called once, when nothing can fail any more, and must not throw. */
  readonly commit?: () => void;
  /** Called instead of `commit` when the revision was refused. */
  readonly abort?: () => void;
};

export type ReloaderOptions = {
  readonly plan: (input: GraphInput, previous: Graph) => Plan;
  readonly connector: Connector;
  readonly lifecycles: Lifecycles;
  readonly retirement: Retirement;
  readonly kernel: ServiceKernel;
  readonly logger: Logger;
  /** What an extension may take to stop, so that its successor can have its port. */
  readonly stopDeadlineMs: number;
  readonly state: () => ReturnType<ServiceView['state']>;
};

/** Keys of `kernel:` that differ: they are settled when the ring is opened. */
const checkKernel = ({ config: before }: GraphInput, { config: after }: GraphInput): void => {
  const [old, wanted] = [before.kernel, after.kernel] as Readonly<Record<string, unknown>>[];
  const keys = Object.keys({ ...old, ...wanted }).filter((key) => !isDeepStrictEqual(old![key], wanted![key]));
  if (keys.length === 0) return;
  throw new ConfigError(`${keys.map((key) => `kernel.${key}`).join(' and ')} cannot change while Ringtail runs`, {
    advice: 'restart Ringtail, or take the change back',
  });
};

const nameOf = ({ kind, id, pipeline }: Instance): string => `${kind} ${id}${pipeline === undefined ? '' : ` of ${pipeline}`}`;

/** What differs between two graphs, by the names of components. */
const changeOf = ({ graph, created, retired }: Plan, previous: Graph): Readonly<Record<string, readonly string[]>> => {
  const [made, gone] = [created.map(nameOf), retired.map(nameOf)];
  const pipelines = [
    ...graph.pipelines.filter((pipeline) => !previous.pipelines.includes(pipeline)),
    ...previous.pipelines.filter(({ id }) => !graph.pipelines.some((pipeline) => pipeline.id === id)),
  ].map(({ id }) => id);
  const parts = {
    added: made.filter((name) => !gone.includes(name)),
    replaced: made.filter((name) => gone.includes(name)),
    removed: gone.filter((name) => !made.includes(name)),
    pipelines,
    telemetry: isDeepStrictEqual(previous.config.telemetry, graph.config.telemetry) ? [] : ['own logs, metrics or resource'],
    exclude: isDeepStrictEqual(previous.config.exclude, graph.config.exclude) ? [] : ['who is left out'],
  };
  return Object.fromEntries(Object.entries(parts).filter(([, names]) => names.length > 0));
};

export type Reloader = {
  /**
   * Changes `current` into what the revision says and tells what changed. The graph that runs then is handed to `replaced`. Throws when it
   * cannot be: then `current` runs on, in which extensions may have been made anew; `replaced` is told of that too.
   */
  change(current: Graph, revision: Revision, replaced: (graph: Graph) => void): Promise<Change>;
};

export const createReloader = (options: ReloaderOptions): Reloader => {
  const { connector, lifecycles, retirement, kernel, logger, stopDeadlineMs, state } = options;

  const checkRunning = (): void => {
    if (state() !== 'ready') throw new RuntimeError(`Ringtail is ${state()}`);
  };

  const startAll = async (instances: readonly Instance[], kind: Instance['kind']): Promise<void> => {
    for (const instance of instances) {
      if (instance.kind !== kind) continue;
      checkRunning();
      await lifecycles.start(instance, START_DEADLINE_MS);
    }
    checkRunning();
  };

  /** Extensions that went are made anew: what they had, a port for instance, was given up for their successors. */
  const restoreExtensions = async (current: Graph, stopped: readonly Instance[]): Promise<Graph> => {
    const extensions = new Map(current.extensions);
    for (const instance of stopped) {
      try {
        const again = instance.again();
        extensions.set(instance.id, again);
        await lifecycles.start(again, START_DEADLINE_MS);
      } catch (error) {
        logger.error({ component: instance.id, ...errorFields(error) }, 'an extension could not be started again');
      }
    }
    return { ...current, extensions };
  };

  return {
    async change(current, revision, replaced) {
      let next: Plan | undefined;
      let stoppedExtensions: readonly Instance[] = [];
      let connected = false;
      const goBack = async (created: readonly Instance[]): Promise<void> => {
        // the stop ends all that was started, of whichever graph
        if (state() !== 'ready') return;
        if (connected) {
          connector.connect(current.pipelines);
          narrowReceivers(current, logger);
          const setBack = async () => {
            await kernel.reconfigure?.();
            await kernel.exclude?.(current.config.exclude);
          };
          await setBack().catch((error: unknown) => logger.error(errorFields(error), 'the kernel side could not be set back'));
        }
        await lifecycles.stop(
          created.filter(({ kind }) => kind === 'extension'),
          stopDeadlineMs,
        );
        retirement.retire(created);
        if (stoppedExtensions.length > 0) replaced(await restoreExtensions(current, stoppedExtensions));
      };
      try {
        checkRunning();
        checkKernel(current, revision);
        next = options.plan(revision, current);
        const { graph, created, retired } = next;
        await startAll(created, 'exporter');
        await startAll(created, 'processor');
        const oldExtensions = retired.filter(({ kind }) => kind === 'extension');
        if (created.some(({ kind }) => kind === 'extension')) {
          stoppedExtensions = oldExtensions;
          await lifecycles.stop(oldExtensions, stopDeadlineMs);
          await startAll(created, 'extension');
        }
        connected = true;
        connector.connect(graph.pipelines);
        narrowReceivers(graph, logger);
        await kernel.reconfigure?.();
        const { exclude } = revision.config;
        if (!isDeepStrictEqual(current.config.exclude, exclude)) await kernel.exclude?.(exclude);
        await startAll(created, 'receiver');
        replaced(graph);
        retirement.retire(retired);
        const change = changeOf(next, current);
        revision.commit?.();
        return Object.keys(change).length === 0 ? undefined : change;
      } catch (error) {
        await goBack(next?.created ?? []);
        revision.abort?.();
        throw error;
      }
    },
  };
};
