/** What a test file leaves open at its end, as it would keep a process from ending. */
import { subscribe } from 'node:diagnostics_channel';
import { setTimeout as sleep } from 'node:timers/promises';

/** What is closed politely waits for its peer for a moment. */
const GRACE_MS = 3_000;
/** A machine that is busy has as much longer as it spends on others. */
const MOST_MS = 30_000;
const LOOK_EVERY_MS = 20;

// Node tells of each TCP connection that is made or taken. (Asking it for all its handles ends it in rare moments.)
const sockets = new Set();
for (const channel of ['net.client.socket', 'net.server.socket']) {
  subscribe(channel, ({ socket }) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
}

/** TCP connections of this process. */
export function openSockets() {
  return [...sockets].filter((socket) => !socket.destroyed && socket.remotePort !== undefined);
}

/** Throws when sockets that `before` does not have are still open after a moment. */
export async function refuseOpenSockets(before) {
  const startedAt = performance.now();
  const left = () => openSockets().filter((socket) => !before.has(socket));
  // Each look is due after so long: where looks come late, so does what is looked for.
  for (let looks = 0; left().length > 0 && looks < GRACE_MS / LOOK_EVERY_MS; looks++) {
    if (performance.now() - startedAt > MOST_MS) break;
    await sleep(LOOK_EVERY_MS);
  }
  const still = left();
  if (still.length === 0) return;
  throw new Error(`this test file leaves open: ${still.map(describe).join(', ')}`);
}

function describe({ localPort, remoteAddress, remotePort, readyState }) {
  return `a socket ${localPort} → ${remoteAddress}:${remotePort} (${readyState})`;
}
