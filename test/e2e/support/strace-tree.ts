/** What `strace -f -e trace=process` says of a command, as a tree of programs. */

/** A program, or what only forked: `(fork)`. `end`: an exit code, `SIGKILL`, or `replaced` by the program below it. */
export type ProgramTree = { readonly label: string; readonly end: string; readonly children: readonly ProgramTree[] };

type Stage = { readonly label: string; end: string; readonly children: { readonly pid: string }[]; next: Stage | undefined };

const forks = /^(?:v?fork|clone3?)$/;
const unescaped = (text: string): string => text.replace(/\\(["\\])/g, '$1');

/** The arguments in `["make", "-j2"]`. */
const argumentsIn = (text: string): readonly string[] => Array.from(text.matchAll(/"((?:[^"\\]|\\.)*)"/g), ([, one]) => unescaped(one!));

/** `first`: the pid of the command. Names of temporary files are not told apart. */
export const treeOfStrace = (text: string, label: (args: readonly string[]) => string): ProgramTree => {
  /** The stage that a process is in, and its first one. */
  const current = new Map<string, Stage>();
  const firsts = new Map<string, Stage>();
  const made = new Set<string>();
  const open = new Map<string, string>();
  const stageOf = (pid: string): Stage => {
    let stage = current.get(pid);
    if (stage === undefined) {
      stage = { label: '(fork)', end: '?', children: [], next: undefined };
      current.set(pid, stage);
      firsts.set(pid, stage);
    }
    return stage;
  };
  let root: string | undefined;
  for (const line of text.split('\n')) {
    const [, pid = '', rest = ''] = /^(\d+)\s+(.*)$/.exec(line) ?? [];
    if (pid === '') continue;
    root ??= pid;
    const stage = stageOf(pid);
    const over = /^\+\+\+ (?:exited with (\d+)|killed by (SIG\w+)(?: \(core dumped\))?) \+\+\+$/.exec(rest);
    if (over !== null) {
      stage.end = over[1] ?? over[2]!;
      continue;
    }
    const begun = /^(\w+)\((.*) <unfinished \.\.\.>$/.exec(rest);
    if (begun !== null) {
      open.set(pid, `${begun[1]}(${begun[2]}`);
      continue;
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest);
    const whole = resumed === null ? rest : `${open.get(pid) ?? ''}${resumed[1]}`;
    const [, call = '', args = '', result = ''] = /^(\w+)\((.*)\)\s+= (-?\d+|\?)/.exec(whole) ?? [];
    if (forks.test(call) && Number(result) > 0 && !args.includes('CLONE_THREAD')) {
      stage.children.push({ pid: result });
      made.add(result);
    }
    if ((call === 'execve' || call === 'execveat') && result === '0') {
      const named = label(argumentsIn(/\[(.*?)\](?:, |$)/.exec(args)?.[1] ?? ''));
      const next: Stage = { label: named, end: '?', children: [], next: undefined };
      current.set(pid, next);
      // what has done nothing but fork is the program that it runs then
      if (stage.label === '(fork)' && stage.children.length === 0) firsts.set(pid, next);
      else {
        stage.end = 'replaced';
        stage.next = next;
      }
    }
  }
  const treeOf = ({ label: named, end, children, next }: Stage): ProgramTree => ({
    label: named,
    end,
    children: [...children.map(({ pid }) => treeOf(firsts.get(pid) ?? stageOf(pid))), ...(next === undefined ? [] : [treeOf(next)])],
  });
  return treeOf(firsts.get(root!)!);
};

/** One text a tree, whatever the order of what ran at one time. */
export const canonical = ({ label, end, children }: ProgramTree, depth = 0): string =>
  [`${'  '.repeat(depth)}${label} → ${end}`, ...children.map((child) => canonical(child, depth + 1)).toSorted()].join('\n');
