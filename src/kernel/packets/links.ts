/** The network interfaces of this network namespace, as they come, change, are renamed and go. */
import { messageOf } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import type { Addon, NativeLink, NativeLinkWatch } from '../addon.ts';

/** `born`: another number says that it is another interface, whatever its index. */
export type FollowedLink = NativeLink & { readonly born: number };

export type Links = {
  /** Those that are there. */
  all(): readonly FollowedLink[];
  /** Name that an index has or had last. */
  nameOf(index: number): string | undefined;
  isGone(index: number): boolean;
  /** Nobody asks for one that is gone any more. */
  forget(index: number): void;
  /** Before the name of an index becomes another one. */
  onRename(listener: (index: number, before: string) => void): () => void;
  /** Rejects with a NativeError. */
  start(): Promise<void>;
  stop(): void;
};

export type LinksOptions = {
  readonly addon: Pick<Addon, 'LinkWatch' | 'links'>;
  readonly logger: Logger;
  /** Something came, changed or went. */
  readonly onChange: () => void;
};

/** Names of interfaces that are gone, until their counts were taken; a bound for those that nobody takes. */
const MOST_GONE = 4096;

export const createLinks = ({ addon, logger, onChange }: LinksOptions): Links => {
  const here = new Map<number, FollowedLink>();
  let births = 0;
  const gone = new Map<number, string>();
  const listeners = new Set<(index: number, before: string) => void>();
  let watch: NativeLinkWatch | undefined;

  const leave = (index: number): void => {
    const link = here.get(index);
    if (link === undefined) return;
    here.delete(index);
    gone.set(index, link.name);
    if (gone.size > MOST_GONE) gone.delete(gone.keys().next().value!);
  };

  const enter = (link: NativeLink): void => {
    const before = here.get(link.index)?.name ?? gone.get(link.index);
    if (before !== undefined && before !== link.name) for (const listener of listeners) listener(link.index, before);
    gone.delete(link.index);
    here.set(link.index, { ...link, born: here.get(link.index)?.born ?? ++births });
  };

  const listAnew = async (): Promise<void> => {
    const listed = await addon.links();
    if (watch === undefined) return;
    const indices = new Set(listed.map(({ index }) => index));
    for (const index of here.keys()) if (!indices.has(index)) leave(index);
    for (const link of listed) enter(link);
  };

  const onWatched = (changes: readonly NativeLink[] | null): void => {
    if (changes !== null) {
      for (const link of changes) if (link.gone) leave(link.index); else enter(link); // prettier-ignore
      onChange();
      return;
    }
    logger.warn({}, 'interfaces came and went faster than they could be followed; they are listed anew');
    listAnew().then(onChange, (error: unknown) => logger.warn({ error: messageOf(error) }, 'interfaces could not be listed'));
  };

  return {
    all: () => [...here.values()],
    nameOf: (index) => here.get(index)?.name ?? gone.get(index),
    isGone: (index) => gone.has(index),
    forget: (index) => void gone.delete(index),
    onRename(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async start() {
      // before they are listed, so that nothing comes between
      watch ??= new addon.LinkWatch(onWatched);
      await listAnew();
    },
    stop() {
      watch?.close();
      watch = undefined;
      here.clear();
      gone.clear();
    },
  };
};
