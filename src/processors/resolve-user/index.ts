import { map } from 'rxjs';
import { withActorAttributes } from '../../core/actor-attributes.ts';
import type { Batch } from '../../core/batch.ts';
import type { Processor, ProcessorFactory, Settings } from '../../core/component.ts';
import { lookupsOf, type KernelLookups } from '../../kernel/service-types.ts';
import { resolveUserConfig } from './config.ts';

/** Names the user that a process acts as, and the one who logged in when that is somebody else. */
export const resolveUserProcessor: ProcessorFactory = {
  kind: 'processor',
  type: 'resolve_user',
  resolves: true,
  summary: 'Adds the name of the effective user, and of the login user when it differs',
  signals: ['logs', 'traces'],
  config: resolveUserConfig,
  create({ kernel }: Settings<KernelLookups>): Processor {
    let end = (): void => {};
    const addColumns = (batch: Batch): Batch => {
      const { users } = lookupsOf(batch.frame, kernel);
      const { owners, logins } = users.resolve(batch.frame);
      return [
        { source: users.ownerSource, ids: owners },
        { source: users.loginSource, ids: logins },
      ].reduce(withActorAttributes, batch);
    };
    return {
      async start() {
        end = kernel.gate.require('user');
      },
      stop: async () => end(),
      logs: map(addColumns),
      traces: map(addColumns),
    };
  },
};
