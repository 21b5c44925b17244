/** The parts of the configuration that belong to no component. */
import { z } from 'zod';
import { byteSize, duration } from '../core/config-types.ts';

/** Smallest page of any kernel that we know; a ring is at least one page. */
const PAGE_BYTES = 4096;

export const kernelSchema = z
  .strictObject({
    ring_bytes: byteSize({ min: PAGE_BYTES, max: 2 ** 30, powerOfTwo: true })
      .prefault('8MiB')
      .describe('Size of the one ring between kernel and user space; a power of two, at least a page.'),
    flush_rows: z.int().min(1).max(65_536).default(8192).describe('A frame is handed over when it holds this many records ...'),
    flush_interval: duration({ minMs: 1, maxMs: 10_000 }).prefault('50ms').describe('... or when its first record is this old.'),
    rung: z
      .enum(['auto', 'tp_btf', 'raw_tp', 'tp', 'procfs'])
      .default('auto')
      .describe('How processes are followed; auto takes the best way that works here, any other must work.'),
    procfs_interval: duration({ minMs: 100, maxMs: 3_600_000 }).prefault('1s').describe('How often /proc is read on the procfs rung.'),
    trace_context: z
      .string()
      .refine((text) => text === 'auto' || text === 'off' || text.startsWith('/'), {
        error: 'neither auto nor off nor an absolute path',
      })
      .default('auto')
      .describe(
        "The pinned map of OpenTelemetry's eBPF instrumentation, from which log records take the trace and span that a thread is in: auto is where it pins it by default.",
      ),
    root_path: z
      .string()
      .startsWith('/', { error: 'not an absolute path' })
      .default('/')
      .describe("Where the host's root is mounted, for instance /host in a container."),
  })
  .describe('The kernel side, shared by all receivers.');

export type KernelConfig = z.output<typeof kernelSchema>;

export const DEFAULT_METRICS_ADDRESS = '127.0.0.1:18888';

export type Address = { readonly host: string; readonly port: number };

/** `host:port` or `[v6]:port`; undefined when it is not one. */
export const parseAddress = (text: string): Address | undefined => {
  const match = /^(?:\[([0-9a-f:.%\w]+)\]|([^\s:/[\]]+)):(\d{1,5})$/i.exec(text);
  const port = Number(match?.[3]);
  return match === null || port > 65_535 ? undefined : { host: (match[1] ?? match[2])!, port };
};

const address = z.string().transform((text, context): Address => {
  const parsed = parseAddress(text);
  if (parsed !== undefined) return parsed;
  context.addIssue({ code: 'custom', message: `not an address; allowed is host:port, as in ${DEFAULT_METRICS_ADDRESS} or [::1]:18888` });
  return z.NEVER;
});

export const logLevels = ['debug', 'info', 'warn', 'error'] as const;

export const telemetrySchema = z
  .strictObject({
    logs: z
      .strictObject({
        level: z.enum(logLevels).default('info').describe('Least severe level that is written.'),
        encoding: z
          .enum(['console', 'json'])
          .optional()
          .describe('Short lines or JSON; by default lines on a terminal and JSON elsewhere.'),
      })
      .prefault({}),
    metrics: z
      .strictObject({
        level: z.enum(['none', 'normal']).default('normal').describe('none opens no port.'),
        address: address.optional().describe(`Where the metrics are served; ${DEFAULT_METRICS_ADDRESS} by default.`),
      })
      .prefault({}),
    traces: z
      .strictObject({
        endpoint: z
          .string()
          .regex(/^(?:\[[0-9a-fA-F:.]+\]|[^\s:/[\]]+):\d{1,5}$/, 'not host:port, as in 127.0.0.1:4317')
          .optional()
          .describe('Where its own spans (start, reloads, exports) go by OTLP over gRPC, `host:port`; without it there are none.'),
        insecure: z.boolean().default(true).describe('Whether they go without TLS.'),
      })
      .prefault({}),
    resource: z
      .record(z.string(), z.string())
      .default({})
      .describe('Attributes added to, or replacing, those of the resource of all that Ringtail sends.'),
  })
  .describe("Ringtail's own logs, metrics and traces.");

export type TelemetryConfig = z.output<typeof telemetrySchema>;

const absolutePaths = z.array(z.string().startsWith('/', { error: 'not an absolute path' })).default([]);

export const excludeSchema = z
  .strictObject({
    cgroups: absolutePaths.describe('Paths of cgroups as /proc/<pid>/cgroup tells them; whatever runs in one or below it is left out.'),
    pid_files: absolutePaths.describe('Files that hold a pid; the process is left out for as long as it lives.'),
    executables: absolutePaths.describe('Paths of executables; whatever runs one of them is left out.'),
  })
  .describe('Neighbours that work on what Ringtail sends, whose doings would make more of it: they are left out.');

export type ExcludeConfig = z.output<typeof excludeSchema>;

export const extensionListSchema = z
  .array(z.string())
  .describe('Ids of extensions; they start in this order and stop in the opposite one.');

export const pipelineSchema = z.strictObject({
  receivers: z.array(z.string()).min(1).describe('Ids of receivers; at least one.'),
  processors: z.array(z.string()).default([]).describe('Ids of processors, in the order in which they work.'),
  exporters: z.array(z.string()).min(1).describe('Ids of exporters; at least one.'),
});
