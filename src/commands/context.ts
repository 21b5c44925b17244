import type { ExcludeConfig, KernelConfig } from '../config/schema.ts';
import type { Registry } from '../config/registry.ts';
import type { Counters } from '../core/counters.ts';
import type { Logger } from '../core/logger.ts';
import type { Recorder } from '../kernel/capture/recorder.ts';
import type { ProbeReport } from '../kernel/probe.ts';
import type { KernelServices } from '../kernel/services.ts';
import type { LineStream } from '../service/logging.ts';
import type { ServiceKernel } from '../service/reload.ts';
import type { TerminalHost } from '../text/screen/terminal.ts';

/** The kernel side as commands use it; components see more of it. */
export type CommandKernel = ServiceKernel & { probe(): Promise<ProbeReport> };

export type KernelOptions = {
  readonly config: KernelConfig;
  /** Nobody when it is not given. */
  readonly exclude?: ExcludeConfig;
  readonly counters: Counters;
  readonly logger: Logger;
  readonly version: string;
  /** Writes down all that comes. */
  readonly recorder?: Recorder;
};

/** Everything that a command touches outside itself, so that tests can stand in for it. */
export type CommandContext = {
  readonly stdout: LineStream;
  readonly stderr: LineStream;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** A clock in ms that never goes back; 0 is when the process began. */
  now(): number;
  /** Loaded when a command needs it: the help does not. */
  registry(): Promise<Registry>;
  createKernel(options: KernelOptions): Promise<CommandKernel>;
  /** The same with all that live views use; nothing is loaded yet. */
  createServices(options: KernelOptions): Promise<KernelServices>;
  /** SIGINT and SIGTERM; returns a function that takes the handler out again. */
  onSignal(handler: (name: string) => void): () => void;
  /** SIGHUP; returns a function that takes the handler out again. */
  onReload(handler: (name: string) => void): () => void;
  /** What anybody writes to stdout waits from now on; the function that it returns writes its text before all of that, and lets go. */
  holdOutput(): (first: string) => void;
  /** The reader of stdout went away. */
  onOutputClosed(handler: () => void): () => void;
  /** What we are on, when both ends of it are a terminal that has a cursor; undefined otherwise. */
  terminal(): TerminalHost | undefined;
};
