/** Which components exist: a new one is a folder and a line here. */
import type { ComponentFactory } from './core/component.ts';
import { debugExporter } from './exporters/debug/index.ts';
import { fileExporter } from './exporters/file/index.ts';
import { nopExporter } from './exporters/nop/index.ts';
import { otlpGrpcExporter } from './exporters/otlp-grpc/index.ts';
import { otlpHttpExporter } from './exporters/otlp-http/index.ts';
import { prometheusExporter } from './exporters/prometheus/index.ts';
import { controlExtension } from './extensions/control/index.ts';
import { healthCheckExtension } from './extensions/health-check/index.ts';
import { pprofExtension } from './extensions/pprof/index.ts';
import { zpagesExtension } from './extensions/zpages/index.ts';
import { attributesProcessor } from './processors/attributes/index.ts';
import { batchProcessor } from './processors/batch/index.ts';
import { filterProcessor } from './processors/filter/index.ts';
import { memoryLimiterProcessor } from './processors/memory-limiter/index.ts';
import { redactProcessor } from './processors/redact/index.ts';
import { resolveContainerProcessor } from './processors/resolve-container/index.ts';
import { resolveProcessProcessor } from './processors/resolve-process/index.ts';
import { resolveUserProcessor } from './processors/resolve-user/index.ts';
import { resourceProcessor } from './processors/resource/index.ts';
import { packetsReceiver } from './receivers/packets/index.ts';
import { processReceiver } from './receivers/process/index.ts';
import { replayReceiver } from './receivers/replay/index.ts';
import { socketsReceiver } from './receivers/sockets/index.ts';
import { syscallsReceiver } from './receivers/syscalls/index.ts';

export const components: readonly ComponentFactory[] = [
  packetsReceiver,
  processReceiver,
  replayReceiver,
  socketsReceiver,
  syscallsReceiver,

  attributesProcessor,
  batchProcessor,
  filterProcessor,
  memoryLimiterProcessor,
  redactProcessor,
  resolveContainerProcessor,
  resolveProcessProcessor,
  resolveUserProcessor,
  resourceProcessor,

  debugExporter,
  fileExporter,
  nopExporter,
  otlpGrpcExporter,
  otlpHttpExporter,
  prometheusExporter,

  controlExtension,
  healthCheckExtension,
  pprofExtension,
  zpagesExtension,
];
