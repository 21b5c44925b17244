import { z } from 'zod';
import { byteSize } from '../../core/config-types.ts';
import { DEFAULT_CONTROL_SOCKET, LONGEST_SOCKET_PATH } from '../../live/info.ts';
import { privateFolderBytes } from './socket-place.ts';

export const controlConfig = z.strictObject({
  path: z
    .string()
    .regex(/^\/(?!(?:proc|sys)\/)[^\0]*[^/\0]$/, 'not an absolute path of a file; write it as in /run/ringtail/control.sock')
    .refine((path) => privateFolderBytes(path) <= LONGEST_SOCKET_PATH, {
      error: ({ input }) =>
        `too long by ${privateFolderBytes(String(input)) - LONGEST_SOCKET_PATH} bytes; the path of a socket has at most ${LONGEST_SOCKET_PATH}`,
    })
    .default(DEFAULT_CONTROL_SOCKET)
    .describe('Where the socket is made; its folder too when it is not there.'),
  group: z
    .string()
    .regex(/^[\w][\w.-]{0,63}\$?$/, 'not the name of a group, nor its number')
    .optional()
    .describe('Group, by name or number, whose members may use the socket too. Without it only the user that Ringtail runs as, and root.'),
  required: z
    .boolean()
    .default(true)
    .describe(
      'Whether the start is refused when the socket cannot be had, for instance because another Ringtail has it. Otherwise a warning says so.',
    ),
  max_clients: z.int().min(1).max(256).default(16).describe('Connections at a time.'),
  events_per_second: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(2000)
    .describe('Events that one reader of the live stream gets in a second; it is told of the rest by number.'),
  buffer_bytes: byteSize({ min: 65_536, max: 2 ** 26 })
    .prefault('1MiB')
    .describe('What waits for one reader of the live stream, at most; it is told of what did not fit by number.'),
});

export type ControlConfig = z.output<typeof controlConfig>;
