/** The third look of `ringtail validate`: does this host have what the configuration needs? Nothing is started, nothing stays behind. */
import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { ComponentConfig } from '../../config/check-components.ts';
import type { LoadedConfig, RingtailConfig } from '../../config/load.ts';
import { formatPath, type Path, type Problem } from '../../config/problems.ts';
import { DEFAULT_METRICS_ADDRESS, parseAddress } from '../../config/schema.ts';
import type { ComponentKind, HostNeed } from '../../core/component.ts';
import { createCounters } from '../../core/counters.ts';
import { messageOf } from '../../core/errors.ts';
import { silentLogger } from '../../core/logger.ts';
import { cgroupFolderProblem } from '../../kernel/cgroup-folder.ts';
import { cgroup2Mount } from '../../kernel/procfs/mounts.ts';
import { version } from '../../service/version.ts';
import type { CommandContext } from '../context.ts';
import { type Finding, kernelFindings } from './kernel.ts';
import { packetFindings } from './packets.ts';
import {
  certificatesProblem,
  createPortProbe,
  directoryProblem,
  fileProblem,
  groupProblem,
  type PortProblem,
  privateKeyProblem,
} from './probes.ts';

export type HostReport = {
  readonly problems: readonly Problem[];
  /** All errors are of the kernel or of privileges. */
  readonly onlyKernel: boolean;
  /** How processes will be followed; empty when nobody asks for them, or nothing works. */
  readonly rung: string;
  /** On how many interfaces packets will be counted, in words; empty when nobody asks for that, or nothing works. */
  readonly packets: string;
};

const sections = ['receivers', 'processors', 'exporters', 'extensions'] as const;

type Need = { readonly component: Path; readonly need: HostNeed };

const needsOf = (config: RingtailConfig): readonly Need[] =>
  sections.flatMap((section) =>
    Array.from<ComponentConfig<ComponentKind>>(config[section].values()).flatMap(({ id, factory, config: options }) =>
      (factory.hostNeeds?.(options as never) ?? []).map((need) => ({ component: [section, id], need })),
    ),
  );

const fileFinding = async (need: Extract<HostNeed, { kind: 'file' }>): Promise<PortProblem | undefined> => {
  if (need.holds === 'certificates') return certificatesProblem(need.path);
  if (need.holds === 'private_key') return privateKeyProblem(need.path, need.certificate);
  const message = await fileProblem(need.path);
  return message === undefined ? undefined : { message, severity: 'error' };
};

const hostProblem = (need: Extract<HostNeed, { kind: 'cgroup' | 'group' | 'directory' }>): Promise<string | undefined> => {
  if (need.kind === 'cgroup') return cgroupFolderProblem(need.path);
  return need.kind === 'group' ? groupProblem(need.name) : directoryProblem(need.path, need.create === true);
};

const rootFinding = async (root: string): Promise<Finding | undefined> => {
  const path = ['kernel', 'root_path'];
  try {
    if (!(await stat(root)).isDirectory()) return { path, severity: 'error', message: `${root} is not a folder` };
    return undefined;
  } catch (error) {
    return { path, severity: 'error', message: `the folder ${root} cannot be used: ${messageOf(error)}` };
  }
};

/** Neighbours that are to be left out and are not there: they may come later, or be misspelt. */
const absentExclusions = async ({ exclude, kernel }: RingtailConfig): Promise<readonly Finding[]> => {
  const root = kernel.root_path === '/' ? '' : kernel.root_path;
  const mount = exclude.cgroups.length === 0 ? undefined : await cgroup2Mount(root);
  const places = [
    ...exclude.cgroups.map((path, index) => ['cgroups', index, mount === undefined ? undefined : `${root}${mount}${path}`] as const),
    ...exclude.pid_files.map((path, index) => ['pid_files', index, `${root}${path}`] as const),
    ...exclude.executables.map((path, index) => ['executables', index, `${root}${path}`] as const),
  ];
  return places.flatMap(([key, index, place]) =>
    place === undefined || existsSync(place)
      ? []
      : [
          {
            path: ['service', 'exclude', key, index],
            severity: 'warning',
            message: `${place} is not there now; until it is, nothing is left out by it`,
          } as const,
        ],
  );
};

/** Ports, folders and files: what the own telemetry and the components need beside the kernel. */
const componentFindings = async (config: RingtailConfig): Promise<readonly Finding[]> => {
  const findings: Finding[] = [];
  const add = (path: Path, found: PortProblem | undefined) => {
    if (found !== undefined) findings.push({ path, ...found });
  };
  const ports = createPortProbe();
  try {
    const { metrics } = config.telemetry;
    if (metrics.level !== 'none') {
      const path = ['service', 'telemetry', 'metrics', 'address'];
      const { host, port } = metrics.address ?? parseAddress(DEFAULT_METRICS_ADDRESS)!;
      const found = await ports.take(host, port, formatPath(path));
      if (metrics.address !== undefined) add(path, found);
      else if (found !== undefined)
        add(['service'], { severity: 'warning', message: `${found.message}, or Ringtail runs without its metrics page` });
    }
    for (const { component, need } of needsOf(config)) {
      if (need.kind === 'kernel' || need.kind === 'packets') continue;
      const path = [...component, ...need.option];
      if (need.kind === 'port') add(path, await ports.take(need.host, need.port, formatPath(path)));
      else if (need.kind === 'file') add(path, await fileFinding(need));
      else {
        const message = await hostProblem(need);
        add(path, message === undefined ? undefined : { message, severity: 'error' });
      }
    }
  } finally {
    await ports.close();
  }
  return findings;
};

/** Why a start failed, where it was for a port, a folder or a file that the configuration names: then with its place. */
export const startProblems = async (loaded: LoadedConfig, config: RingtailConfig): Promise<readonly Problem[]> => {
  const findings = await componentFindings(config);
  return findings
    .filter(({ severity, path }) => severity === 'error' || path.length > 1) // somebody else has the port: a reason, whoever it is
    .map(({ path, message }) => ({ ...loaded.problemAt(path, message), tier: 'host' as const }));
};

/** Looks at everything that a valid configuration needs. */
export const checkHost = async (loaded: LoadedConfig, config: RingtailConfig, context: CommandContext): Promise<HostReport> => {
  const findings: Finding[] = [...(await componentFindings(config))];

  let rung = '';
  let packets = '';
  const needs = needsOf(config);
  const asking = needs.find(({ need }) => need.kind === 'kernel')?.component;
  const packetsAsked = needs.flatMap(({ component, need }) => (need.kind === 'packets' ? [{ path: component, ...need }] : []));
  if (asking !== undefined || packetsAsked.length > 0) {
    const root = await rootFinding(config.kernel.root_path);
    if (root !== undefined) findings.push(root);
    else {
      if (asking !== undefined) findings.push(...(await absentExclusions(config)));
      const kernel = await context.createKernel({ config: config.kernel, counters: createCounters(), logger: silentLogger, version });
      const report = await kernel.probe();
      const found = asking === undefined ? { findings: [], rung: '' } : kernelFindings(config.kernel, report, asking);
      const foundPackets = packetFindings(packetsAsked, report);
      findings.push(...found.findings, ...foundPackets.findings);
      ({ rung } = found);
      packets = foundPackets.summary;
    }
  }
  const errors = findings.filter(({ severity }) => severity === 'error');
  return {
    problems: findings.map(({ path, message, severity }) => ({ ...loaded.problemAt(path, message, severity), tier: 'host' as const })),
    onlyKernel: errors.length > 0 && errors.every(({ kernel }) => kernel === true),
    rung,
    packets,
  };
};
