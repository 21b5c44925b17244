/** Which components exist: a new one is a folder and a line here. */
import type { ComponentFactory } from './core/component.ts';
import { processReceiver } from './receivers/process/index.ts';
import { resolveProcessProcessor } from './processors/resolve-process/index.ts';
import { resolveUserProcessor } from './processors/resolve-user/index.ts';

export const components: readonly ComponentFactory[] = [
  processReceiver,

  resolveProcessProcessor,
  resolveUserProcessor,
];
