/** What this kernel and these privileges allow, tried out rather than read off a version number: `ringtail doctor`. */
import { readFileSync } from 'node:fs';
import { messageOf } from '../core/errors.ts';
import { buildPath, type Addon, type KernelFacts, type NativeError } from './addon.ts';
import { actorLayout } from './layouts.gen.ts';
import { hooks, type ProbeHook } from './probe-hooks.ts';
import type { PacketProbe } from './packets/probe.ts';
import { findContextMap } from './trace-contexts.ts';
import { ladderOf } from './packets/ladder.ts';
import { wantedFacts } from './process-programs.ts';
import { namesInitialPidNamespace } from './self.ts';

export type ProbeCheck = {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  /** What to do, when it is not ok. */
  readonly advice?: string;
  /** Without it nothing but procfs works. */
  readonly required: boolean;
  /** Nothing is the worse for its absence. */
  readonly optional?: boolean;
};

export type ProbeReport = {
  readonly kernel: string;
  readonly arch: string;
  readonly checks: readonly ProbeCheck[];
  readonly packets?: PacketProbe;
};

export type ProbeOptions = {
  readonly addon: Addon;
  readonly facts: KernelFacts;
  /** Where procfs is mounted. */
  readonly procfsRoot: string;
  /** Where the cgroup v2 hierarchy is mounted, undefined when it is not. */
  readonly cgroup2Path: string | undefined;
};

const rungNames = new Set(['tp_btf', 'raw_tp', 'tp']);

/** linux/capability.h, the ones that matter here. */
const capabilities: readonly (readonly [bit: number, name: string, purpose: string])[] = [
  [39, 'CAP_BPF', 'loading programs'],
  [38, 'CAP_PERFMON', 'tracing programs'],
  [12, 'CAP_NET_ADMIN', 'cgroup and XDP programs'],
  [19, 'CAP_SYS_PTRACE', 'executables and namespaces of other processes in procfs'],
  [2, 'CAP_DAC_READ_SEARCH', 'open files and environment of other processes in procfs'],
];
const CAP_SYS_ADMIN = 21;

const readText = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
};

const capabilityChecks = (procfsRoot: string): readonly ProbeCheck[] => {
  const status = readText(`${procfsRoot}/self/status`) ?? '';
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`);
  const has = (bit: number) => ((effective >> BigInt(bit)) & 1n) === 1n;
  return capabilities.map(([bit, name, purpose]) => {
    const ok = has(bit) || (bit !== 2 && bit !== 19 && has(CAP_SYS_ADMIN));
    return {
      name: name.toLowerCase(),
      ok,
      detail: purpose,
      required: false,
      ...(ok ? {} : { advice: `run as root, or give the process ${name}` }),
    };
  });
};

/**
 * Numbers of processes are told as the initial pid namespace has them, so Ringtail must run in it and read its procfs. `isInitial` tells of a link
 * as `namesInitialPidNamespace` does.
 */
export const pidNamespaceCheck = (procfsRoot: string, isInitial: (link: string) => boolean | undefined): ProbeCheck => {
  const check = { name: 'pid namespace', required: false };
  if (isInitial('/proc/self/ns/pid') === false) {
    return {
      ...check,
      ok: false,
      detail: 'Ringtail runs in a pid namespace of its own',
      advice: "run it in the host's: docker run --pid=host, or hostPID: true in a pod",
    };
  }
  if (procfsRoot !== '/proc' && isInitial(`${procfsRoot}/1/ns/pid`) === false) {
    return {
      ...check,
      ok: false,
      detail: `${procfsRoot} shows another pid namespace than the host's`,
      advice: "mount the host's /proc there",
    };
  }
  return { ...check, ok: true, detail: "the host's own" };
};

const adviceFor = (code: string): string => {
  if (code === 'EPERM' || code === 'EACCES') return 'run as root, or with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN';
  if (code === 'ENOENT') return 'mount tracefs: mount -t tracefs tracefs /sys/kernel/tracing';
  return 'this kernel does not offer it; a lower rung is taken';
};

