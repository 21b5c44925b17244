/** Packets that arrive at the interfaces of this host: how many, how many bytes, of which kind. */
import { share, tap } from 'rxjs';
import type { Health, Receiver, ReceiverFactory, Settings } from '../../core/component.ts';
import { matchInterfaces, patternsWithout } from '../../kernel/packets/interface-match.ts';
import type { PacketInterface, PacketServices } from '../../kernel/packets/needs.ts';
import { packetsConfig, type PacketsConfig } from './config.ts';
import { createPacketMetrics, type PacketMetricsOptions } from './metrics.ts';
import { packetsWarnings } from './warnings.ts';

export type PacketsKernel = PacketServices & PacketMetricsOptions['kernel'];

/** Lines of a start-up line; the health has them all. */
const MOST_TOLD = 16;

const createPacketsReceiver = ({ id, logger, kernel }: Settings<PacketsKernel>, config: PacketsConfig): Receiver => {
  const shows = matchInterfaces(config);
  let isCounting = false;
  const metrics$ = createPacketMetrics({ receiver: id, config, kernel, logger }).pipe(
    tap({ subscribe: () => void (isCounting = true), finalize: () => void (isCounting = false) }),
    share(),
  );

  const own = (): readonly PacketInterface[] => kernel.packets().interfaces.filter(({ name }) => shows(name));
  /** What is not as it should be, one sentence each: of the whole, then of interfaces. */
  const notesOf = (interfaces: readonly PacketInterface[]): readonly string[] => {
    const { rung, notes } = kernel.packets();
    const names = interfaces.map(({ name }) => name);
    return [
      ...notes,
      ...interfaces.flatMap(({ name, mode, note }) => (note === '' ? [] : [`${name}: ${mode === 'none' ? 'not counted; ' : ''}${note}`])),
      // where nothing is followed nothing is known of it
      ...(rung === 'none' ? [] : patternsWithout(config.interfaces, names).map((pattern) => `no interface is called ${pattern} now`)),
    ];
  };
  const countedOf = (interfaces: readonly PacketInterface[]): number => interfaces.filter(({ mode }) => mode !== 'none').length;

  return {
    metrics$,
    async start() {
      const { rung } = kernel.packets();
      const interfaces = own();
      const notes = notesOf(interfaces);
      const told = notes.length > MOST_TOLD ? [...notes.slice(0, MOST_TOLD), `and ${notes.length - MOST_TOLD} more`] : notes;
      const fields = {
        receiver: id,
        rung,
        interfaces: Object.fromEntries(interfaces.slice(0, MOST_TOLD).map(({ name, mode }) => [name, mode])),
        ...(interfaces.length > MOST_TOLD ? { more_interfaces: interfaces.length - MOST_TOLD } : {}),
        ...(told.length === 0 ? {} : { notes: told }),
      };
      if (isCounting && rung === 'none') logger.warn(fields, 'packets cannot be counted here');
      else if (isCounting && countedOf(interfaces) < interfaces.length) logger.warn(fields, 'not every interface can be counted');
      else logger.info(fields, 'receiver started');
    },
    // what the kernel has counted is read when it has come to rest
    stop: async () => {},
    health(): Health {
      const { rung } = kernel.packets();
      const interfaces = own();
      const counted = countedOf(interfaces);
      const isFailed = isCounting && (rung === 'none' || (interfaces.length > 0 && counted === 0));
      return {
        status: isFailed ? 'failed' : 'ok',
        message: notesOf(interfaces).join('; '),
        details: {
          rung,
          interfaces: interfaces.length,
          counted,
          ...Object.fromEntries(interfaces.slice(0, MOST_TOLD).map(({ name, mode }) => [`interface_${name}`, mode])),
        },
      };
    },
  };
};

export const packetsReceiver: ReceiverFactory = {
  kind: 'receiver',
  type: 'packets',
  summary: 'Packets and bytes that arrive at network interfaces, by IP version and transport',
  signals: ['metrics'],
  config: packetsConfig,
  hostNeeds: ({ interfaces, exclude, mode }: PacketsConfig) => [{ kind: 'packets', interfaces, exclude, mode, option: [] }],
  warnings: packetsWarnings,
  create: createPacketsReceiver as ReceiverFactory['create'],
};
