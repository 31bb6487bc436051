import { networkInterfaces } from 'node:os';

/**
 * The host to advertise: a pattern such as `10.0.*` is tried on this machine's IPv4 addresses (Hydra 1.9's `serviceIP`),
 * anything else is taken as it is; without one, the first IPv4 address that is not 127.0.0.1.
 */
export function advertisedHost(given: string | undefined, addresses = ipv4Addresses()): string {
  if (given === undefined) return addresses.find((address) => address !== '127.0.0.1') ?? '127.0.0.1';
  const star = given.indexOf('*');
  if (star < 0) return given;
  const prefix = given.slice(0, star);
  return addresses.find((address) => address.startsWith(prefix)) ?? given;
}

function ipv4Addresses(): readonly string[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ family }) => family === 'IPv4')
    .map(({ address }) => address);
}
