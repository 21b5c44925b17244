/**
 * Sums of reads and writes: what the kernel has added up becomes records, once a window for each program, file and direction. They go through the gate
 * as the records of the ring do, and to all receivers that ask for them. There is one reader for a kernel side, so that nothing is told twice.
 */
import { readFileSync } from 'node:fs';
import { messageOf } from '../../core/errors.ts';
import { createFrameBuilder, type FrameBuilder } from '../../core/frame-builder.ts';
import type { Logger } from '../../core/logger.ts';
import { createRateLimit } from '../../core/rate-limit.ts';
import { decodeTotal, decodeTotals, MOST_TOTALS, type IoTotal, type TotalEntry, type TotalSums } from '../../kernel/calls/totals.ts';
import { callFlag, eventKind } from '../../kernel/layouts.gen.ts';
import { parseUptimeNs } from '../../kernel/procfs/boot-clock.ts';
import type { KernelServices } from '../../kernel/services.ts';
import { totalKind } from '../shared/call-schemas.ts';

/** Sums of what has ended are told within this time: the process table knows the dead for 30 s. */
const SWEEP_MS = 10_000;
/** From here on sums that did not grow for a whole window make room for others. */
const CROWDED = MOST_TOTALS / 2;
/** Rows of a frame: some 10 ms of work, then others have their turn. */
const FRAME_ROWS = 1024;

export type TotalsKernel = Pick<KernelServices, 'hub' | 'callMaps' | 'caughtUp' | 'onQuiet' | 'processes'>;

export type Totals = {
  /** Sums are told once in this time, ms, or more often when somebody else asks for that; returns a function that takes it back. */
  join(windowMs: number): () => void;
  /** Tells what is there, and takes it out: nothing is added up any more. */
  drain(): void;
};

/** `window`: what changed since the last one. `sweep`: of what has ended. `rest`: all, for nothing is added up any more. `end`: the same, and nobody waits. */
type Occasion = 'window' | 'sweep' | 'rest' | 'end';

const NOTHING: TotalSums = { calls: 0n, requested: 0n, transferred: 0n };

const since = (now: TotalSums, before: TotalSums): TotalSums => ({
  calls: now.calls - before.calls,
  requested: now.requested - before.requested,
  transferred: now.transferred - before.transferred,
});

type Row = { readonly kind: number; readonly total: IoTotal; readonly sums: TotalSums; readonly windowNs: bigint };

const addRow = (builder: FrameBuilder, { kind, total, sums, windowNs }: Row): void =>
  builder.addRow(kind === eventKind.write ? totalKind.write : totalKind.read, {
    bootNs: total.lastNs,
    actor: builder.addActor(total.actor),
    columns: {
      call: total.call,
      callFlags: total.fd < 0 ? 0 : callFlag.hasFd,
      fd: Math.max(0, total.fd),
      fileKind: total.fileKind,
      pathFlags: total.pathFlags,
      path: total.path,
      calls: sums.calls,
      requested: sums.requested,
      transferred: sums.transferred,
      windowNs,
    },
  });

/** Unix time of the boot, ns, as good as procfs knows it. */
const wallOffsetOf = (): bigint => BigInt(Date.now()) * 1_000_000n - (parseUptimeNs(readFileSync('/proc/uptime', 'latin1')) ?? 0n);

