/** Processes that are in a tree, and trees that have any; bounded. */
import type { SpanEvent } from '../../core/batch.ts';
import type { ProcessSpan, ProgramIdentity, Tree } from './types.ts';

/** Processes that are in a tree at one time. */
export const MAX_PROCESSES = 65_536;
/** Processes among which the one to be forgotten is looked for. */
const MOST_LOOKED_AT = 256;

/** A tree of which something runs. */
export type OpenTree = { readonly tree: Tree; readonly key: string | undefined; processes: number };

/** What a process runs now: its span as far as it is known. */
export type Program = Pick<ProcessSpan, 'parentId' | 'actor' | 'exec' | 'path' | 'startNs'> & {
  readonly identity: ProgramIdentity;
  /** Made when somebody asks for it: most that only fork are never asked for theirs. */
  spanId: Uint8Array | undefined;
  readonly events: SpanEvent[];
  droppedEvents: number;
  /** Something was told that hangs below it. */
  isParent: boolean;
  isMarked: boolean;
};

export type Member = { readonly open: OpenTree; program: Program };

export type Members = {
  /** By `processKey`. */
  get(process: string): Member | undefined;
  /** Makes room for it when there is none. */
  enter(process: string, member: Member): void;
  leave(process: string, member: Member): void;
  /** Of programs that belong together; undefined: nothing of it runs. */
  treeOf(key: string): OpenTree | undefined;
  /** One that begins. */
  open(tree: Tree, key: string | undefined): OpenTree;
  /** In the order in which they came. */
  all(): Iterable<Member>;
  stats(): { readonly processes: number; readonly trees: number; readonly forgotten: number };
};

export type MembersOptions = {
  readonly maxProcesses: number;
  readonly onTreeEnd: (tree: Tree) => void;
  readonly onForget: (tree: Tree) => void;
};

export const createMembers = ({ maxProcesses, onTreeEnd, onForget }: MembersOptions): Members => {
  const members = new Map<string, Member>();
  const byKey = new Map<string, OpenTree>();
  const trees = new Set<OpenTree>();
  let forgotten = 0;

  const leave: Members['leave'] = (process, { open }) => {
    members.delete(process);
    if (--open.processes > 0) return;
    trees.delete(open);
    if (open.key !== undefined && byKey.get(open.key) === open) byKey.delete(open.key);
    onTreeEnd(open.tree);
  };

  /** Of the oldest one that nothing hangs below, else the very oldest: what ends without being told hangs below others. */
  const leastMissed = (): readonly [string, Member] => {
    let looked = 0;
    for (const entry of members) {
      if (!entry[1].program.isParent) return entry;
      if (++looked === MOST_LOOKED_AT) break;
    }
    return members.entries().next().value!;
  };

  return {
    get: (process) => members.get(process),
    enter(process, member) {
      if (members.size >= maxProcesses) {
        const [oldest, old] = leastMissed();
        forgotten++;
        onForget(old.open.tree);
        leave(oldest, old);
      }
      member.open.processes++;
      trees.add(member.open);
      members.set(process, member);
    },
    leave,
    treeOf: (key) => byKey.get(key),
    open(tree, key) {
      const open: OpenTree = { tree, key, processes: 0 };
      if (key !== undefined) byKey.set(key, open);
      return open;
    },
    all: () => members.values(),
    stats: () => ({ processes: members.size, trees: trees.size, forgotten }),
  };
};