/** An iterator is attached by its run. */
const attachOrRun = (session: InstanceType<Addon['Session']>, object: number, program: string): void => {
  if (program.startsWith('on_iter')) session.runIterator(object, program);
  else session.attach(object, program);
};

/** Without the hierarchy, which has a row of its own, it is seen whether the program can be loaded. */
const attachToCgroup = (
  session: InstanceType<Addon['Session']>,
  object: number,
  program: string,
  cgroup2Path: string | undefined,
): void => {
  if (cgroup2Path !== undefined) session.attach(object, program, cgroup2Path);
};

const hookCheck = (session: InstanceType<Addon['Session']>, hook: ProbeHook, cgroup2Path: string | undefined): ProbeCheck => {
  const required = false;
  const { name, program, purpose, without } = hook;
  const cost = without === undefined ? '' : `; ${without}`;
  try {
    const object = session.load({ path: buildPath('bpf/probe.bpf.o'), programs: [program], options: {}, mapEntries: {} });
    try {
      if (hook.attach === 'cgroup') attachToCgroup(session, object, program, cgroup2Path);
      else if (hook.attach) attachOrRun(session, object, program);
    } finally {
      session.unload(object);
    }
    return { name, ok: true, detail: purpose, required };
  } catch (error) {
    const { code } = error as NativeError;
    if (hook.optional === true) return { name, ok: false, detail: `${purpose}; not available here (${code})`, required, optional: true };
    return { name, ok: false, detail: `${purpose}; refused: ${code}${cost}`, advice: adviceFor(code), required };
  }
};

const hookChecks = (options: ProbeOptions): readonly ProbeCheck[] => {
  const sessionOptions = {
    ringBytes: 65_536,
    frameBytes: 2 << 20,
    frames: 1,
    flushMs: 50,
    maxRows: 1,
    layouts: { actor: actorLayout.fields, events: [] },
  };
  let session: InstanceType<Addon['Session']>;
  try {
    session = new options.addon.Session(sessionOptions, () => {});
  } catch (error) {
    const { code } = error as NativeError;
    return hooks
      .filter(({ optional }) => optional !== true)
      .map(({ name, purpose }) => ({
        name,
        ok: false,
        detail: `${purpose}; not tried: no ring buffer (${code})`,
        advice: adviceFor(code),
        required: false,
      }));
  }
  try {
    return hooks.map((hook) => hookCheck(session, hook, options.cgroup2Path));
  } finally {
    session.close();
  }
};

/** One sentence for a ring buffer that cannot be made. */
export const ringAdvice = (code: string): string =>
  code === 'EINVAL'
    ? 'ring buffers came with kernel 5.8: run on a newer one'
    : code === 'ENOMEM'
      ? 'free memory or make kernel.ring_bytes smaller'
      : adviceFor(code);

export const probeFacts = (addon: Addon): KernelFacts => addon.facts(wantedFacts);

