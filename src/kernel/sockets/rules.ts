/** Rules of filters in the programs of sockets. */
import type { Counters } from '../../core/counters.ts';
import type { PushDownReport, RuleSet } from '../../core/rules.ts';
import type { NativeSession } from '../addon.ts';

export type SessionRules = {
  /** Puts other rules in force and says which are evaluated where. */
  set(ruleSets: readonly (RuleSet | undefined)[]): Promise<PushDownReport>;
  close(): void;
};

export type SessionRulesOptions = { readonly session: NativeSession; readonly object: number; readonly counters: Counters };

export const createSessionRules = ({ object }: SessionRulesOptions): SessionRules => ({
  set: async () => ({ places: [], refused: `not by object ${object}` }),
  close: () => {},
});
