import { connect, type ConnectionOptions } from 'node:tls';

import type { Clock } from '../../runtime/clock.js';

const LIMIT_MS = 2_000;
/** With TLS 1.3 the server looks at our certificate after the handshake has ended on this side. */
const AFTERWARDS_MS = 300;

/**
 * Tries a handshake, to learn why there is none: the driver says of a Sentinel only that the connection is closed. Resolves
 * with what is wrong, or with nothing.
 */
export function probeTls(options: ConnectionOptions, clock: Clock): Promise<Error | undefined> {
  return new Promise((resolve) => {
    const socket = connect(options);
    const end = (error?: Error) => {
      clock.clear(timer);
      socket.destroy();
      resolve(error);
    };
    let timer = clock.setTimeout(end, LIMIT_MS);
    socket.on('error', end);
    socket.on('secureConnect', () => {
      clock.clear(timer);
      timer = clock.setTimeout(end, AFTERWARDS_MS);
    });
  });
}
