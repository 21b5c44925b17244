import type { Scenario } from '../harness/scenario.ts';
import { programScenarios } from './programs.ts';

export const scenarios: readonly Scenario[] = [...programScenarios];
