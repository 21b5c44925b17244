/** Which programs begin a tree of a receiver, and below which span: rules of its configuration, and spans of others that the programs name. */
import { isSampled } from '../../core/traceparent.ts';
import type { Traceparents } from './traceparents.ts';
import type { Beginning, Candidate } from './forest.ts';
import { HOST_KEY, type RootMatcher } from './roots.ts';
import type { Tree } from './types.ts';

/**
 * Whose TRACEPARENT counts. `roots`: a tree hangs below the span that its root names. `all`: besides, each program that names a span of another trace begins a
 * tree below it, also inside a tree.
 */
export type TraceparentUse = 'off' | 'roots' | 'all';

export type JoiningRules = { readonly owner: string; readonly use: TraceparentUse; readonly matches: RootMatcher };

export type Joining = {
  /** Of a program that belongs to no tree; undefined: it begins none. */
  beginning(rules: JoiningRules, candidate: Candidate): Beginning | undefined;
  /** Of a program of a tree; undefined: it stays there. */
  leaving(use: TraceparentUse, candidate: Candidate, tree: Tree): Beginning | undefined;
};

export const createJoining = (traceparents: Pick<Traceparents, 'of'> | undefined): Joining => ({
  beginning({ owner, use, matches }, candidate) {
    const root = matches(candidate);
    // whatever comes first of the host says nothing of the others
    const isRoot = root !== undefined && root.key !== HOST_KEY;
    const counts = use !== 'off' && (isRoot || (use === 'all' && candidate.isRunning !== true));
    const remote = counts ? traceparents?.of(candidate) : undefined;
    if (root === undefined || (!isRoot && remote !== undefined)) return remote && { owner, remote };
    return { owner, remote, ...(root.key === undefined ? {} : { key: `${owner} ${root.key}` }) };
  },
  leaving(use, candidate, { owner, traceId }) {
    if (use !== 'all' || candidate.isRunning === true) return undefined;
    const remote = traceparents?.of(candidate);
    // a trace that nobody keeps takes nothing out of one that is told
    const isOther = remote !== undefined && isSampled(remote) && Buffer.compare(remote.traceId, traceId) !== 0;
    return isOther ? { owner, remote } : undefined;
  },
});
