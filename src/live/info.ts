/** What a Ringtail says of itself at its control socket. */

/** Where it listens unless it is told otherwise; `ringtail events`, `top` and `report` look there. */
export const DEFAULT_CONTROL_SOCKET = '/run/ringtail/control.sock';

/** `sun_path` has 108 bytes, with the NUL (unix(7)). */
export const LONGEST_SOCKET_PATH = 107;

/** Raised when an answer changes so that an older client would read it wrongly. */
export const CONTROL_API = 1;

export type ControlInfo = {
  readonly api: number;
  readonly version: string;
  readonly pid: number;
  /** UTC, ISO 8601. */
  readonly started: string;
  readonly state: 'starting' | 'ready' | 'stopping';
  readonly pipelines: readonly {
    readonly id: string;
    readonly receivers: readonly string[];
    readonly processors: readonly string[];
    readonly exporters: readonly string[];
  }[];
  /** Ids of those that are in use. */
  readonly receivers: readonly string[];
};
