/** Numbers of sockets by their names in attributes. */
import { netTransport } from '../../kernel/layouts.gen.ts';

const AF_INET = 2;
const AF_INET6 = 10;

/** `network.type` by AF_*. */
export const familyNames: ReadonlyMap<number, string> = new Map([
  [AF_INET, 'ipv4'],
  [AF_INET6, 'ipv6'],
]);

/** `network.transport` by `enum net_transport`. */
export const transportNames: ReadonlyMap<number, string> = new Map([
  [netTransport.tcp, 'tcp'],
  [netTransport.udp, 'udp'],
  [netTransport.unix, 'unix'],
]);

/** `ringtail.network.protocol` by `enum net_transport`: of what has no transport. */
export const protocolNames: ReadonlyMap<number, string> = new Map([
  [netTransport.icmp, 'icmp'],
  [netTransport.raw, 'raw'],
]);
