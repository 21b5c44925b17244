import type { Observable } from 'rxjs';
import type { ZodType } from 'zod';
import type { Batch } from './batch.ts';
import type { Logger } from './logger.ts';
import type { CounterSample, Counters } from './counters.ts';
import type { MetricBatch } from './metric-batch.ts';
import type { OwnTracer } from './own-spans.ts';
import type { PushDownReport, RuleSet } from './rules.ts';

/** `type[/name]`, as it stands in the configuration. */
export type ComponentId = string;
export type Signal = 'logs' | 'metrics' | 'traces';
export type ComponentKind = 'receiver' | 'processor' | 'exporter' | 'extension';

/** What the service injects into every component, beside its configuration. */
export type Settings<K = unknown> = {
  readonly id: ComponentId;
  readonly logger: Logger;
  readonly counters: Counters;
  /** Product version, for scope and user agent. */
  readonly version: string;
  /** Attributes of the resource of this host: service.name, host.name, ... */
  readonly resource: readonly (readonly [string, string])[];
  /** For its own spans. */
  readonly tracer?: OwnTracer;
  /** Services of src/kernel/, typed there; core does not know them. */
  readonly kernel: K;
  /** The pipeline that a processor stands in; absent for everything that several pipelines share. */
  readonly pipeline?: string;
};

/** How a component fares: `recoverable` may pass by itself (a back end that is away), `failed` will not. */
export type Health = {
  readonly status: 'ok' | 'recoverable' | 'failed';
  /** One sentence, without secrets; empty when all is well. */
  readonly message: string;
  /** Facts behind it, by snake_case names: the rung, bytes in the queue, ... */
  readonly details?: Readonly<Record<string, string | number | boolean>>;
};

/** Starts before what sends to it, stops after it. `stop` ends within `deadlineMs` and is safe after a failed start. */
export type Lifecycle = {
  start(): Promise<void>;
  stop(deadlineMs: number): Promise<void>;
  /** Cheap, at any time after `start`; without it a component that runs is well. */
  health?(): Health;
};

export type Receiver = Lifecycle & {
  /**
   * Hot and shared. Each emission is one batch, valid during `next` only. Completes never by itself, errors never. What a receiver has in common
   * with its successor of a reload (the records of the kernel) it takes only while it is subscribed to: both are there for a while.
   */
  readonly logs$?: Observable<Batch>;
  /** The same for metrics: emits at each collection. Without a subscriber nothing is counted. */
  readonly metrics$?: Observable<MetricBatch>;
  /** The same for spans: batches with `spans`. */
  readonly traces$?: Observable<Batch>;
  /**
   * Tells, for each logs pipeline that uses this receiver, what its first processor drops; undefined: it begins with no filter. What all of them drop
   * the receiver may drop earlier. Called whenever the pipelines change, before the kernel side follows; it takes effect with that.
   */
  narrow?(ruleSets: readonly (RuleSet | undefined)[]): void;
  /**
   * Only of a receiver that has an end: settles when it has emitted all that it ever will, with the error when it ended because of one. When
   * all receivers that there are have settled, Ringtail stops by itself. Never rejects.
   */
  readonly finished?: Promise<Error | undefined>;
};

/** Synchronous: emits within the `next` of its source, at most one batch for each that came in; may drop one (and counts its rows). */
export type Processor = Lifecycle & {
  logs?(source$: Observable<Batch>): Observable<Batch>;
  metrics?(source$: Observable<MetricBatch>): Observable<MetricBatch>;
  /** Of spans; what is done with them as with records may be the same function. */
  traces?(source$: Observable<Batch>): Observable<Batch>;
};

/**
 * Takes what it needs from the batch inside `logs`; may be called from several pipelines. Never throws for load: drops and counts. When a reload
 * replaces it, it lives beside its successor until its account (`ringtail_exporter_items`, outcome `held`) says that it holds nothing.
 */
export type Exporter = Lifecycle & {
  logs?(batch: Batch): void;
  metrics?(batch: MetricBatch): void;
  /** Of spans: the batch has `spans`. */
  traces?(batch: Batch): void;
  /**
   * Asked before a frame is drawn from the ring. Undefined: there is room. Else a promise that settles when it is worth asking again; until
   * then no receiver is given anything, and the kernel counts what does not fit into the ring. Never set, it holds back nobody.
   */
  readiness?(): Promise<void> | undefined;
};

/** One row of the books: `total` = the sum of `parts` + `difference`. */
export type LedgerRow = {
  readonly book: string;
  readonly name: string;
  readonly total: number;
  readonly parts: Readonly<Record<string, number>>;
  readonly difference: number;
};

export type ReloadOutcome = {
  readonly at: Date;
  readonly result: 'applied' | 'unchanged' | 'refused';
  /** One line, without secrets: what changed, or why not. */
  readonly message: string;
};

/** What an extension sees of the service that runs it. */
export type ServiceView = {
  /** `ready` from the moment when every component runs, until the stop begins. */
  state(): 'starting' | 'ready' | 'stopping';
  readonly startedAt: Date;
  pipelines(): readonly {
    readonly id: string;
    readonly receivers: readonly ComponentId[];
    readonly processors: readonly ComponentId[];
    readonly exporters: readonly ComponentId[];
  }[];
  components(): readonly { readonly kind: ComponentKind | 'kernel'; readonly id: ComponentId; readonly health: Health }[];
  ledger(): { readonly rows: readonly LedgerRow[]; readonly balanced: boolean };
  samples(): readonly CounterSample[];
  /** The configuration in force as YAML, with every default and without secrets. */
  config(): string;
  lastReload(): ReloadOutcome | undefined;
  /**
   * Shows every batch of logs, or of spans, as it is given to the exporters of a pipeline, whatever these do with it; valid during the call only. What the listener
   * throws is counted and logged, and does not reach the pipeline. Returns a function that takes it back. Over a reload it stays.
   */
  tap(listener: BatchTap, signal?: TappedSignal): () => void;
};

