/** Puts the program on an interface by the best way that its ladder allows, and says why not by a better one. */
import { messageOf } from '../../core/errors.ts';
import type { Addon, NativeError, NativeLink } from '../addon.ts';
import type { Filters } from './filters.ts';
import { isRaw, type HookMode, type Ladder } from './ladder.ts';
import type { PacketPrograms } from './programs.ts';

export type Attached = { readonly hook: number | undefined; readonly mode: HookMode | 'none'; readonly note: string };

/** Before filters of others, so that what they take away is counted; those of another kind keep their place to themselves. */
const PRIORITIES = [1, 2, 3, 4];

const isMode = (mode: HookMode): boolean => mode === 'xdp' || mode === 'xdp_generic';

const codeOf = (error: unknown): string => (error as NativeError).code ?? '';

const sentenceOf = async (addon: Pick<Addon, 'xdpOn'>, link: NativeLink, mode: HookMode, error: unknown): Promise<string> => {
  const code = codeOf(error);
  if (code === 'EPERM' || code === 'EACCES') return `${mode} needs CAP_NET_ADMIN and CAP_BPF: run as root`;
  if (isMode(mode) && (code === 'EBUSY' || code === 'EEXIST')) {
    const other = await addon.xdpOn(link.index).catch(() => undefined);
    const who =
      other === undefined
        ? 'another XDP program'
        : `the ${other.mode} XDP program ${other.name === '' ? '' : `${other.name} `}(id ${other.id})`;
    return `${who} is attached and stays`;
  }
  if (isMode(mode) && (code === 'EOPNOTSUPP' || code === 'ENOTSUP')) return `${link.driver || link.kind || link.name} has no native XDP`;
  if (isMode(mode) && (code === 'EINVAL' || code === 'ERANGE'))
    return `its driver refuses ${mode} (${code}), perhaps for its MTU of ${link.mtu}`;
  return `${mode} was refused: ${code === '' ? messageOf(error) : code}`;
};

export type AttachOptions = {
  readonly addon: Pick<Addon, 'xdpOn'>;
  readonly programs: PacketPrograms;
  readonly filters: Pick<Filters, 'handle'>;
};

export const createAttach = ({ addon, programs, filters }: AttachOptions): ((link: NativeLink, ladder: Ladder) => Promise<Attached>) => {
  const asFilter = async (link: NativeLink): Promise<number | undefined> => {
    const handle = await filters.handle();
    for (const priority of PRIORITIES) {
      try {
        return await programs.attach(link.index, 'clsact', isRaw(link), { handle, priority });
      } catch (error) {
        if (codeOf(error) !== 'EINVAL' || priority === PRIORITIES.at(-1)) throw error;
      }
    }
    return undefined;
  };

  /** Never rejects. */
  return async (link, { modes, note }) => {
    if (modes.length === 0) return { hook: undefined, mode: 'none', note };
    const refusals: string[] = [];
    for (const mode of modes) {
      try {
        const hook = mode === 'clsact' ? await asFilter(link) : await programs.attach(link.index, mode, isRaw(link));
        return { hook, mode, note: [note, ...refusals].filter((some) => some !== '').join('; ') };
      } catch (error) {
        if (codeOf(error) === 'ENODEV') break;
        refusals.push(await sentenceOf(addon, link, mode, error));
      }
    }
    return { hook: undefined, mode: 'none', note: refusals.join('; ') };
  };
};
