import { describe, expect, it } from 'vitest';
import {
  adviceFor,
  allNames,
  choosePackages,
  needs,
  parseCandidates,
  parseInstalled,
  unmetNeeds,
} from '../../scripts/lib/system-packages.mjs';

const never = () => false;
const complete = new Set(['clang-19', 'libbpf-dev', 'libelf-dev', 'zlib1g-dev', 'bpftool', 'g++']);

describe('parseInstalled', () => {
  it('takes only what is installed, without architecture', () => {
    const listing = 'installed clang-19\nconfig-files libbpf-dev\nnot-installed g++\ninstalled zlib1g-dev:amd64\n\n';
    expect(parseInstalled(listing)).toEqual(new Set(['clang-19', 'zlib1g-dev']));
  });
});

describe('parseCandidates', () => {
  it('leaves out names that nobody offers', () => {
    const policy =
      'clang-19:\n  Installed: (none)\n  Candidate: 1:19.1.7\n  Version table:\nclang-18:\n  Installed: (none)\n  Candidate: (none)\n';
    expect(parseCandidates(policy)).toEqual(new Set(['clang-19']));
  });
});

describe('unmetNeeds', () => {
  it('finds nothing missing on a complete machine', () => {
    expect(unmetNeeds(['run'], complete, 'amd64', never)).toEqual([]);
  });

  it.each([...complete])('misses %s', (name) => {
    const rest = new Set([...complete].filter((other) => other !== name));
    const unmet = unmetNeeds(['run'], rest, 'amd64', never);
    expect(unmet.map(({ any }) => any.flat().includes(name))).toEqual([true]);
  });

  it('takes any clang from 14 on, and none before', () => {
    const without = [...complete].filter((name) => name !== 'clang-19');
    expect(unmetNeeds(['run'], new Set([...without, 'clang-14']), 'amd64', never)).toEqual([]);
    expect(unmetNeeds(['run'], new Set([...without, 'clang-13']), 'amd64', never)).toHaveLength(1);
  });

  it('asks for both packages of a way, not for half of it', () => {
    const without = [...complete].filter((name) => name !== 'bpftool');
    expect(unmetNeeds(['run'], new Set([...without, 'linux-tools-common']), 'amd64', never)).toHaveLength(1);
    expect(unmetNeeds(['run'], new Set([...without, 'linux-tools-common', 'linux-tools-generic']), 'amd64', never)).toEqual([]);
  });

  it('leaves out what belongs to another architecture, and what is there under another roof', () => {
    const here = unmetNeeds(['kernels', 'e2e'], new Set(), 'amd64', never).map(({ what }) => what);
    const there = new Set(unmetNeeds(['kernels', 'e2e'], new Set(), 'arm64', (command) => command === 'go').map(({ what }) => what));
    expect(here.filter((what) => !there.has(what))).toEqual(['QEMU', 'Go, for the OpenTelemetry Collector']);
  });
});

describe('choosePackages', () => {
  const clang = unmetNeeds(['run'], new Set([...complete].filter((name) => name !== 'clang-19')), 'amd64', never);
  const bpftool = unmetNeeds(['run'], new Set([...complete].filter((name) => name !== 'bpftool')), 'amd64', never);

  it.each([
    { what: 'the preferred one', unmet: clang, offered: ['clang-14', 'clang-19', 'clang'], packages: ['clang-19'] },
    { what: 'the newest that is offered', unmet: clang, offered: ['clang-14', 'clang-16', 'clang'], packages: ['clang-16'] },
    {
      what: 'both of a pair',
      unmet: bpftool,
      offered: ['linux-tools-common', 'linux-tools-generic'],
      packages: ['linux-tools-common', 'linux-tools-generic'],
    },
  ])('takes $what', ({ unmet, offered, packages }) => {
    expect(choosePackages(unmet, new Set(offered))).toEqual({ packages, impossible: [] });
  });

  it('names what nobody offers', () => {
    const { packages, impossible } = choosePackages([...clang, ...bpftool], new Set(['clang-19', 'linux-tools-common']));
    expect(packages).toEqual(['clang-19']);
    expect(impossible).toEqual(bpftool);
  });
});

describe('adviceFor', () => {
  it('gives an ordinary user the one command for apt', () => {
    expect(adviceFor({ manager: 'apt', packages: ['clang-19', 'g++'] })).toContain(
      'sudo apt-get update && sudo apt-get install -y clang-19 g++',
    );
  });

  it.each([
    ['dnf', 'sudo dnf install -y clang libbpf-devel'],
    ['pacman', 'sudo pacman -S --needed clang libbpf'],
  ] as const)('gives the one command for %s', (manager, command) => {
    expect(adviceFor({ manager, packages: [] })).toContain(command);
  });

  it('says what to look for where no manager is known', () => {
    expect(adviceFor({ manager: undefined, packages: [] })).toContain('libbpf ≥ 1.0');
  });
});

it('lists no package twice in one group', () => {
  for (const list of Object.values(needs)) expect(allNames(list)).toHaveLength(list.flatMap(({ any }) => any.flat()).length);
});
