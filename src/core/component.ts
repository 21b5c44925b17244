import type { Observable } from 'rxjs';
import type { ZodType } from 'zod';
import type { Batch } from './batch.ts';
import type { Logger } from './logger.ts';
import type { Counters } from './counters.ts';

/** `type[/name]`, as it stands in the configuration. */
export type ComponentId = string;
export type Signal = 'logs' | 'metrics' | 'traces';
export type ComponentKind = 'receiver' | 'processor' | 'exporter';

/** What the service injects into every component, beside its configuration. */
export type Settings<K = unknown> = {
  readonly id: ComponentId;
  readonly logger: Logger;
  readonly counters: Counters;
  /** Product version, for scope and user agent. */
  readonly version: string;
  /** Attributes of the resource of this host: service.name, host.name, ... */
  readonly resource: readonly (readonly [string, string])[];
  /** Services of src/kernel/, typed there; core does not know them. */
  readonly kernel: K;
};

/** Starts before what sends to it, stops after it. `stop` ends within `deadlineMs` and is safe after a failed start. */
export type Lifecycle = {
  start(): Promise<void>;
  stop(deadlineMs: number): Promise<void>;
};

export type Receiver = Lifecycle & {
  /** Hot and shared. Each emission is one batch, valid during `next` only. Completes never by itself, errors never. */
  readonly logs$?: Observable<Batch>;
};

/** Synchronous: emits within the `next` of its source, at most one batch for each that came in; may drop one (and counts its rows). */
export type Processor = Lifecycle & {
  logs?(source$: Observable<Batch>): Observable<Batch>;
};

/** Takes what it needs from the batch inside `logs`; may be called from several pipelines. Never throws for load: drops and counts. */
export type Exporter = Lifecycle & {
  logs?(batch: Batch): void;
};

/** As the Collector's components tell it. */
export type Stability = 'development' | 'alpha' | 'beta' | 'stable' | 'deprecated';

type FactoryOf<K extends ComponentKind, T> = {
  readonly kind: K;
  /** As in YAML, snake_case. */
  readonly type: string;
  /** Other names that YAML may use. */
  readonly aliases?: readonly string[];
  /** One line for `ringtail components`. */
  readonly summary: string;
  readonly signals: readonly Signal[];
  /** How far users may rely on its options and output; alpha when it is not said. */
  readonly stability?: Stability;
  /** Strict, with every default; its output is the config handed to `create`. */
  readonly config: ZodType;
  create(settings: Settings<never>, config: never): T;
};

export type ReceiverFactory = FactoryOf<'receiver', Receiver>;
export type ProcessorFactory = FactoryOf<'processor', Processor>;
export type ExporterFactory = FactoryOf<'exporter', Exporter>;
export type ComponentFactory = ReceiverFactory | ProcessorFactory | ExporterFactory;
