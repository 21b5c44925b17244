/** Who asks for what of the kernel side, and what all of them need together. */
import type { CallNeeds, CallsClaim } from './calls/needs.ts';
import { unionOfCalls } from './calls/settings.ts';
import type { ProcessNeeds } from './process-programs.ts';
import type { SocketNeeds, SocketsClaim } from './sockets/needs.ts';
import { unionOfSockets } from './sockets/settings.ts';

/** To name who makes a call. */
const NAMES_ONLY: ProcessNeeds = { argsMaxBytes: 0, threads: false, failedExecs: false };
/** What is counted needs no names, and nothing is to go through the ring for it. */
const COUNTS_ONLY: ProcessNeeds = { ...NAMES_ONLY, idle: true };
const PROCESSES_COUNTED: ProcessNeeds = { ...COUNTS_ONLY, counted: true };
const needsOfCalls = ({ events, failures }: CallNeeds): ProcessNeeds => (events.size + failures.size > 0 ? NAMES_ONLY : COUNTS_ONLY);
const needsOfSockets = ({ events }: SocketNeeds): ProcessNeeds => (events.size > 0 ? NAMES_ONLY : COUNTS_ONLY);

/** What all ask for together; undefined when nobody does. */
const unionOf = (all: Iterable<ProcessNeeds>): ProcessNeeds | undefined => {
  let union: ProcessNeeds | undefined;
  for (const { argsMaxBytes, threads, failedExecs, idle = false, counted = false, traceparent = false } of all) {
    union = {
      argsMaxBytes: Math.max(union?.argsMaxBytes ?? 0, argsMaxBytes),
      threads: (union?.threads ?? false) || threads,
      failedExecs: (union?.failedExecs ?? false) || failedExecs,
      idle: (union?.idle ?? true) && idle,
      counted: (union?.counted ?? false) || counted,
      traceparent: (union?.traceparent ?? false) || traceparent,
    };
  }
  return union;
};

export type Asked = {
  /** Returns a function that takes it back. */
  needProcesses(needs: ProcessNeeds): () => void;
  /** Execs and exits are counted, and nothing goes through the ring for it. */
  needProcessCounts(): () => void;
  /** Who asks for calls asks for processes too. */
  needCalls(needs: CallNeeds): CallsClaim;
  /** Who asks for sockets too. */
  needSockets(needs: SocketNeeds): SocketsClaim;
  /** Undefined: nobody asks. */
  processes(): ProcessNeeds | undefined;
  calls(): CallNeeds | undefined;
  sockets(): SocketNeeds | undefined;
};

export const createAsked = (): Asked => {
  const processes = new Set<ProcessNeeds>();
  const calls = new Set<{ needs: CallNeeds }>();
  const sockets = new Set<{ needs: SocketNeeds }>();

  const needProcesses = (needs: ProcessNeeds): (() => void) => {
    const mine = { ...needs };
    processes.add(mine);
    return () => processes.delete(mine);
  };

  /** Someone who asks for records of a kind, and for the processes behind them. */
  const claimOf = <N>(claims: Set<{ needs: N }>, needs: N, processNeedsOf: (needs: N) => ProcessNeeds) => {
    const claim = { needs };
    let endProcesses = needProcesses(processNeedsOf(needs));
    claims.add(claim);
    return {
      change(next: N): void {
        claim.needs = next;
        endProcesses();
        endProcesses = needProcesses(processNeedsOf(next));
      },
      end(): void {
        claims.delete(claim);
        endProcesses();
      },
    };
  };

  return {
    needProcesses,
    needProcessCounts: () => needProcesses(PROCESSES_COUNTED),
    needCalls: (needs) => claimOf(calls, needs, needsOfCalls),
    needSockets: (needs) => claimOf(sockets, needs, needsOfSockets),
    processes: () => unionOf(processes),
    calls: () => unionOfCalls(Array.from(calls, (claim) => claim.needs)),
    sockets: () => unionOfSockets(Array.from(sockets, (claim) => claim.needs)),
  };
};
