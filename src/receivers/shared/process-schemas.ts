/** How the columns of the process programs become attributes. */
import type { AttributeField, EventSchema } from '../../core/batch.ts';
import { errnoNames } from '../../core/errno.ts';
import { execFlag, forkFlag, headFlag, pathFlag } from '../../kernel/layouts.gen.ts';
import { attributeName, eventName } from '../../otlp/names.ts';
import { callNames, cloneFlagNames } from './process-names.ts';

const callName: AttributeField = { name: attributeName.syscallName, type: 'enum', column: 'syscallNr', names: callNames };

const CUT = pathFlag.truncated | pathFlag.fault;

/** A program that was started. */
export const execSchema = (withArgs: boolean): EventSchema => ({
  eventName: eventName.processExec,
  fields: [
    ...(withArgs
      ? ([
          { name: attributeName.processCommandArgs, type: 'strings', column: 'args', count: 'argsKept' },
          { name: attributeName.argsTruncated, type: 'bool', column: 'execFlags', mask: execFlag.argsTruncated | execFlag.argsFault },
        ] as const)
      : []),
    {
      name: attributeName.processArgsCount,
      type: 'u32',
      column: 'argc',
      when: { column: 'execFlags', mask: execFlag.argcUnknown, is: 'clear' },
    },
    // without its front it is no folder
    { name: attributeName.processWorkingDirectory, type: 'string', column: 'cwd', when: { column: 'cwdFlags', mask: CUT, is: 'clear' } },
    { name: attributeName.processSessionLeaderPid, type: 'u32', column: 'sessionLeaderPid' },
    callName,
    { name: attributeName.syscallReturn, type: 'i32', column: 'ret' },
  ],
});

/** A program that the kernel would not start. */
export const failedExecSchema: EventSchema = {
  eventName: eventName.processExec,
  fields: [
    { name: attributeName.errorType, type: 'enum', column: 'ret', names: errnoNames },
    { name: attributeName.fileRequested, type: 'string', column: 'file' },
    callName,
    { name: attributeName.syscallReturn, type: 'i32', column: 'ret' },
  ],
};

export const forkSchema = (withThreads: boolean): EventSchema => ({
  eventName: eventName.processFork,
  fields: [
    { name: attributeName.childPid, type: 'u32', column: 'childPid' },
    callName,
    // what the maker saw is the number in its own namespace: known when that is the initial one
    {
      name: attributeName.syscallReturn,
      type: 'u32',
      column: 'childTid',
      when: { column: 'childHeadFlags', mask: headFlag.nestedPidNs, is: 'clear' },
    },
    {
      name: attributeName.cloneFlags,
      type: 'flags',
      column: 'cloneFlagsLo',
      high: 'cloneFlagsHi',
      names: cloneFlagNames,
      when: { column: 'forkFlags', mask: forkFlag.cloneFlagsUnknown, is: 'clear' },
    },
    ...(withThreads
      ? ([{ name: attributeName.childThread, type: 'bool', column: 'forkFlags', mask: forkFlag.thread, always: true }] as const)
      : []),
  ],
});

/** The code of a process that was killed means nothing, so one of the two stands. */
const KILLED = { column: 'exitSignal', mask: 0xff } as const;

export const exitSchema: EventSchema = {
  eventName: eventName.processExit,
  fields: [
    { name: attributeName.processExitCode, type: 'u32', column: 'exitCode', when: { ...KILLED, is: 'clear' } },
    { name: attributeName.exitSignal, type: 'u32', column: 'exitSignal', when: { ...KILLED, is: 'set' } },
    { name: attributeName.durationNs, type: 'u64', column: 'durationNs' },
  ],
};