/** Tries everything; takes a few hundred milliseconds and leaves nothing behind. */
export const probeKernel = (options: ProbeOptions): ProbeReport => {
  const { facts, procfsRoot, cgroup2Path } = options;
  const checked = hookChecks(options);
  const rungWorks = checked.some(({ name, ok }) => ok && rungNames.has(name));
  const bestRung = checked.find(({ name, ok }) => ok && rungNames.has(name))?.name;
  const readable = readText(`${procfsRoot}/self/stat`) !== undefined;
  return {
    kernel: facts.release,
    arch: facts.machine,
    checks: [
      {
        name: 'btf',
        ok: facts.btf,
        detail: facts.btf ? 'the kernel describes its own types' : '/sys/kernel/btf/vmlinux cannot be read',
        required: true,
        ...(facts.btf ? {} : { advice: 'use a kernel with CONFIG_DEBUG_INFO_BTF; without it only procfs is read' }),
      },
      {
        name: 'ring buffer',
        ok: facts.ringBufferError === '',
        detail: facts.ringBufferError === '' ? 'can be made' : `refused: ${facts.ringBufferError}`,
        required: true,
        ...(facts.ringBufferError === '' ? {} : { advice: ringAdvice(facts.ringBufferError) }),
      },
      {
        name: 'a tracing rung',
        ok: rungWorks,
        detail: bestRung === undefined ? 'none of tp_btf, raw_tp and tp can be attached' : `the process receiver takes ${bestRung}`,
        required: true,
        ...(rungWorks ? {} : { advice: 'see the rows below' }),
      },
      ...checked,
      {
        name: 'cgroup v2',
        ok: cgroup2Path !== undefined,
        detail: cgroup2Path === undefined ? 'not mounted' : `mounted at ${cgroup2Path}`,
        required: false,
        ...(cgroup2Path === undefined ? { advice: 'mount it: mount -t cgroup2 none /sys/fs/cgroup/unified' } : {}),
      },
      {
        name: 'procfs',
        ok: readable,
        detail: readable ? `readable at ${procfsRoot}` : `${procfsRoot} cannot be read`,
        required: false,
        ...(readable ? {} : { advice: 'mount procfs, or set kernel.root_path' }),
      },
      pidNamespaceCheck(procfsRoot, namesInitialPidNamespace),
      ...capabilityChecks(procfsRoot),
    ],
  };
};

/** The row of the map that says where in a trace each thread is; undefined: nobody looks for it. */
export const contextsCheck = (addon: Pick<Addon, 'pinnedMap'>, path: string | undefined): ProbeCheck | undefined => {
  if (path === undefined) return undefined;
  const check = { name: 'trace contexts', required: false };
  const found = findContextMap(addon, path);
  if (found.state === 'found')
    return {
      ...check,
      ok: true,
      detail: `log records carry the trace of their thread, by ${path} with room for ${found.map.entries} threads`,
    };
  if (found.state === 'absent') return { ...check, ok: false, detail: `${path} is not there now`, optional: true };
  if (found.state === 'hidden')
    return { ...check, ok: false, detail: `${path} may not be opened, or is no pin (${found.code})`, optional: true };
  const advice = "it must be that of OpenTelemetry's eBPF instrumentation; set kernel.trace_context to its path, or to off";
  return { ...check, ok: false, detail: `log records carry no trace: ${path} ${found.why}`, advice };
};

/** Names in a row of the report. */
const MOST_NAMES = 8;

/** What `auto` would do on each interface. */
const packetModesOf = ({ links, tcx }: PacketProbe): string => {
  const byMode = Map.groupBy(links, ({ xdp, ...link }) => {
    const { modes } = ladderOf(link, 'auto', tcx);
    return modes.find((mode) => xdp === undefined || mode === 'tcx' || mode === 'clsact') ?? 'not at all';
  });
  return Array.from(byMode, ([mode, some]) => {
    const names = some.slice(0, MOST_NAMES).map(({ name }) => name);
    const more = some.length > names.length ? ` and ${some.length - names.length} more` : '';
    return `${names.join(', ')}${more} ${mode === 'not at all' ? mode : `by ${mode}`}`;
  }).join('; ');
};

/** The row of the receiver `packets`. */
export const packetsCheck = (packets: PacketProbe): ProbeCheck => {
  const check = { name: 'packets', required: false };
  if (packets.refused !== '')
    return { ...check, ok: false, detail: `packets cannot be counted; refused: ${packets.refused}`, advice: adviceFor(packets.refused) };
  if (packets.isHost === false)
    return {
      ...check,
      ok: false,
      detail: `counted: ${packetModesOf(packets)}; of a network namespace of its own, without the interfaces of the host`,
      advice: "run it in the host's: docker run --network=host, or hostNetwork: true in a pod",
    };
  return { ...check, ok: true, detail: packets.links.length === 0 ? 'there is no interface' : `counted: ${packetModesOf(packets)}` };
};

/** For messages: what opening the ring or loading said, with what to do. */
export const refusalOf = (error: unknown): string => `${messageOf(error)}; ${adviceFor((error as NativeError).code ?? '')}`;
