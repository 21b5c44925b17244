/** Who the processes are that hold sockets, for the records of one look after the other. */
import { LRUCache } from 'lru-cache';
import type { ActorInput } from '../../core/frame-builder.ts';
import type { ProcessTable } from '../lifecycle/process-table.ts';
import { createActorMaker } from '../procfs/actor.ts';
import { readProcess } from '../procfs/process.ts';
import type { SeenProcess } from '../procfs/snapshot.ts';
import type { SocketHolder } from './open-socket.ts';

/** Processes with sockets that began or ended lately; those that went are wanted for the end of their sessions. */
const MAX_OWNERS = 8_192;
/** Arguments are of no interest here. */
const CMDLINE_BYTES = 256;

export type Owner = { readonly process: SeenProcess; readonly actor: ActorInput };

export type Owners = {
  /** Begins a look: what is asked for from now on is read anew, once. */
  begin(): void;
  /** As it is now; as it was last when it is gone. undefined: nothing is known. */
  ownerOf(holder: SocketHolder): Promise<Owner | undefined>;
};

export type OwnersOptions = {
  readonly root: string;
  /** As `ProcessTable.identityOf`: so that these records and those of processes are about the same programs. undefined: it is not known. */
  readonly identityOf?: ProcessTable['identityOf'] | undefined;
};

export const createOwners = ({ root, identityOf = () => undefined }: OwnersOptions): Owners => {
  const { learnCgroup, actorOf } = createActorMaker(root);
  const owners = new LRUCache<string, { look: number; owner: Owner }>({ max: MAX_OWNERS });
  let look = 0;

  const processOf = async ({ pid, startNs }: SocketHolder): Promise<SeenProcess | undefined> => {
    const read = await readProcess(root, pid, CMDLINE_BYTES);
    return read.ok && read.value.status !== undefined && read.value.stat.startNs === startNs ? { facts: read.value, execId: 0 } : undefined;
  };
  const namedActorOf = (process: SeenProcess): ActorInput => {
    const { pid, ppid, startNs } = process.facts.stat;
    const parent = identityOf(ppid);
    return {
      ...actorOf(process, undefined),
      ...identityOf(pid, startNs),
      ...(parent === undefined ? {} : { parentStartNs: parent.startNs, parentExecId: parent.execId }),
    };
  };

  return {
    begin: () => void look++,
    async ownerOf(holder) {
      if (holder.startNs === undefined) return undefined;
      const key = `${holder.pid}/${holder.startNs}`;
      const known = owners.get(key);
      if (known !== undefined && known.look === look) return known.owner;
      const process = await processOf(holder);
      if (process === undefined || (known !== undefined && process.facts.stat.state === 'Z')) {
        if (known !== undefined) known.look = look;
        return known?.owner;
      }
      await learnCgroup(process);
      const owner = { process, actor: namedActorOf(process) };
      owners.set(key, { look, owner });
      return owner;
    },
  };
};
