import { LENGTH_MASK, type Frame } from '../core/batch.ts';

/** Who an actor of a frame is, and who made it, in memory of its own: it may be wanted when the frame is gone. */
export const actorIdentity = ({ actors, strings }: Frame, actor: number) => {
  const whole = (lo: Uint32Array, hi: Uint32Array): bigint => (BigInt(hi[actor]!) << 32n) | BigInt(lo[actor]!);
  const comm = actors.comm[actor]!;
  const start = strings.offsets[comm]!;
  return {
    pid: actors.pid[actor]!,
    tid: actors.tid[actor]!,
    ppid: actors.ppid[actor]!,
    execId: actors.execId[actor]!,
    startNs: whole(actors.startNsLo, actors.startNsHi),
    parentStartNs: whole(actors.parentStartNsLo, actors.parentStartNsHi),
    parentExecId: actors.parentExecId[actor]!,
    flags: actors.flags[actor]!,
    comm: strings.bytes.slice(start, start + (strings.lengths[comm]! & LENGTH_MASK)),
  };
};
