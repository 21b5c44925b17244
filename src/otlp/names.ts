/** Every name that leaves Ringtail, spelt once. The contract is docs/signals.md; nothing else spells an attribute name. */

export const resourceName = {
  serviceName: 'service.name',
  hostName: 'host.name',
  hostId: 'host.id',
  hostArch: 'host.arch',
  osType: 'os.type',
} as const;

export const attributeName = {
  processPid: 'process.pid',
  processParentPid: 'process.parent_pid',
  processVpid: 'process.vpid',
  processCreationTime: 'process.creation.time',
  processExecutableName: 'process.executable.name',
  processExecutablePath: 'process.executable.path',
  processOwner: 'process.owner',
  processUserId: 'process.user.id',
  processRealUserId: 'process.real_user.id',
  processLinuxCgroup: 'process.linux.cgroup',
  processCommandArgs: 'process.command_args',
  processArgsCount: 'process.args_count',
  processWorkingDirectory: 'process.working_directory',
  processSessionLeaderPid: 'process.session_leader.pid',
  processExitCode: 'process.exit.code',
  errorType: 'error.type',
  loginUserId: 'ringtail.login_user.id',
  loginUserName: 'ringtail.login_user.name',
  threadId: 'ringtail.thread.id',
  threadComm: 'ringtail.thread.comm',
  kernelThread: 'ringtail.kernel_thread',
  executableKind: 'ringtail.executable.kind',
  executableTruncated: 'ringtail.executable.truncated',
  ancestors: 'ringtail.ancestors',
  cgroupId: 'ringtail.cgroup.id',
  attribution: 'ringtail.attribution',
  callerExecutablePath: 'ringtail.process.caller.executable.path',
  argsTruncated: 'ringtail.args.truncated',
  pathTruncated: 'ringtail.path.truncated',
  filePath: 'file.path',
  fileName: 'file.name',
  fileMode: 'file.mode',
  fileInode: 'file.inode',
  fileRequested: 'ringtail.file.requested',
  fileFlags: 'ringtail.file.flags',
  fileKind: 'ringtail.file.kind',
  fileRoot: 'ringtail.file.root',
  fileDeleted: 'ringtail.file.deleted',
  fd: 'ringtail.fd',
  unverified: 'ringtail.unverified',
  mountNamespace: 'ringtail.mount_namespace.id',
  ioRequested: 'ringtail.io.requested',
  ioTransferred: 'ringtail.io.transferred',
  ioCalls: 'ringtail.io.calls',
  windowNs: 'ringtail.window_ns',
  networkType: 'network.type',
  networkTransport: 'network.transport',
  networkProtocol: 'ringtail.network.protocol',
  networkLocalAddress: 'network.local.address',
  networkLocalPort: 'network.local.port',
  networkPeerAddress: 'network.peer.address',
  networkPeerPort: 'network.peer.port',
  netnsCookie: 'ringtail.netns.cookie',
  syscallName: 'ringtail.syscall.name',
  syscallReturn: 'ringtail.syscall.return',
  childPid: 'ringtail.child.pid',
  childThread: 'ringtail.child.thread',
  cloneFlags: 'ringtail.clone.flags',
  exitSignal: 'ringtail.exit.signal',
  durationNs: 'ringtail.duration_ns',
  receiver: 'ringtail.receiver',
  reason: 'ringtail.reason',
  lost: 'ringtail.lost',
  windowStart: 'ringtail.window.start',
  windowEnd: 'ringtail.window.end',
} as const;

export const eventName = {
  processExec: 'ringtail.process.exec',
  processFork: 'ringtail.process.fork',
  processExit: 'ringtail.process.exit',
  syscallFailed: 'ringtail.syscall.failed',
  fileOpen: 'ringtail.file.open',
  fileRead: 'ringtail.file.read',
  fileWrite: 'ringtail.file.write',
  fileUnlink: 'ringtail.file.unlink',
  networkConnect: 'ringtail.network.connect',
  networkAccept: 'ringtail.network.accept',
  networkSend: 'ringtail.network.send',
  networkReceive: 'ringtail.network.receive',
  networkClose: 'ringtail.network.close',
  loss: 'ringtail.loss',
} as const;

/** Of points that have no other one. */
export const metricAttributeName = {
  /** What a budget of series had no room for. */
  overflow: 'otel.metric.overflow',
} as const;

export const metricName = {
  syscallCount: 'ringtail.syscall.count',
  fileIo: 'ringtail.file.io',
} as const;

/** Values of `ringtail.attribution`: where the naming of the process came from. */
export const attributionSource = ['none', 'ebpf', 'iterator', 'procfs'] as const;
export type AttributionSource = (typeof attributionSource)[number];
