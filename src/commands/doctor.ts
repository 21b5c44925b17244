import { kernelSchema } from '../config/schema.ts';
import { createCounters } from '../core/counters.ts';
import { exitCode, type ExitCode } from '../core/errors.ts';
import { silentLogger } from '../core/logger.ts';
import { printable } from '../core/printable.ts';
import { version } from '../service/version.ts';
import type { ProbeCheck, ProbeReport } from '../kernel/probe.ts';
import type { CommandContext } from './context.ts';
import { rootPathOf } from './options.ts';
import { formatTable } from './table.ts';

const missing = ({ checks }: ProbeReport) => checks.some(({ ok, required }) => required && !ok);
/** The last rung needs nothing but this. */
const procfsWorks = ({ checks }: ProbeReport) => checks.some(({ name, ok }) => name === 'procfs' && ok);

const verdictOf = (report: ProbeReport): string => {
  if (missing(report)) {
    return procfsWorks(report)
      ? 'Only procfs can be read here: what lives shortly is missed.'
      : 'Nothing works here until what is missing is there.';
  }
  const limited = report.checks.filter(({ ok, optional }) => !ok && optional !== true).length;
  return limited === 0 ? 'Everything works here.' : `Ringtail works here, with less where it says limited (${limited}).`;
};

const humanReport = (report: ProbeReport): string => {
  const state = ({ ok, required, optional }: ProbeCheck) =>
    ok ? 'works' : required ? 'missing' : optional === true ? 'absent' : 'limited';
  const table = formatTable(
    ['CHECK', 'STATE', 'WHAT WAS FOUND'].map((title) => ({ title })),
    report.checks.map((check) => [check.name, state(check), check.detail]),
  );
  const advice = report.checks.flatMap(({ name, ok, advice: what }) => (ok || what === undefined ? [] : [`  ${name}: ${what}`]));
  return [
    `Linux ${printable(report.kernel)} on ${printable(report.arch)}\n`,
    table,
    ...(advice.length === 0 ? [] : [`What to do:\n${advice.map(printable).join('\n')}\n`]),
    `${verdictOf(report)}\n`,
  ].join('\n');
};

export type DoctorOptions = { readonly json?: boolean; readonly rootPath?: string };

/** `ringtail doctor`: what works on this kernel, what does not, and what to do. Exit code 3 when nothing works, not even procfs. */
export const doctorCommand = async (options: DoctorOptions, context: CommandContext): Promise<ExitCode> => {
  const kernel = await context.createKernel({
    config: kernelSchema.parse({ root_path: rootPathOf(options) }),
    counters: createCounters(),
    logger: silentLogger,
    version,
  });
  const report = await kernel.probe();
  context.stdout.write(options.json === true ? `${JSON.stringify(report, null, 2)}\n` : humanReport(report));
  return missing(report) && !procfsWorks(report) ? exitCode.kernel : exitCode.done;
};