const createReader = (kernel: TotalsKernel, logger: Logger) => {
  const { hub, callMaps, processes } = kernel;
  const limit = createRateLimit();
  let told = new Map<string, TotalSums>();
  let windowAtMs = performance.now();
  let wallOffsetNs: bigint | undefined;
  let sequence = 0;
  /** Read, and not handed over yet. */
  const waiting: Row[] = [];
  let turn: NodeJS.Immediate | undefined;

  const handOver = (): void => {
    clearImmediate(turn);
    turn = undefined;
    const rows = waiting.splice(0, FRAME_ROWS);
    if (rows.length === 0) return;
    const builder = createFrameBuilder({ wallOffsetNs: wallOffsetNs ?? wallOffsetOf(), sequence: sequence++ });
    for (const row of rows) addRow(builder, row);
    hub.deliver(builder.build(), () => {});
    if (waiting.length > 0) turn = setImmediate(handOver);
  };

  const read = (occasion: Occasion): void => {
    const entries = callMaps.read('io_totals');
    if (entries === undefined || entries.count === 0) return;
    const nowMs = performance.now();
    const windowNs = BigInt(Math.round((nowMs - windowAtMs) * 1e6));
    const next = new Map<string, TotalSums>();
    const tell = ({ kind }: Pick<TotalEntry, 'kind'>, total: IoTotal, before: TotalSums | undefined): void => {
      // less than before: the programs were loaded anew
      const sums = since(total, before === undefined || total.calls < before.calls ? NOTHING : before);
      if (sums.calls > 0n) waiting.push({ kind, total, sums, windowNs });
    };
    for (const entry of decodeTotals(entries)) {
      const { key, total } = entry;
      const id = key.toString('latin1');
      const before = told.get(id);
      const { pid, startNs, execId } = total.actor;
      const isIdle = occasion === 'window' && total.calls === before?.calls && entries.count > CROWDED;
      if (occasion === 'rest' || occasion === 'end' || isIdle || processes.hasEnded(pid, startNs, execId)) {
        const last = callMaps.take('io_totals', key);
        if (last !== undefined) tell(entry, decodeTotal(last), before);
      } else if (occasion === 'window') {
        tell(entry, total, before);
        next.set(id, total);
      } else if (before !== undefined) {
        next.set(id, before);
      }
    }
    told = next;
    if (occasion !== 'sweep') windowAtMs = nowMs;
  };

  return {
    /** The clock of the frames that come out of the kernel. */
    followClock: (): (() => void) =>
      hub.subscribe({
        kinds: Object.values(eventKind),
        onBatch: (_batch, frame) => void (wallOffsetNs = frame.wallOffsetNs),
        onLoss() {},
      }),
    begin: (): void => void (windowAtMs = performance.now()),
    /** Hands over what it has read when the records of then have gone through, which tell who did it; at the rest of the kernel side at once. */
    read(occasion: Occasion): void {
      // who is behind gets no more; the kernel goes on adding up
      if (occasion !== 'end' && (hub.readiness() !== undefined || waiting.length > 0)) return;
      try {
        read(occasion);
      } catch (error) {
        limit('read', logger.warn.bind(logger), { error: messageOf(error) }, 'sums of reads and writes could not be read');
      }
      if (waiting.length === 0) return;
      if (occasion === 'end') while (waiting.length > 0) handOver();
      else void kernel.caughtUp().then(handOver, handOver);
    },
  };
};

const createSharedTotals = (kernel: TotalsKernel, logger: Logger): Totals => {
  const reader = createReader(kernel, logger);
  const windows = new Set<{ readonly windowMs: number }>();
  let timer: NodeJS.Timeout | undefined;
  let endings: readonly (() => void)[] = [];

  const schedule = (): void => {
    clearTimeout(timer);
    if (windows.size === 0) return;
    const windowMs = Math.min(...Array.from(windows, (one) => one.windowMs));
    let windowEndMs = performance.now() + windowMs;
    const tick = (): void => {
      const nowMs = performance.now();
      const isWindow = nowMs >= windowEndMs;
      reader.read(isWindow ? 'window' : 'sweep');
      // a window that was missed is not made up for
      if (isWindow) windowEndMs = Math.max(windowEndMs + windowMs, nowMs);
      timer = setTimeout(tick, Math.min(SWEEP_MS, windowEndMs - nowMs));
    };
    timer = setTimeout(tick, Math.min(SWEEP_MS, windowMs));
  };

  const end = (): void => {
    clearTimeout(timer);
    reader.read('end');
  };

  return {
    join(windowMs) {
      const mine = { windowMs };
      if (windows.size === 0) {
        reader.begin();
        endings = [reader.followClock(), kernel.onQuiet(end)];
      }
      windows.add(mine);
      schedule();
      return () => {
        if (!windows.delete(mine)) return;
        schedule();
        if (windows.size > 0) return;
        for (const ending of endings) ending();
        endings = [];
      };
    },
    drain: () => reader.read('rest'),
  };
};

const shared = new WeakMap<TotalsKernel, Totals>();

/** The same for all receivers of a kernel side. */
export const totalsOf = (kernel: TotalsKernel, logger: Logger): Totals => {
  let totals = shared.get(kernel);
  if (totals === undefined) shared.set(kernel, (totals = createSharedTotals(kernel, logger)));
  return totals;
};
