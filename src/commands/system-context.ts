/** What commands get outside tests: the process, the components, the kernel. */
import { writeSync } from 'node:fs';
import { createRegistry } from '../config/registry.ts';
import { UsageError } from '../core/errors.ts';
import type { CommandContext } from './context.ts';

const stopSignals = ['SIGINT', 'SIGTERM'] as const;

/** Stays for good: a signal that comes when nobody listens any more must not kill what is just ending well. */
const ignore = (): void => {};

/** What is used of the process; tests stand in for it. */
export type Host = Pick<NodeJS.Process, 'stdin' | 'stdout' | 'stderr' | 'env' | 'on' | 'off' | 'exit' | 'prependListener' | 'kill' | 'pid'>;

/** Faults on purpose: what the kernel is said to have instead of what it has. */
const injectedFacts = (text: string | undefined): object => {
  try {
    return text === undefined ? {} : (JSON.parse(text) as object);
  } catch (error) {
    throw new UsageError('RINGTAIL_INJECT_FACTS is not JSON', {
      cause: error,
      advice: 'write for instance RINGTAIL_INJECT_FACTS=\'{"btf":false}\'',
    });
  }
};

export const systemContext = (host: Host = process): CommandContext => {
  const { stdout, stderr } = host;

  const createServices: CommandContext['createServices'] = async ({ config, exclude, counters, logger, recorder }) => {
    const { createKernelServices } = await import('../kernel/services.ts');
    return createKernelServices({
      ringBytes: config.ring_bytes,
      flushRows: config.flush_rows,
      flushIntervalMs: config.flush_interval,
      rootPath: config.root_path,
      rung: config.rung,
      procfsIntervalMs: config.procfs_interval,
      traceContext: config.trace_context,
      ...(exclude === undefined ? {} : { exclude }),
      counters,
      logger,
      recorder,
      injectedFacts: injectedFacts(host.env['RINGTAIL_INJECT_FACTS']),
    });
  };
  const outputClosed = new Set<() => void>();
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    // EIO: the terminal went away
    if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error;
    // The reader has what it wanted. Commands that go on get to stop in order.
    if (outputClosed.size === 0) host.exit(0);
    for (const handler of outputClosed) handler();
  });
  // Without a reader for the log there is nobody to tell.
  stderr.on('error', () => {});
  return {
    stdout,
    stderr,
    environment: host.env,
    now: () => performance.now(),
    registry: async () => createRegistry((await import('../components.ts')).components),
    createKernel: createServices,
    createServices,
    onSignal(handler) {
      for (const name of stopSignals) host.on(name, ignore).on(name, handler);
      return () => {
        for (const name of stopSignals) host.off(name, handler);
      };
    },
    onReload(handler) {
      host.on('SIGHUP', ignore).on('SIGHUP', handler);
      return () => host.off('SIGHUP', handler);
    },
    holdOutput() {
      stdout.cork();
      return (first) => {
        try {
          if (first !== '') writeSync(stdout.fd, first);
        } catch {
          stdout.write(first); // behind the rest, where the terminal takes nothing just now
        }
        stdout.uncork();
      };
    },
    onOutputClosed(handler) {
      outputClosed.add(handler);
      return () => outputClosed.delete(handler);
    },
    terminal: () =>
      stdout.isTTY && host.stdin.isTTY && host.env['TERM'] !== 'dumb' ? { input: host.stdin, output: stdout, process: host } : undefined,
  };
};
