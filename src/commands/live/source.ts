/** Where commands that look at this host have it from: a Ringtail that runs, or a kernel side of their own. */
import { kernelSchema } from '../../config/schema.ts';
import { createCounters } from '../../core/counters.ts';
import { UsageError } from '../../core/errors.ts';
import { silentLogger } from '../../core/logger.ts';
import type { KernelServices } from '../../kernel/services.ts';
import { version } from '../../service/version.ts';
import { requirePrivileges } from './privileges.ts';
import type { CommandContext } from '../context.ts';
import { connectControl, findControl, type ControlClient } from './control-client.ts';
import { rootPathOf } from '../options.ts';

export type SourceOptions = {
  /** Of a Ringtail that runs; undefined: where one is by default, if there is one. */
  readonly socket?: string | undefined;
  /** Never ask a Ringtail that runs. */
  readonly alone?: boolean | undefined;
  /** Where the host's root is mounted. */
  readonly rootPath?: string | undefined;
};

/** The Ringtail to ask; undefined: there is none, or it is not wanted. Rejects as `findControl` and `connectControl` do. */
export const findRunning = async ({ socket, alone = false }: SourceOptions): Promise<ControlClient | undefined> => {
  if (alone && socket !== undefined)
    throw new UsageError('--alone asks no running Ringtail, so --socket says nothing', { advice: 'leave one of them out' });
  if (alone) return undefined;
  return socket === undefined ? await findControl() : await connectControl(socket);
};

export type AloneKernel = {
  readonly kernel: KernelServices;
  /** Gives everything back. */
  close(): Promise<void>;
};

/** What the ring holds when nobody looks any more is of no use. */
const STOP_DEADLINE_MS = 2_000;

/**
 * A kernel side of this process. Nothing is loaded before somebody asks for it by a claim and `reconfigure`. `what` and `command` as for `requirePrivileges`, which it
 * rejects as.
 */
export const createAloneKernel = async (
  context: Pick<CommandContext, 'createServices'>,
  what: string,
  command: string,
  { rootPath }: Pick<SourceOptions, 'rootPath'>,
): Promise<AloneKernel> => {
  const root = rootPathOf(rootPath === undefined ? {} : { rootPath });
  requirePrivileges(what, command);
  const config = kernelSchema.parse({ root_path: root });
  // what cannot be seen is told as notes
  const kernel = await context.createServices({ config, counters: createCounters(), logger: silentLogger, version });
  return { kernel, close: () => kernel.stop(STOP_DEADLINE_MS) };
};
