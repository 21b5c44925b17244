/**
 * What `preset: default` stands for. Daemons are known by executables in folders that only root writes and by users that only root becomes, and not in pid
 * namespaces below the host's, whose images hold what they like: a name that a program gives itself decides nothing.
 */
import { eventName } from '../../otlp/names.ts';
import type { ContextRule, ProcessRule } from './rule-config.ts';

/**
 * All but sessions. Those of the service manager are of whom it accepts for, and it holds the sockets that services listen on; those of the kernel's own
 * threads are file systems and tunnels. Neither is noise.
 */
const notSessions: readonly string[] = ['ringtail.process.*', 'ringtail.file.*', 'ringtail.network.*', 'ringtail.syscall.*'];

/** Split by what the kernel can evaluate, so that of a daemon that runs as root nothing reaches user space. */
const processDrops: readonly ProcessRule[] = [
  { event: [...notSessions], executable: ['/usr/lib/systemd/systemd*', '/lib/systemd/systemd*'], uid: 0, pid_namespace: 'host' },
  { executable: ['/usr/lib/systemd/systemd*', '/lib/systemd/systemd*'], user: 'systemd-*', pid_namespace: 'host' },
  { executable: '/usr/lib/snapd/snapd', uid: 0, pid_namespace: 'host' },
  { executable: '/snap/snapd/*/usr/lib/snapd/snapd', uid: 0, pid_namespace: 'host' },
  {
    executable: ['/usr/bin/node_exporter', '/usr/local/bin/node_exporter', '/usr/bin/prometheus-node-exporter'],
    user: ['root', 'nobody', 'prometheus', 'node_exporter', 'node-exporter', 'node-exp'],
    pid_namespace: 'host',
  },
  { event: [...notSessions], comm: 'kworker*', kernel_thread: true },
];

/** Not of deletions, whose path is the word of the caller: no rule drops them by it. */
const contextDrops: readonly ContextRule[] = [
  {
    event: [eventName.fileOpen, eventName.fileRead, eventName.fileWrite],
    path: ['/usr/lib*', '/lib*', '/sys/*', '/proc/*', '/run/*', '/dev/null', '/dev/zero', '/dev/urandom', '/dev/pts/*'],
  },
];

export const presets = {
  default: { process: { drop: processDrops }, context: { drop: contextDrops } },
  none: { process: { drop: [] as readonly ProcessRule[] }, context: { drop: [] as readonly ContextRule[] } },
} as const;

export type PresetName = keyof typeof presets;

const presetRules: ReadonlySet<object> = new Set([...processDrops, ...contextDrops]);

/** True for a rule that nobody wrote. */
export const isOfPreset = (rule: object): boolean => presetRules.has(rule);
