/**
 * Every system package that Ringtail needs, listed here and nowhere else. A need is met by the first way in `any` that is installed as a
 * whole; when none is, the first one that the distribution offers is installed. `when` limits a need to an architecture as Debian names it;
 * `command` names a program that meets the need too, wherever it came from.
 *
 * @typedef {{ what: string, any: readonly (readonly string[])[], when?: string, command?: string }} Need
 * @typedef {'run' | 'check' | 'unit' | 'kernels' | 'e2e' | 'bench'} Group
 */

/** @type {Readonly<Record<Group, readonly Need[]>>} */
export const needs = {
  run: [
    {
      what: 'clang for BPF objects',
      any: ['clang-19', 'clang-18', 'clang-17', 'clang-16', 'clang-15', 'clang-14', 'clang'].map((name) => [name]),
    },
    { what: 'libbpf', any: [['libbpf-dev']] },
    { what: 'libelf', any: [['libelf-dev']] },
    { what: 'zlib', any: [['zlib1g-dev']] },
    { what: 'bpftool', any: [['bpftool'], ['linux-tools-common', 'linux-tools-generic']] },
    { what: 'C++ compiler', any: [['g++']] },
  ],
  check: [{ what: 'clang-format', any: [['clang-format-19'], ['clang-format']] }],
  unit: [
    { what: 'openssl, which makes certificates', any: [['openssl']], command: 'openssl' },
    { what: 'promtool, which checks queries', any: [['prometheus']], command: 'promtool' },
  ],
  kernels: [
    { what: 'QEMU', any: [['qemu-system-x86']], when: 'amd64' },
    { what: 'busybox', any: [['busybox-static']] },
    { what: 'cpio', any: [['cpio']] },
  ],
  e2e: [
    { what: 'execsnoop and its like, to compare with', any: [['libbpf-tools'], ['bpfcc-tools']] },
    { what: 'Go, for the OpenTelemetry Collector', any: [['golang-go']], command: 'go' },
    { what: 'curl, which the documentation asks with', any: [['curl']], command: 'curl' },
    { what: 'strace, which sees the same system calls', any: [['strace']], command: 'strace' },
    { what: 'Python, whose programs have sockets', any: [['python3']] },
    { what: 'nc, which has sockets too', any: [['netcat-openbsd']] },
    { what: 'ss, which lists sockets', any: [['iproute2']], command: 'ss' },
    { what: 'Prometheus, which scrapes', any: [['prometheus']], command: 'prometheus' },
    { what: 'runc, which makes containers', any: [['runc']], command: 'runc' },
    { what: 'crun, which makes them too', any: [['crun']], command: 'crun' },
    { what: 'tmux, a terminal that can be looked at', any: [['tmux']], command: 'tmux' },
    { what: 'podman, an engine without a service', any: [['podman']], command: 'podman' },
  ],
  bench: [
    { what: 'bpftrace, to compare with', any: [['bpftrace']] },
    { what: 'lsof, to compare with', any: [['lsof']], command: 'lsof' },
  ],
};

/** What the same things are called elsewhere: for the command that we print there. */
const elsewhere = {
  dnf: 'dnf install -y clang libbpf-devel elfutils-libelf-devel zlib-devel bpftool gcc-c++',
  pacman: 'pacman -S --needed clang libbpf libelf zlib bpf gcc',
};

/**
 * Names that `dpkg-query -W -f '${db:Status-Status} ${binary:Package}\n'` reports as installed, without architecture.
 * @param {string} listing
 * @returns {Set<string>}
 */
export const parseInstalled = (listing) => {
  const installed = new Set();
  for (const line of listing.split('\n')) {
    const [status, name] = line.split(' ');
    if (status === 'installed' && name) installed.add(name.split(':')[0]);
  }
  return installed;
};

/**
 * Names in the output of `apt-cache policy` that have a candidate to install.
 * @param {string} policy
 * @returns {Set<string>}
 */
export const parseCandidates = (policy) => {
  const offered = new Set();
  let name = '';
  for (const line of policy.split('\n')) {
    const head = /^(\S+):$/.exec(line);
    if (head) name = /** @type {string} */ (head[1]);
    const candidate = /^\s+Candidate:\s+(\S+)/.exec(line);
    if (candidate && candidate[1] !== '(none)') offered.add(name);
  }
  return offered;
};

/**
 * The needs of these groups that this machine does not meet yet.
 * @param {readonly Group[]} groups
 * @param {Set<string>} installed
 * @param {string} architecture as Debian names it
 * @param {(command: string) => boolean} hasCommand
 * @returns {Need[]}
 */
export const unmetNeeds = (groups, installed, architecture, hasCommand) =>
  groups
    .flatMap((group) => needs[group])
    .filter(({ when }) => when === undefined || when === architecture)
    .filter(
      ({ any, command }) => !any.some((way) => way.every((name) => installed.has(name))) && !(command !== undefined && hasCommand(command)),
    );

/**
 * The packages to install for `unmet`, and the needs that this distribution offers nothing for.
 * @param {readonly Need[]} unmet
 * @param {Set<string>} offered
 */
export const choosePackages = (unmet, offered) => {
  const ways = unmet.map((need) => ({ need, way: need.any.find((names) => names.every((name) => offered.has(name))) }));
  return {
    packages: [...new Set(ways.flatMap(({ way }) => way ?? []))],
    impossible: ways.filter(({ way }) => way === undefined).map(({ need }) => need),
  };
};

/** All names that `needs` mentions. @param {readonly Need[]} list @returns {string[]} */
export const allNames = (list) => [...new Set(list.flatMap(({ any }) => any.flat()))];

/**
 * What to tell a person whose machine we cannot set up ourselves.
 * @param {{ manager: 'apt' | 'dnf' | 'pacman' | undefined, packages: readonly string[] }} machine
 */
export const adviceFor = ({ manager, packages }) => {
  if (manager === 'apt')
    return `packages are missing and only root may install them; run:\n  sudo apt-get update && sudo apt-get install -y ${packages.join(' ')}`;
  if (manager !== undefined) {
    return `set-up installs packages itself on Debian and Ubuntu only; run this once, then again with RINGTAIL_SKIP_PACKAGES=1:\n  sudo ${elsewhere[manager]}`;
  }
  return 'no package manager that we know (apt, dnf, pacman): install clang, libbpf ≥ 1.0 with headers, bpftool and a C++20 compiler, then run again with RINGTAIL_SKIP_PACKAGES=1';
};
