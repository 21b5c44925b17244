/** Trees of processes as traces: which process belongs to which, and the spans that come out of it. */
import type { SpanEvent } from '../../core/batch.ts';
import type { ActorInput } from '../../core/frame-builder.ts';
import type { TextRun } from '../../core/text-table.ts';

/** A program that a process ran. Boot time, ns. */
export type ProgramIdentity = { readonly pid: number; readonly startNs: bigint; readonly execId: number };

/** Where a tree hangs: a span of somebody else, as W3C Trace Context tells it. */
export type RemoteParent = {
  readonly traceId: Uint8Array;
  readonly spanId: Uint8Array;
  /** `tracestate`, empty when there was none. */
  readonly traceState: string;
  readonly flags: number;
};

/** One trace, or the part of another one that hangs below a span of somebody else. */
export type Tree = {
  /** Who asked for it: the id of a receiver. */
  readonly owner: string;
  readonly traceId: Uint8Array;
  readonly remote: RemoteParent | undefined;
  /** Span of the root. */
  readonly rootId: Uint8Array;
  readonly root: ProgramIdentity;
  /** Boot time, ns. */
  readonly beganNs: bigint;
};

/** What an exec told, in memory of its own; raw bytes. */
export type ExecFacts = {
  readonly path: Uint8Array;
  readonly pathFlags: number;
  /** None: the kernel was not asked for arguments. */
  readonly args: TextRun;
  readonly argc: number;
  readonly execFlags: number;
  readonly cwd: Uint8Array;
  readonly cwdFlags: number;
  readonly sessionLeaderPid: number;
  readonly syscallNr: number;
  /** Of its environment; empty: it has none, or nobody wants it. */
  readonly traceparent: Uint8Array;
};

export type ProcessEnd =
  | { readonly how: 'exit'; readonly code: number; readonly signal: number; readonly coreDumped: boolean }
  /** It ran another program, which has a span of its own below this one. */
  | { readonly how: 'replaced' }
  /** It has not ended: this marks that it is there. */
  | { readonly how: 'running' };

/** A program from its exec, or the fork of what never called exec, to its end. */
export type ProcessSpan = {
  readonly tree: Tree;
  readonly spanId: Uint8Array;
  /** All zero: it is the root of its trace. */
  readonly parentId: Uint8Array;
  readonly actor: ActorInput;
  readonly exec: ExecFacts | undefined;
  /** Of the executable, raw; what only forked runs that of its maker. Empty: not known. */
  readonly path: Uint8Array;
  /** Boot time, ns. */
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly end: ProcessEnd;
  readonly events: readonly SpanEvent[];
  readonly droppedEvents: number;
};

/** The span that a program has: what is told of it hangs below. */
export type SpanPlace = { readonly tree: Tree; readonly spanId: Uint8Array };
