import type { Scenario } from '../harness/scenario.ts';
import { argumentScenarios } from './arguments.ts';
import { endScenarios } from './ends.ts';
import { placeScenarios } from './places.ts';
import { programScenarios } from './programs.ts';
import { refusedScenarios } from './refused.ts';

export const scenarios: readonly Scenario[] = [...programScenarios, ...argumentScenarios, ...refusedScenarios, ...endScenarios, ...placeScenarios];
