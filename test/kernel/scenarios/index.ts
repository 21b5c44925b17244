import type { Scenario } from '../harness/scenario.ts';
import { argumentScenarios } from './arguments.ts';
import { callCountScenarios } from './call-counts.ts';
import { callRaceScenarios } from './call-races.ts';
import { callRuleScenarios } from './call-rules.ts';
import { callScenarios } from './calls.ts';
import { callSocketScenarios } from './call-sockets.ts';
import { cgroupScenarios } from './cgroups.ts';
import { containerScenarios } from './containers.ts';
import { contextScenarios } from './contexts.ts';
import { endScenarios } from './ends.ts';
import { excludedScenarios } from './excluded.ts';
import { lifetimeScenarios } from './lifetime.ts';
import { liveEventScenarios } from './live-events.ts';
import { liveReportScenarios } from './live-report.ts';
import { lossScenarios } from './loss.ts';
import { packetLifetimeScenarios } from './packet-lifetime.ts';
import { packetScenarios } from './packets.ts';
import { placeScenarios } from './places.ts';
import { processCountScenarios } from './process-counts.ts';
import { programScenarios } from './programs.ts';
import { refusedScenarios } from './refused.ts';
import { runningScenarios } from './running.ts';
import { reloadScenarios } from './reload.ts';
import { rungScenarios } from './rungs.ts';
import { sessionLiveScenarios } from './session-live.ts';
import { sessionMetricScenarios } from './session-metrics.ts';
import { sessionLookupScenarios } from './session-lookup.ts';
import { sessionDegradedScenarios } from './session-degraded.ts';
import { sessionProcfsScenarios } from './session-procfs.ts';
import { sessionRuleScenarios } from './session-rules.ts';
import { sessionTcpScenarios } from './session-tcp.ts';
import { sessionUdpScenarios } from './session-udp.ts';
import { sessionUnixScenarios } from './session-unix.ts';
import { sumScenarios } from './sums.ts';
import { traceparentScenarios } from './traceparents.ts';
import { traceScenarios } from './traces.ts';

export const scenarios: readonly Scenario[] = [
  ...programScenarios,
  ...argumentScenarios,
  ...refusedScenarios,
  ...endScenarios,
  ...placeScenarios,
  ...cgroupScenarios,
  ...containerScenarios,
  ...runningScenarios,
  ...excludedScenarios,
  ...lossScenarios,
  ...rungScenarios,
  ...reloadScenarios,
  ...traceScenarios,
  ...contextScenarios,
  ...traceparentScenarios,
  ...processCountScenarios,
  ...callScenarios,
  ...callRuleScenarios,
  ...callCountScenarios,
  ...callRaceScenarios,
  ...sumScenarios,
  ...callSocketScenarios,
  ...sessionMetricScenarios,
  ...sessionLookupScenarios,
  ...sessionLiveScenarios,
  ...sessionProcfsScenarios,
  ...sessionTcpScenarios,
  ...sessionUdpScenarios,
  ...sessionUnixScenarios,
  ...sessionRuleScenarios,
  ...sessionDegradedScenarios,
  ...liveEventScenarios,
  ...liveReportScenarios,
  ...packetScenarios,
  ...packetLifetimeScenarios,
  ...lifetimeScenarios,
];
