/** What a test file leaves open at its end, as it would keep a process from ending. */
import { subscribe } from 'node:diagnostics_channel';
import { setTimeout as sleep } from 'node:timers/promises';

/** What is closed politely waits for its peer for a moment: for longer on a machine that is busy. */
const GRACE_MS = 15_000;
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
  const deadline = performance.now() + GRACE_MS;
  const left = () => openSockets().filter((socket) => !before.has(socket));
  while (left().length > 0 && performance.now() < deadline) await sleep(LOOK_EVERY_MS);
  const still = left();
  if (still.length === 0) return;
  throw new Error(`this test file leaves open: ${still.map(describe).join(', ')}`);
}

function describe({ localPort, remoteAddress, remotePort, readyState }) {
  return `a socket ${localPort} → ${remoteAddress}:${remotePort} (${readyState})`;
}
