/** A kernel side of our own, for commands that look at this host while no Ringtail runs. */
import { kernelSchema } from '../config/schema.ts';
import { createCounters } from '../core/counters.ts';
import { silentLogger } from '../core/logger.ts';
import type { KernelServices } from '../kernel/services.ts';
import { version } from '../service/version.ts';
import type { CommandContext } from './context.ts';

export type AloneKernel = {
  readonly kernel: KernelServices;
  /** Gives everything back. */
  close(): Promise<void>;
};

const STOP_DEADLINE_MS = 2_000;

/** Nothing is loaded before somebody asks for it by a claim and `reconfigure`. `rootPath`: where the host's root is mounted. */
export const createAloneKernel = async (context: Pick<CommandContext, 'createServices'>, rootPath = '/'): Promise<AloneKernel> => {
  const config = kernelSchema.parse({ root_path: rootPath });
  const kernel = await context.createServices({ config, counters: createCounters(), logger: silentLogger, version });
  return { kernel, close: () => kernel.stop(STOP_DEADLINE_MS) };
};

/** Where a view comes from: asked by options, else whoever runs. */
export type SourceOptions = {
  /** Of a Ringtail that runs; undefined: where one is by default. */
  readonly socket?: string | undefined;
  /** Never ask a Ringtail that runs. */
  readonly alone?: boolean | undefined;
  readonly rootPath?: string | undefined;
};
