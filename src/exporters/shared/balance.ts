/** Several endpoints that look like one. */
import type { RequestSignal } from '../../otlp/request.ts';
import { shortMessage } from './response.ts';
import type { Outcome, Transport } from './transport.ts';

/** How long an endpoint that failed is left alone: this, twice as long after each further failure, at most the second. */
const FIRST_REST_MS = 5000;
const MAX_REST_MS = 30_000;

type Member = {
  readonly transport: Transport;
  failures: number;
  /** Left alone until then. */
  restsUntilMs: number;
  /** One request finds out whether it is well again; the others go elsewhere meanwhile. */
  probing: boolean;
};

type Retryable = Extract<Outcome, { kind: 'retryable' }>;

/** All refuse for now. Who says when to come back is waited for only when everybody does. */
const merge = (failures: readonly Retryable[]): Retryable => {
  const waits = failures.map(({ afterMs }) => afterMs).filter((ms) => ms !== undefined);
  return {
    kind: 'retryable',
    message: shortMessage([...new Set(failures.map(({ message }) => message))].join('; ')),
    ...(waits.length === failures.length && { afterMs: Math.min(...waits) }),
  };
};

/**
 * Sends a request to one transport and, when that fails for now, within the same time to the others that are well. `round_robin` begins with the
 * next one each time, `failover` always with the first that is well. Who failed rests; when all rest, all are tried.
 */
export const balance = (
  transports: readonly Transport[],
  mode: 'round_robin' | 'failover',
  nowMs: () => number = () => performance.now(),
): Transport => {
  if (transports.length === 1) return transports[0]!;
  const members: readonly Member[] = transports.map((transport) => ({ transport, failures: 0, restsUntilMs: 0, probing: false }));
  let turn = 0;

  const candidates = (): readonly Member[] => {
    const now = nowMs();
    const start = mode === 'round_robin' ? turn++ % members.length : 0;
    const ordered = [...members.slice(start), ...members.slice(0, start)];
    const well = ordered.filter(({ restsUntilMs, probing }) => restsUntilMs <= now && !probing);
    return well.length > 0 ? well : ordered.toSorted((a, b) => a.restsUntilMs - b.restsUntilMs);
  };

  const attempt = async (member: Member, bytes: Buffer, timeoutMs: number, signal: RequestSignal): Promise<Outcome> => {
    const isProbe = member.failures > 0;
    if (isProbe) member.probing = true;
    const outcome = await member.transport.send(bytes, timeoutMs, signal);
    if (isProbe) member.probing = false;
    if (outcome.kind === 'retryable') {
      const restMs = Math.min(MAX_REST_MS, FIRST_REST_MS * 2 ** member.failures);
      member.restsUntilMs = nowMs() + Math.max(restMs, outcome.afterMs ?? 0);
      member.failures++;
    } else {
      member.failures = 0;
      member.restsUntilMs = 0;
    }
    return outcome;
  };

  return {
    async send(bytes, timeoutMs, signal) {
      const endMs = nowMs() + timeoutMs;
      const failures: Retryable[] = [];
      for (const member of candidates()) {
        const leftMs = Math.floor(endMs - nowMs());
        if (leftMs < 1 && failures.length > 0) break;
        const outcome = await attempt(member, bytes, Math.max(1, leftMs), signal);
        if (outcome.kind !== 'retryable') return outcome;
        failures.push(outcome);
      }
      return merge(failures);
    },
    close() {
      for (const { transport } of members) transport.close();
    },
  };
};
