/** Reads the configuration again and makes of it what a reload needs; what belongs to no component (own logs, own metrics) is changed here. */
import type { LoadedConfig, RingtailConfig } from '../config/load.ts';
import { DEFAULT_METRICS_ADDRESS, type Address, parseAddress } from '../config/schema.ts';
import { requireConfig } from '../config/load.ts';
import { formatProblem, sortProblems } from '../config/problems.ts';
import type { Counters } from '../core/counters.ts';
import { ConfigError, KernelError, messageOf } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { hostResource } from '../otlp/resource.ts';
import type { SwitchableLogger } from '../service/logging.ts';
import type { Revision } from '../service/reload.ts';
import { type MetricsServer, serveMetrics } from '../service/telemetry.ts';
import { version } from '../service/version.ts';
import type { CommandContext } from './context.ts';
import { startProblems } from './host/check.ts';
import { loadFor } from './load.ts';
import type { ConfigOptions } from './options.ts';

type MetricsConfig = RingtailConfig['telemetry']['metrics'];

const addressOf = ({ address }: MetricsConfig): Address => address ?? parseAddress(DEFAULT_METRICS_ADDRESS)!;
const placeOf = (metrics: MetricsConfig): string => {
  const { host, port } = addressOf(metrics);
  return metrics.level === 'none' ? 'none' : `${host}:${port}`;
};

/** An address that somebody wrote must work; without the default one Ringtail runs on. */
const openMetrics = async (metrics: MetricsConfig, counters: Counters, logger: Logger): Promise<MetricsServer | undefined> => {
  if (metrics.level === 'none') return undefined;
  try {
    const server = await serveMetrics({ counters, address: addressOf(metrics), version, logger });
    logger.debug({ address: `${server.address.host}:${server.address.port}` }, 'metrics are served');
    return server;
  } catch (error) {
    if (metrics.address !== undefined) {
      throw new ConfigError(messageOf(error), {
        advice: 'change service.telemetry.metrics.address, or set service.telemetry.metrics.level to none',
      });
    }
    logger.warn(
      { error: messageOf(error) },
      'running without the metrics page; choose a free address with service.telemetry.metrics.address',
    );
    return undefined;
  }
};

export type RevisionOptions = {
  readonly options: ConfigOptions;
  readonly context: CommandContext;
  readonly counters: Counters;
};

export type Revisions = {
  /** Takes up the own telemetry of the configuration that is begun with. */
  begin(config: RingtailConfig, logger: SwitchableLogger): Promise<void>;
  /** Resource of what is sent. */
  resourceOf(config: RingtailConfig): Revision['resource'];
  /** Reads the configuration as it is now. Throws a ConfigError with every problem. */
  read(warn: (line: string) => void): Promise<RingtailConfig>;
  /** The same for a reload: what is new of the own telemetry is there already, and is taken up with the rest or not at all. */
  next(): Promise<Revision>;
  /** Those of the last reading that came to its end; before the first one those of the command line. */
  files(): readonly string[];
  /** `host:port` of the page of its own metrics; undefined: there is none. */
  metricsPlace(): string | undefined;
  /** The error of a start, with the places in the configuration that are behind it when there are some. */
  explained(error: unknown): Promise<unknown>;
  close(): Promise<void>;
};

export const createRevisions = ({ options, context, counters }: RevisionOptions): Revisions => {
  let files: readonly string[] = (options.config ?? []).flatMap((source) =>
    /^(?:env|yaml):/.test(source) ? [] : [source.replace(/^file:/, '')],
  );
  let last: { readonly name: string; readonly loaded: LoadedConfig; readonly config: RingtailConfig } | undefined;
  let logger: SwitchableLogger | undefined;
  let served: { readonly place: string; readonly server: MetricsServer | undefined } | undefined;

  const resourceOf = ({ kernel, telemetry }: RingtailConfig) =>
    hostResource({ rootPath: kernel.root_path, env: context.environment, configured: telemetry.resource });

  const read = async (warn: (line: string) => void): Promise<RingtailConfig> => {
    const { name, loaded } = await loadFor(options, context);
    files = loaded.files;
    const config = requireConfig(loaded, name, warn);
    last = { name, loaded, config };
    return config;
  };

  const closeMetrics = async (): Promise<void> => {
    await served?.server?.close();
    served = undefined;
  };

  const explained = async (error: unknown): Promise<unknown> => {
    if (last === undefined || error instanceof KernelError || (error instanceof ConfigError && error.problems.length > 0)) return error;
    await closeMetrics(); // or its port would be found in use
    const problems = await startProblems(last.loaded, last.config);
    if (problems.length === 0) return error;
    return new ConfigError(`${last.name} has ${problems.length} error${problems.length === 1 ? '' : 's'} on this host`, {
      problems: sortProblems(problems).map(formatProblem),
      advice: 'correct the file and check it with "ringtail validate"',
    });
  };

  return {
    resourceOf,
    read,
    files: () => files,
    metricsPlace: () => (served?.server === undefined ? undefined : served.place),
    explained,
    async begin({ telemetry: { metrics } }, switchable) {
      logger = switchable;
      served = { place: placeOf(metrics), server: await openMetrics(metrics, counters, switchable) };
    },
    async next() {
      const config = await read((problem) => logger!.warn({ problem }, 'the new configuration has a warning'));
      const { metrics, logs } = config.telemetry;
      const before = served!;
      const after =
        placeOf(metrics) === before.place ? before : { place: placeOf(metrics), server: await openMetrics(metrics, counters, logger!) };
      return {
        config,
        resource: resourceOf(config),
        commit() {
          logger!.use(logs);
          served = after;
          if (after !== before) void before.server?.close();
        },
        abort() {
          if (after !== before) void after.server?.close();
        },
      };
    },
    close: closeMetrics,
  };
};