/** Logs when it is not said. */
export type TappedSignal = 'logs' | 'traces';
/** `isFirst`: of the pipelines that its receiver is connected to, this one stands first; who wants to see a record once looks at those. */
export type BatchTap = (pipeline: string, batch: Batch, isFirst: boolean) => void;

/** Serves the service and not the data: pages, health, profiles. Starts first and stops last. */
export type Extension = Lifecycle;
export type ExtensionSettings<K = unknown> = Settings<K> & { readonly service: ServiceView };

/** Where an option stands within a component's configuration. */
export type OptionPath = readonly (string | number)[];

/**
 * What a component will need of this host, so that `ringtail validate` can look before anything starts. `option` is the one to change when it is
 * not there.
 */
export type HostNeed =
  /** A TCP port to listen on. */
  | { readonly kind: 'port'; readonly host: string; readonly port: number; readonly option: OptionPath }
  /** A folder to write files into; `create`: it, and those above, are made when they are not there. */
  | { readonly kind: 'directory'; readonly path: string; readonly create?: boolean; readonly option: OptionPath }
  /** A file to read; `holds` is what must be in it, PEM; `certificate` is the file of the certificate that a key belongs to. */
  | {
      readonly kind: 'file';
      readonly path: string;
      readonly holds?: 'certificates' | 'private_key';
      readonly certificate?: string;
      readonly option: OptionPath;
    }
  /** A cgroup of the v2 hierarchy, by its folder. */
  | { readonly kind: 'cgroup'; readonly path: string; readonly option: OptionPath }
  /** Processes as the kernel programs, or procfs, tell of them. */
  | { readonly kind: 'kernel' }
  /** A group of users, by name or number. */
  | { readonly kind: 'group'; readonly name: string; readonly option: OptionPath }
  /** Packets of interfaces, as `PacketNeeds` has them. */
  | {
      readonly kind: 'packets';
      readonly interfaces: readonly string[];
      readonly exclude: readonly string[];
      readonly mode: string;
      readonly option: OptionPath;
    };

/** What is allowed and yet worth a word. */
export type ConfigWarning = { readonly option: OptionPath; readonly message: string };

/** Ids of the pipelines of a configuration: those that name the component, and all. */
export type ConfigUse = {
  readonly pipelines: readonly string[];
  readonly all: readonly string[];
  /** What stands in each of them, in order. */
  readonly graph: readonly PipelineUse[];
};

export type PipelineUse = {
  readonly id: string;
  readonly signal: Signal;
  readonly receivers: readonly ComponentId[];
  readonly processors: readonly ComponentId[];
};

/** As the Collector's components tell it. */
export type Stability = 'development' | 'alpha' | 'beta' | 'stable' | 'deprecated';

type FactoryOf<K extends ComponentKind, T> = {
  readonly kind: K;
  /** As in YAML, snake_case. */
  readonly type: string;
  /** Older or other names that YAML may use; a warning names the one to write. */
  readonly aliases?: readonly string[];
  /**
   * Stands in every pipeline of its signals that names no processor of its type: what must not depend on being thought of. It stands first, but for
   * processors that resolve.
   */
  readonly implicit?: boolean;
  /** One line for `ringtail components`. */
  readonly summary: string;
  readonly signals: readonly Signal[];
  /** How far users may rely on its options and output; alpha when it is not said. */
  readonly stability?: Stability;
  /** Strict, with every default; its output is the config handed to `create`. */
  readonly config: ZodType;
  /** What a component of this configuration will need of the host; nothing when it is not said. */
  hostNeeds?(config: never): readonly HostNeed[];
  /** Of a configuration that is right; `validate` and `run` show them. */
  warnings?(config: never, use: ConfigUse): readonly ConfigWarning[];
  create(settings: Settings<never>, config: never): T;
};

/** Programs of the kernel that evaluate rules. Receivers that share them share what is dropped. */
export type RuleSide = 'calls' | 'sockets';

export type ReceiverFactory = FactoryOf<'receiver', Receiver> & {
  /** Which evaluate those of `pushDown`; absent: nobody else has to do with them. */
  readonly ruleSide?: RuleSide;
  /** Of which a receiver of this configuration wants everything for its pipelines of traces, whatever those of logs drop. */
  wantsAll?(config: never): readonly RuleSide[];
  /** Of rule sets as `Receiver.narrow` is given them: which rules are evaluated where. For `validate` and the start-up line; looks at no host. */
  pushDown?(config: never, ruleSets: readonly (RuleSet | undefined)[]): PushDownReport;
};
export type ProcessorFactory = FactoryOf<'processor', Processor> & {
  /** It only adds what is known of who acts, and looks at nothing that is secret: implicit processors stand behind it, and see what it adds. */
  readonly resolves?: boolean;
  /** What a processor of this configuration drops of log records, as far as rules can say it; `id` begins the names of the rules. */
  rules?(id: ComponentId, config: never): RuleSet;
};
export type ExporterFactory = FactoryOf<'exporter', Exporter>;
/** `signals` is empty: no pipeline names it. */
export type ExtensionFactory = Omit<FactoryOf<'extension', Extension>, 'create'> & {
  create(settings: ExtensionSettings<never>, config: never): Extension;
};
export type ComponentFactory = ReceiverFactory | ProcessorFactory | ExporterFactory | ExtensionFactory;
