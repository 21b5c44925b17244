/** Where commands that look at what goes on have it from: a Ringtail that runs, or kernel services of their own. */
import { kernelSchema } from '../config/schema.ts';
import { createCounters } from '../core/counters.ts';
import { UsageError } from '../core/errors.ts';
import { silentLogger } from '../core/logger.ts';
import type { KernelServices } from '../kernel/services.ts';
import { version } from '../service/version.ts';
import { requirePrivileges } from './alone.ts';
import type { CommandContext } from './context.ts';
import { connectControl, findControl, type ControlClient } from './control-client.ts';
import { rootPathOf } from './options.ts';

export type SourceOptions = {
  /** Path of the control socket; without it the one where a Ringtail usually listens, if there is one. */
  readonly socket?: string | undefined;
  /** Whether a running Ringtail is left alone. */
  readonly alone?: boolean | undefined;
  readonly rootPath?: string | undefined;
};

/** The Ringtail to ask; undefined: there is none, or it is not wanted. Rejects as `findControl` and `connectControl` do. */
export const findRunning = async ({ socket, alone = false }: SourceOptions): Promise<ControlClient | undefined> => {
  if (alone && socket !== undefined)
    throw new UsageError('--alone asks no running Ringtail, so --socket says nothing', { advice: 'leave one of them out' });
  if (alone) return undefined;
  return socket === undefined ? await findControl() : await connectControl(socket);
};

export type OwnKernel = { readonly kernel: KernelServices; close(): Promise<void> };

/** What the ring holds when nobody looks any more is of no use. */
const STOP_MS = 2_000;

/** Kernel services of this process, for as long as it looks. `what` and `command` as for `requirePrivileges`, which it throws as. */
export const openOwnKernel = async (
  what: string,
  command: string,
  { rootPath }: Pick<SourceOptions, 'rootPath'>,
  context: Pick<CommandContext, 'createKernel'>,
): Promise<OwnKernel> => {
  const root = rootPathOf(rootPath === undefined ? {} : { rootPath });
  requirePrivileges(what, command);
  const kernel = await context.createKernel({
    config: kernelSchema.parse({ root_path: root }),
    counters: createCounters(),
    // what cannot be seen is told as notes
    logger: silentLogger,
    version,
  });
  return { kernel: kernel as unknown as KernelServices, close: () => kernel.stop(STOP_MS) };
};
