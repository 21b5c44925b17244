import { KernelError } from '../../src/core/errors.ts';
import type { Registry } from '../../src/config/registry.ts';
import type { ProbeReport } from '../../src/kernel/probe.ts';
import type { CommandContext, CommandKernel, KernelOptions } from '../../src/commands/context.ts';
import { runCli } from '../../src/commands/program.ts';
import type { TerminalHost } from '../../src/text/screen/terminal.ts';
import { createWorld, lifecycleOf, type World, worldRegistry } from '../service/fakes.ts';

export const fullProbe: ProbeReport = {
  kernel: '6.1.0',
  arch: 'x86_64',
  checks: [
    { name: 'btf', ok: true, detail: 'is there', required: true },
    { name: 'tp', ok: true, detail: 'can be attached', required: false },
    { name: 'procfs', ok: true, detail: 'readable', required: false },
  ],
};

/** A command line in this process: what it wrote, and ways to act on it while it runs. */
export const createCli = (
  world: World = createWorld(),
  probe: ProbeReport = fullProbe,
  registry: Registry = worldRegistry(world),
  environment: Readonly<Record<string, string>> = { TOKEN: 'x' },
  terminal?: TerminalHost,
) => {
  const out: string[] = [];
  const err: string[] = [];
  const signals = new Set<(name: string) => void>();
  const closers = new Set<() => void>();
  const reloads = new Set<(name: string) => void>();
  const waiting: { readonly text: string; readonly resolve: () => void }[] = [];
  let nowMs = 0;
  let options: KernelOptions | undefined;
  const kernel: CommandKernel = { ...lifecycleOf(world, 'kernel'), exclude: async () => {}, probe: async () => probe };
  const context: CommandContext = {
    stdout: { write: (text) => out.push(text) },
    stderr: {
      write(text) {
        err.push(text);
        for (const { text: wanted, resolve } of waiting) if (text.includes(wanted)) resolve();
      },
    },
    environment,
    now: () => nowMs,
    registry: async () => registry,
    async createKernel(given) {
      options = given;
      world.hooks.get('create kernel')?.();
      return kernel;
    },
    createServices: () => Promise.reject(new KernelError('there is no kernel side here')),
    onSignal(handler) {
      signals.add(handler);
      return () => signals.delete(handler);
    },
    onReload(handler) {
      reloads.add(handler);
      return () => reloads.delete(handler);
    },
    holdOutput: () => (first) => void out.push(first),
    onOutputClosed(handler) {
      closers.add(handler);
      return () => closers.delete(handler);
    },
    terminal: () => terminal,
  };
  return {
    world,
    context,
    run: (...argv: string[]) => runCli(argv, context),
    stdout: () => out.join(''),
    stderr: () => err.join(''),
    /** The log, a line an object. */
    log: () => err.flatMap((text) => (text.startsWith('{') ? [JSON.parse(text) as Record<string, unknown>] : [])),
    /** Resolves when a write to stderr has this text. */
    says: (text: string): Promise<void> => {
      const { promise, resolve } = Promise.withResolvers<void>();
      if (err.some((line) => line.includes(text))) resolve();
      else waiting.push({ text, resolve });
      return promise;
    },
    /** Time goes on. */
    pass: (ms: number) => void (nowMs += ms),
    signal: (name: string) => signals.forEach((handler) => handler(name)),
    hangUp: () => reloads.forEach((handler) => handler('SIGHUP')),
    closeOutput: () => closers.forEach((handler) => handler()),
    handlers: () => signals.size + closers.size + reloads.size,
    kernelOptions: () => options,
  };
};
