import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * A port below the ephemeral range: there no outgoing connection can take it while its server is down for a restart,
 * and a Redis Cluster bus port (port + 10000) stays within the numbers there are. It may be taken by the time it is
 * used, so the user of it tries again.
 */
export async function freePort() {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    const probe = createServer().listen(port, '127.0.0.1');
    const free = await once(probe, 'listening').then(
      () => true,
      () => false,
    );
    probe.close();
    if (free) return port;
  }
}
