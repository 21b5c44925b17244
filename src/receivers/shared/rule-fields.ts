import type { PushDownReport } from '../../core/rules.ts';

/** How many rules are evaluated where, for the start-up line; nothing when there are none. */
export const ruleFields = ({ places, refused }: PushDownReport): object => {
  if (places.length === 0) return {};
  const inKernel = places.filter(({ where }) => where === 'kernel').length;
  return {
    rules_in_kernel: inKernel,
    rules_in_user_space: places.length - inKernel,
    ...(refused === undefined ? {} : { rules_not_pushed_down: refused }),
  };
};
