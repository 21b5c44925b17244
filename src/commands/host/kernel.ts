/** What the kernel and the privileges of this process allow, held against what a configuration asks for. */
import type { KernelConfig } from '../../config/schema.ts';
import type { Path, Problem } from '../../config/problems.ts';
import type { ProbeCheck, ProbeReport } from '../../kernel/probe.ts';

export type Finding = {
  readonly path: Path;
  readonly message: string;
  readonly severity: Problem['severity'];
  /** The configuration is right, the kernel or a privilege is missing. */
  readonly kernel?: boolean;
};

export type KernelFindings = {
  readonly findings: readonly Finding[];
  /** How processes will be followed; empty when they cannot be. */
  readonly rung: string;
};

/** From best to worst, as the process receiver tries them. */
const tracingRungs: readonly string[] = ['tp_btf', 'raw_tp', 'tp'];
/** Of these the others are only a part. */
const prerequisites: readonly string[] = ['btf', 'ring buffer'];

const sentence = ({ name, detail, advice }: ProbeCheck): string => `${name}: ${detail}${advice === undefined ? '' : ` (${advice})`}`;

/** `asking`: the component that follows processes. */
export const kernelFindings = (kernel: KernelConfig, { checks }: ProbeReport, asking: Path): KernelFindings => {
  const find = (name: string) => checks.find((check) => check.name === name);
  const works = (name: string) => find(name)?.ok !== false;
  const findings: Finding[] = [];
  const missing = (names: readonly string[]) => names.flatMap((name) => (works(name) ? [] : [find(name)!]));

  const lower = missing(prerequisites);
  const tracing = lower.length > 0 ? undefined : tracingRungs.find((name) => find(name)?.ok === true);
  const procfs = works('procfs');
  const reasons = (lower.length > 0 ? lower : missing(tracingRungs)).map(sentence).join('; ');
  let rung = '';
  if (kernel.rung === 'auto') {
    rung = tracing ?? (procfs ? 'procfs' : '');
    if (rung === 'procfs')
      findings.push({
        path: asking,
        severity: 'warning',
        message: `processes can only be read from /proc here, which misses what lives shortly; ${reasons}`,
      });
    else if (rung === '')
      findings.push({ path: asking, severity: 'error', message: `processes cannot be followed here; ${reasons}`, kernel: true });
  } else {
    const wrong = kernel.rung === 'procfs' ? missing(['procfs']) : lower.length > 0 ? lower : missing([kernel.rung]);
    if (wrong.length === 0) rung = kernel.rung;
    else
      findings.push({
        path: ['kernel', 'rung'],
        severity: 'error',
        message: `${kernel.rung} does not work here; ${wrong.map(sentence).join('; ')}`,
        kernel: true,
      });
  }

  const warn = (name: string, consequence: string, path: Path) => {
    const check = find(name);
    if (check?.ok === false) findings.push({ path, severity: 'warning', message: `${consequence}; ${sentence(check)}` });
  };
  const root: Path = kernel.root_path === '/' ? asking : ['kernel', 'root_path'];
  warn('pid namespace', 'numbers of processes are not those that the host shows', root);
  warn('cgroup v2', 'cgroups will have no names', root);
  warn('cap_sys_ptrace', 'executables of processes that ran before Ringtail may stay unknown', asking);
  const contexts = find('trace contexts');
  const isNamed = kernel.trace_context !== 'auto';
  // `auto` promises no map: that there is none is no finding there
  if (contexts?.ok === false && (isNamed || contexts.optional !== true)) {
    const { detail, advice, optional } = contexts;
    const next = optional === true ? '; log records carry no trace' : ` (${advice})`;
    findings.push({ path: isNamed ? ['kernel', 'trace_context'] : asking, severity: 'warning', message: `${detail}${next}` });
  }
  if (kernel.root_path !== '/' && !procfs && rung !== '')
    findings.push({
      path: ['kernel', 'root_path'],
      severity: 'error',
      message: `${kernel.root_path} does not look like the root of a host: it has no proc`,
    });
  return { findings, rung };
};
