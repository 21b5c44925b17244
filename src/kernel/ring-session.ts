/** The session of the addon that reads the ring: its frames go to the hub. */
import type { Addon, NativeSession } from './addon.ts';
import type { Recorder } from './capture/recorder.ts';
import { decodeFrame } from './decode.ts';
import type { Hub } from './hub.ts';
import { actorLayout, eventLayouts } from './layouts.gen.ts';

/** A frame holds `flush_rows` records of usual length; four of them cover a stall of the main thread while the ring fills. */
const FRAME_BYTES = 4 << 20;
const FRAMES = 4;
export type RingSessionOptions = {
  readonly addon: Addon;
  readonly ringBytes: number;
  readonly flushRows: number;
  readonly flushIntervalMs: number;
  readonly hub: Hub;
  /** Gets the records of each frame as they were in the ring. */
  readonly recorder?: Pick<Recorder, 'keep'> | undefined;
};

/** `onDelivered` is called for each frame that went through, with its rows. */
export const openSession = (
  { addon, ringBytes, flushRows, flushIntervalMs, hub, recorder }: RingSessionOptions,
  onDelivered: (rows: number) => void,
): NativeSession => {
  let arenas: readonly ArrayBuffer[] = [];
  const session: NativeSession = new addon.Session(
    {
      ringBytes,
      frameBytes: FRAME_BYTES,
      frames: FRAMES,
      flushMs: flushIntervalMs,
      maxRows: flushRows,
      keepRaw: recorder !== undefined,
      layouts: { actor: actorLayout.fields, events: Object.values(eventLayouts) },
    },
    (index) => {
      const frame = decodeFrame(arenas[index]!);
      recorder?.keep(frame, session.rawOf(index));
      const rows = frame.batches.reduce((sum, batch) => sum + batch.rows, 0);
      hub.deliver(frame, () => {
        session.release(index);
        onDelivered(rows);
      });
    },
  );
  arenas = session.arenas();
  return session;
};
