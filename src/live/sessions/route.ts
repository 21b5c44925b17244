/** `/v1/sessions` of the control socket: one page of the sessions that are open now. */
import { KernelError } from '../../core/errors.ts';
import { UnavailableError, type Route, type RouteSettings } from '../route.ts';
import { makePage } from './page.ts';
import { parseSessionsQuery } from './query.ts';
import { createSessionSampler, type SamplerKernel } from './sampler.ts';

export const createSessionsRoute = ({ kernel }: Pick<RouteSettings, 'kernel'>): Route => {
  const sampler = createSessionSampler(kernel as SamplerKernel);
  return {
    path: '/v1/sessions',
    async page(parameters) {
      const query = parseSessionsQuery(parameters);
      try {
        return makePage(await sampler.sample(), query, sampler);
      } catch (error) {
        if (error instanceof KernelError) throw new UnavailableError(error.message, { cause: error });
        throw error;
      }
    },
    close: () => sampler.close(),
  };
};
