/** Counts by place as totals of host and containers, and by container, cgroup and network namespace. */
import { netTransport, sessionState } from '../../kernel/layouts.gen.ts';
import { sessionStateNames } from '../../kernel/sockets/needs.ts';
import type { PlaceCounts } from '../../kernel/sockets/settled-counts.ts';
import { shortContainerId } from '../../text/container.ts';
import type { Names } from '../shared/names.ts';
import type { ReportGroup, ReportPage, ReportTotals } from './types.ts';

/** Of each list; a page has some hundred bytes a group. */
export const MOST_GROUPS = 1_000;
/** Of a network namespace. */
const MOST_MEMBERS = 5;
/** Of what has no states. */
const OPEN = 'open';

type Totals = { -readonly [K in keyof ReportTotals]: ReportTotals[K] };
type Group = {
  readonly totals: Totals;
  name: string;
  readonly id: string;
  isContainer: boolean;
  timeWait: number;
  readonly members: Map<string, number>;
};

export type GroupOptions = {
  readonly names: Pick<Names, 'containerOf' | 'cgroupPath'>;
  /** Whether the sessions of a cgroup count. */
  readonly isMeant: (cgroupId: bigint) => boolean;
  readonly hasContainers: boolean;
};

export type Groups = Pick<ReportPage, 'host' | 'containers' | 'states' | 'byContainer' | 'byCgroup' | 'byNetns'> & {
  /** One sentence each. */
  readonly notes: readonly string[];
};

const noTotals = (): Totals => ({ open: 0, opened: 0, failed: 0, closed: 0, sentBytes: 0, receivedBytes: 0 });

const isOpen = (state: number): boolean => state !== sessionState.tcpTimeWait && state !== sessionState.tcpListen;

const openOf = ({ states }: PlaceCounts): number => {
  let open = 0;
  for (const [state, count] of states) if (isOpen(state)) open += count;
  return open;
};

const add = (totals: Totals, place: PlaceCounts): void => {
  totals.open += openOf(place);
  totals.opened += place.opened;
  totals.failed += place.failed;
  totals.closed += place.closed;
  totals.sentBytes += place.sent;
  totals.receivedBytes += place.received;
};

const bytesOf = ({ totals: { sentBytes, receivedBytes } }: Group): number => sentBytes + receivedBytes;
const busiestFirst = (one: Group, other: Group): number =>
  bytesOf(other) - bytesOf(one) ||
  other.totals.opened + other.totals.failed - one.totals.opened - one.totals.failed ||
  other.totals.open - one.totals.open;

const isIdle = ({ totals, timeWait }: Group): boolean => timeWait === 0 && Object.values(totals).every((value) => value === 0);

const groupIn = (groups: Map<string, Group>, id: string): Group => {
  let group = groups.get(id);
  if (group === undefined)
    groups.set(id, (group = { totals: noTotals(), name: '', id, isContainer: false, timeWait: 0, members: new Map() }));
  return group;
};

/** The places of one page. */
export const groupPlaces = (places: readonly PlaceCounts[], { names, isMeant, hasContainers }: GroupOptions): Groups => {
  const host = noTotals();
  const containers = noTotals();
  const states: Record<string, number> = {};
  const byContainer = new Map<string, Group>();
  const byCgroup = new Map<string, Group>();
  const byNetns = new Map<string, Group>();
  /** Network namespaces where somebody else has sessions than containers. */
  const shared = new Set<string>();
  const notes: string[] = [];

  for (const place of places) {
    const { cgroupId, netnsCookie, transport } = place;
    if (transport === netTransport.unix || !isMeant(cgroupId)) continue;
    for (const [state, count] of place.states) {
      const name = sessionStateNames.get(state) ?? OPEN;
      states[name] = (states[name] ?? 0) + count;
    }
    const netns = groupIn(byNetns, String(netnsCookie));
    netns.timeWait += place.states.get(sessionState.tcpTimeWait) ?? 0;
    add(netns.totals, place);
    const container = names.containerOf(cgroupId);
    add(container === undefined ? host : containers, place);
    const cgroup = groupIn(byCgroup, String(cgroupId));
    add(cgroup.totals, place);
    cgroup.name = names.cgroupPath(cgroupId) ?? '';
    cgroup.isContainer = container !== undefined;
    let member = cgroup.name;
    if (container !== undefined) {
      const group = groupIn(byContainer, container.id);
      add(group.totals, place);
      member = group.name = container.name || shortContainerId(container.id);
      group.isContainer = true;
    } else if (cgroupId !== 0n) {
      shared.add(netns.id);
    }
    const weight = place.sent + place.received + place.opened + place.failed + openOf(place);
    if (member !== '' && weight > 0) netns.members.set(member, (netns.members.get(member) ?? 0) + weight);
  }

  const listed = (groups: Map<string, Group>, what: string): readonly Group[] => {
    const all = [...groups.values()].filter((group) => !isIdle(group)).toSorted(busiestFirst);
    if (all.length > MOST_GROUPS) notes.push(`${all.length - MOST_GROUPS} more ${what} are not told one by one`);
    return all.slice(0, MOST_GROUPS);
  };
  const plain = ({ totals, name, id, isContainer }: Group): ReportGroup => ({ ...totals, name, id, isContainer });
  const ofNetns = (group: Group): ReportGroup => ({
    ...plain(group),
    name: group.id === '0' ? '' : group.id,
    isContainer: group.members.size > 0 && !shared.has(group.id),
    members: [...group.members].toSorted(([, one], [, other]) => other - one).slice(0, MOST_MEMBERS).map(([name]) => name), // prettier-ignore
    timeWait: group.timeWait,
  });
  return {
    host,
    containers,
    states,
    byContainer: hasContainers ? listed(byContainer, 'containers').map(plain) : [],
    byCgroup: listed(byCgroup, 'cgroups').map(plain),
    byNetns: listed(byNetns, 'network namespaces').map(ofNetns),
    notes,
  };
};
