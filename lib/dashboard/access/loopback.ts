import type { IncomingMessage } from 'node:http';
import type { AddressInfo, Server } from 'node:net';

import { HydraError } from '../../hydra-error.js';

/** What proxies add. */
const FORWARDED = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via'];

/** Whether an address can be reached from this machine alone. */
export function isLoopback(address: string | undefined): boolean {
  return address !== undefined && /^(?:(?:::ffff:)?127\.\d+\.\d+\.\d+|::1)$/.test(address);
}

/**
 * Why a request may come from somebody else than a person at this machine; undefined where it does not. The name in `host` is
 * looked at because the page of another site may have the name of that lead to 127.0.0.1.
 */
export function foreignness({ socket, headers }: IncomingMessage): string | undefined {
  if (!isLoopback(socket.remoteAddress)) return `it comes from ${socket.remoteAddress ?? 'somewhere else'}`;
  const proxy = FORWARDED.find((name) => headers[name] !== undefined);
  if (proxy !== undefined) return `a proxy has forwarded it: ${proxy}`;
  const name = (headers.host ?? '')
    .replace(/:\d*$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase();
  if (name === 'localhost' || name.endsWith('.localhost') || isLoopback(name)) return undefined;
  return 'its host is no name of this machine';
}

/** Fails the listening of a server that others can reach. Whoever awaits it gets the error. */
export function refuseOthers(server: Server): void {
  server.prependOnceListener('listening', () => {
    const { address } = (server.address() ?? {}) as Partial<AddressInfo>;
    if (address === undefined || isLoopback(address)) return;
    server.emit('error', openToOthers(address));
    // Whoever hears of the same event next may look at the address.
    process.nextTick(() => server.close());
  });
}

function openToOthers(address: string): HydraError {
  return new HydraError(
    'BAD_OPTION',
    `the dashboard without an access() may only listen on 127.0.0.1 or ::1, got ${address}: give HydraDashboardModule.forRoot an access(request), or listen on 127.0.0.1`,
  );
}
