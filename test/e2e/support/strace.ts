/** What `strace -ff -y` wrote of one thread. */

export type TracedCall = readonly [call: string, result: number, path: string];

const opens = new Set(['open', 'creat', 'openat', 'openat2']);
const transfers = /^p?(read|write)(v2?|64)?$/;
const removals = new Set(['unlink', 'unlinkat', 'rmdir']);
const sockets = new Set(['connect', 'accept', 'accept4', 'sendto', 'sendmsg', 'sendmmsg', 'recvfrom', 'recvmsg', 'recvmmsg']);
const MARK = '"/ringtail-mark"';

/** The text between the angle brackets that stand behind a descriptor. */
const behind = (text: string): string | undefined => /^(?:AT_FDCWD|-?\d+)<(.*?)>(?=[,)\s]|$)/.exec(text)?.[1];

const joined = (folder: string | undefined, path: string): string =>
  path.startsWith('/') || folder === undefined ? path : `${folder}/${path}`;

const pathOf = (call: string, args: string, result: string): string | undefined => {
  if (opens.has(call)) return behind(result);
  if (transfers.test(call)) return behind(args);
  if (call === 'unlinkat') return joined(behind(args), /, "(.*?)"/.exec(args)?.[1] ?? '');
  if (removals.has(call)) return /^"(.*?)"/.exec(args)?.[1];
  if (sockets.has(call)) return '';
  return call === 'close' && behind(args)?.startsWith('socket:') === true ? '' : undefined;
};

/** Calls between the marks that succeeded and that Ringtail follows; sockets have no path. */
export const callsOfStrace = (text: string): readonly TracedCall[] => {
  const found: TracedCall[] = [];
  let inside = false;
  for (const line of text.split('\n')) {
    const [, call, args, result] = /^(\w+)\((.*)\)\s+= (.*)$/.exec(line) ?? [];
    if (call === undefined) continue;
    if (call === 'unlinkat' && args!.includes(MARK)) inside = !inside;
    const value = Number.parseInt(result!, 10);
    if (!inside || !(value >= 0)) continue;
    const path = pathOf(call, args!, result!);
    if (path !== undefined) found.push([call, value, path]);
  }
  return found;
};
