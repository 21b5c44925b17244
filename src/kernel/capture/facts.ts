/** The chunks that are JSON, as schemas: what comes out of a file is checked before it is believed. */
import { z } from 'zod';
import type { ZodType } from 'zod';
import { CaptureError, parseJson } from './format.ts';

const u32 = z.int().min(0).max(0xffff_ffff);
const u64 = z
  .string()
  .regex(/^\d{1,20}$/)
  .transform(BigInt)
  .refine((value) => value < 1n << 64n);
const i64 = z
  .string()
  .regex(/^-?\d{1,19}$/)
  .transform(BigInt)
  .refine((value) => BigInt.asIntN(64, value) === value);
/** Longest path that the kernel side gives, with room. */
const MAX_PATH_BYTES = 65_536;
const bytes = z
  .base64()
  .max((MAX_PATH_BYTES * 4) / 3 + 4)
  .transform((text) => Buffer.from(text, 'base64'));
const timeMs = z.number().min(-8.64e15).max(8.64e15);
const count = z.number().min(0);
const text = z.string().max(65_536);

export const aboutSchema = z.object({
  /** Of the Ringtail that recorded. */
  version: text,
  kernel: z.object({ release: text, machine: text }),
  startedAt: text,
  resource: z.array(z.tuple([text, text])).max(1024),
});
export type About = z.output<typeof aboutSchema>;

export const againSchema = z.object({ atMs: timeMs });

export const programSchema = z.object({
  atMs: timeMs,
  wallOffsetNs: i64,
  actor: z.object({
    pid: u32,
    tid: u32,
    ppid: u32,
    execId: u32,
    startNs: u64,
    parentStartNs: u64,
    parentExecId: u32,
    flags: u32,
    comm: bytes,
  }),
  path: bytes,
  pathFlags: u32,
});
export type Program = z.output<typeof programSchema>;

const byKind = z
  .array(z.tuple([u32, count]))
  .max(64)
  .transform((pairs) => new Map(pairs));
export const lossSchema = z.object({ reason: text, startMs: timeMs, endMs: timeMs, lostByKind: byKind });
export const gapSchema = z.object({ frames: count, startMs: timeMs, endMs: timeMs, recordsByKind: byKind });

export const endSchema = z.object({
  /** `signal`, `duration`, `size`, ... */
  reason: text,
  frames: count,
  records: count,
  /** Records that were read from the ring and are not in the file. */
  skipped: count,
  /** Records that the kernel side had to drop. */
  lost: count,
});
export type End = z.output<typeof endSchema>;

/** Throws a CaptureError when the payload is something else. */
export const readFacts = <T>(schema: ZodType<T>, payload: Uint8Array, what: string): T => {
  const result = schema.safeParse(parseJson(payload));
  if (!result.success) throw new CaptureError(`the chunk with ${what} is damaged`, { cause: result.error.issues[0]?.message });
  return result.data;
};

type ProgramInput = Omit<Program, 'path' | 'actor'> & {
  readonly path: Uint8Array;
  readonly actor: Omit<Program['actor'], 'comm'> & { readonly comm: Uint8Array };
};

export const programJson = ({ atMs, wallOffsetNs, actor, path, pathFlags }: ProgramInput) => ({
  atMs,
  wallOffsetNs: String(wallOffsetNs),
  actor: {
    ...actor,
    startNs: String(actor.startNs),
    parentStartNs: String(actor.parentStartNs),
    comm: Buffer.from(actor.comm).toString('base64'),
  },
  path: Buffer.from(path).toString('base64'),
  pathFlags,
});
