import { formatProblem, type Problem, sortProblems } from '../config/problems.ts';
import type { RingtailConfig } from '../config/load.ts';
import { ConfigError, exitCode, type ExitCode, messageOf } from '../core/errors.ts';
import { printable } from '../core/printable.ts';
import { pushDownOf } from '../service/push-down.ts';
import type { CommandContext } from './context.ts';
import { checkHost, type HostReport } from './host/check.ts';
import { loadFor } from './load.ts';
import type { ConfigOptions } from './options.ts';

export type ValidateOptions = ConfigOptions & { readonly host?: boolean; readonly denyWarnings?: boolean; readonly json?: boolean };

const tierNames = ['syntax', 'graph', 'host'] as const;
type TierName = (typeof tierNames)[number];
type Tier = { readonly tier: TierName; readonly result: 'passed' | 'failed' | 'skipped'; readonly detail: string };

const count = (many: number, noun: string): string => `${many} ${noun}${many === 1 ? '' : 's'}`;

const graphOf = (config: RingtailConfig): string =>
  [
    count(config.pipelines.length, 'pipeline'),
    count(config.receivers.size, 'receiver'),
    count(config.processors.size, 'processor'),
    count(config.exporters.size, 'exporter'),
    ...(config.extensions.size === 0 ? [] : [count(config.extensions.size, 'extension')]),
  ].join(', ');

const tiersOf = (problems: readonly Problem[], config: RingtailConfig | undefined, host: HostReport | undefined): readonly Tier[] => {
  const details: Readonly<Record<TierName, string>> = {
    syntax: '',
    graph: config === undefined ? '' : graphOf(config),
    host: [host === undefined || host.rung === '' ? '' : `processes are followed by ${host.rung}`, host?.packets ?? '']
      .filter((text) => text !== '')
      .join('; '),
  };
  return tierNames.map((tier) => {
    const own = problems.filter((problem) => (problem.tier ?? 'syntax') === tier);
    const errors = own.filter(({ severity }) => severity === 'error').length;
    if (errors > 0) return { tier, result: 'failed', detail: count(errors, 'error') };
    if (tier === 'graph' && config === undefined) return { tier, result: 'skipped', detail: 'nothing wrong in what can be read of it' };
    if (tier === 'host' && host === undefined)
      return { tier, result: 'skipped', detail: config === undefined ? 'the configuration is wrong' : '--no-host' };
    const warnings = own.length === 0 ? [] : [count(own.length, 'warning')];
    return { tier, result: 'passed', detail: [...warnings, ...(details[tier] === '' ? [] : [details[tier]])].join('; ') };
  });
};

/** Lines of single rules; with `--json` all are there. */
const MOST_RULE_LINES = 40;

type PushDown = ReturnType<typeof pushDownOf>;

const pushDownLines = (pushDown: PushDown): readonly string[] =>
  [...pushDown].flatMap(([receiver, { places, refused }]) => {
    const inKernel = places.filter(({ where }) => where === 'kernel').length;
    const summary = `rules of ${receiver}: ${inKernel} in the kernel, ${places.length - inKernel} in user space`;
    // what stays in user space comes first: there is something to change
    const ordered = [...places.filter(({ where }) => where === 'user'), ...places.filter(({ where }) => where === 'kernel')];
    const lines = ordered
      .slice(0, MOST_RULE_LINES)
      .map(({ rule, where, why }) =>
        where === 'kernel' ? `  ${rule}: kernel` : `  ${rule}: user space${why === undefined || refused !== undefined ? '' : `; ${why}`}`,
      );
    const more = ordered.length - lines.length;
    return [
      refused === undefined ? summary : `${summary}; ${refused}`,
      ...lines,
      ...(more > 0 ? [`  and ${count(more, 'more rule')}; --json lists them all`] : []),
    ];
  });

/** The code, and the last line of what is wrong. */
const verdict = (
  name: string,
  problems: readonly Problem[],
  host: HostReport | undefined,
  denyWarnings: boolean,
): { readonly code: ExitCode; readonly line?: string } => {
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  const warnings = problems.length - errors;
  if (errors > 0 && host === undefined)
    return { code: exitCode.config, line: `${name} has ${count(errors, 'error')}; correct the file and check it with "ringtail validate"` };
  if (errors > 0 && host?.onlyKernel === true)
    return { code: exitCode.kernel, line: `${name} is right, but cannot run here; see what "ringtail doctor" says` };
  if (errors > 0)
    return {
      code: exitCode.config,
      line: `${name} has ${count(errors, 'error')} on this host; correct it, or check it elsewhere with --no-host`,
    };
  if (warnings > 0 && denyWarnings)
    return { code: exitCode.config, line: `${name} has ${count(warnings, 'warning')}, and --deny-warnings is given` };
  return { code: exitCode.done };
};

/** `ringtail validate`: nothing is started. Problems go to stderr, what was looked at to stdout; with `--json` all of it to stdout. */
export const validateCommand = async (options: ValidateOptions, context: CommandContext): Promise<ExitCode> => {
  const read = await loadFor(options, context).catch((error: unknown) => {
    if (error instanceof ConfigError && options.json === true) return error;
    throw error;
  });
  if (read instanceof ConfigError) {
    // There is nothing to look at, and tools want JSON all the same.
    const problem = { tier: 'syntax', severity: 'error', file: '', line: 0, column: 0, path: '', message: messageOf(read) };
    const tiers = tierNames.map((tier) => ({ tier, result: tier === 'syntax' ? 'failed' : 'skipped', detail: '' }));
    context.stdout.write(`${JSON.stringify({ valid: false, tiers, problems: [problem] }, null, 2)}\n`);
    return exitCode.config;
  }
  const { name, loaded } = read;
  const { config } = loaded;
  const host = config === undefined || options.host === false ? undefined : await checkHost(loaded, config, context);
  const problems = sortProblems([...loaded.problems, ...(host?.problems ?? [])]);
  const tiers = tiersOf(problems, config, host);
  const pushDown: PushDown = config === undefined ? new Map() : pushDownOf(config);
  const { code, line } = verdict(name, problems, host, options.denyWarnings === true);
  if (options.json === true) {
    const plain = problems.map(({ tier = 'syntax', ...problem }) => ({ tier, ...problem }));
    const rules = pushDown.size === 0 ? {} : { rules: Object.fromEntries(pushDown) };
    context.stdout.write(`${JSON.stringify({ valid: code === exitCode.done, tiers, problems: plain, ...rules }, null, 2)}\n`);
    return code;
  }
  // Warnings first, as every command says them.
  for (const severity of ['warning', 'error'] as const)
    for (const problem of problems) if (problem.severity === severity) context.stderr.write(`${formatProblem(problem)}\n`);
  for (const { tier, result, detail } of tiers)
    context.stdout.write(printable(`${tier}: ${result}${detail === '' ? '' : `; ${detail}`}`) + '\n');
  for (const text of pushDownLines(pushDown)) context.stdout.write(`${printable(text)}\n`);
  if (line === undefined) context.stdout.write(`${printable(name)} is valid\n`);
  else context.stderr.write(`ringtail: ${printable(line)}\n`);
  return code;
};
