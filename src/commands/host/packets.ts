/** What receivers of packets would find on this host, held against what they ask for. */
import type { Path } from '../../config/problems.ts';
import { matchInterfaces, patternsWithout } from '../../kernel/packets/interface-match.ts';
import { type JudgedLink, ladderOf } from '../../kernel/packets/ladder.ts';
import { packetModes, type PacketMode } from '../../kernel/packets/needs.ts';
import type { PacketProbe, ProbedLink } from '../../kernel/packets/probe.ts';
import type { ProbeReport } from '../../kernel/probe.ts';
import type { Finding } from './kernel.ts';

export type PacketsAsked = {
  /** The receiver. */
  readonly path: Path;
  readonly interfaces: readonly string[];
  readonly exclude: readonly string[];
  readonly mode: string;
};

/** Names in one sentence. */
const MOST_NAMES = 8;

const NOT_COUNTED = 'not counted';

const isMode = (text: string): text is PacketMode => (packetModes as readonly string[]).includes(text);
const namesOf = (links: readonly ProbedLink[]): string => {
  const names = links.slice(0, MOST_NAMES).map(({ name }) => name);
  return links.length > names.length ? `${names.join(', ')} and ${links.length - names.length} more` : names.join(', ');
};

/** Why an interface is not counted in this mode, or at a price; undefined: there is nothing to say. */
const noteOf = ({ xdp, ...link }: ProbedLink, mode: PacketMode, tcx: boolean): string | undefined => {
  const { modes, note } = ladderOf(link satisfies JudgedLink, mode, tcx);
  if (modes.length === 0) return `${NOT_COUNTED}: ${note}`;
  const isTaken = xdp !== undefined && modes.every((one) => one === 'xdp' || one === 'xdp_generic');
  if (isTaken) return `${NOT_COUNTED}: the ${xdp.mode} XDP program ${xdp.name} (id ${xdp.id}) is attached and stays`;
  return mode === 'auto' || note === '' ? undefined : note;
};

const ownFindings = ({ path, interfaces, exclude, mode }: PacketsAsked, { links, tcx }: PacketProbe): readonly Finding[] => {
  const severity = 'warning';
  const matches = matchInterfaces({ interfaces, exclude });
  const names = links.map(({ name }) => name);
  const absent = new Set(patternsWithout(interfaces, names));
  const notes = Map.groupBy(
    links.filter(({ name }) => matches(name)),
    (link) => (isMode(mode) ? noteOf(link, mode, tcx) : undefined),
  );
  notes.delete(undefined);
  return [
    ...[...interfaces.entries()].flatMap(([index, pattern]) =>
      absent.has(pattern)
        ? [{ path: [...path, 'interfaces', index], severity, message: `no interface is called ${pattern} now; until one is, nothing is counted by it` } as const]
        : [],
    ),
    ...Array.from(notes, ([note, some]) => ({ path: [...path, 'mode'], severity, message: `${namesOf(some)}: ${note}` }) as const),
  ]; // prettier-ignore
};

/** Interfaces that an earlier receiver asks for in another mode. */
const sharedFindings = (asked: readonly PacketsAsked[], { links }: PacketProbe): readonly Finding[] =>
  asked.flatMap(({ path, mode, ...own }, index) =>
    asked.slice(0, index).flatMap((other): readonly Finding[] => {
      if (other.mode === mode) return [];
      const both = links.filter(({ name }) => matchInterfaces(own)(name) && matchInterfaces(other)(name));
      if (both.length === 0) return [];
      const message = `${namesOf(both)}: ${String(other.path.at(-1))} asks for ${other.mode}; an interface is counted in one mode, of the receiver that asks first`;
      return [{ path: [...path, 'mode'], severity: 'warning', message }];
    }),
  );

const isCounted = (link: ProbedLink, asked: readonly PacketsAsked[], tcx: boolean): boolean => {
  const first = asked.find((one) => matchInterfaces(one)(link.name));
  return first !== undefined && isMode(first.mode) && !(noteOf(link, first.mode, tcx)?.startsWith(NOT_COUNTED) ?? false);
};

export type PacketFindings = {
  readonly findings: readonly Finding[];
  /** How many interfaces will be counted, in words; empty when nobody asks or none is. */
  readonly summary: string;
};

/** `asked`: in the order of the configuration. */
export const packetFindings = (asked: readonly PacketsAsked[], { packets: probe, checks }: ProbeReport): PacketFindings => {
  if (probe === undefined || asked.length === 0) return { findings: [], summary: '' };
  const check = checks.find(({ name }) => name === 'packets');
  const general: readonly Finding[] =
    check === undefined || check.ok
      ? []
      : asked.map(({ path }) => ({ path, severity: 'warning', message: [check.detail, check.advice].filter(Boolean).join('; ') }));
  if (probe.refused !== '') return { findings: general, summary: '' };
  const counted = probe.links.filter((link) => isCounted(link, asked, probe.tcx)).length;
  return {
    findings: [...general, ...asked.flatMap((one) => ownFindings(one, probe)), ...sharedFindings(asked, probe)],
    summary: counted === 0 ? '' : `packets are counted on ${counted} interface${counted === 1 ? '' : 's'}`,
  };
};
