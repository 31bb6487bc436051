/** What a test file leaves open at its end, as it would keep a process from ending. */
import { Server, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** What is closed politely waits for its peer for a moment. */
const GRACE_MS = 3_000;
const LOOK_EVERY_MS = 20;

/** TCP connections and servers of this process; pipes to the parent and to children are none. */
export function openSockets() {
  return process._getActiveHandles().filter((handle) => {
    if (handle instanceof Server) return handle.listening && typeof handle.address() === 'object';
    return handle instanceof Socket && !handle.destroyed && handle.remotePort !== undefined;
  });
}

/** Throws when sockets that `before` does not have are still open after a moment. */
export async function refuseOpenSockets(before) {
  const deadline = performance.now() + GRACE_MS;
  const left = () => openSockets().filter((socket) => !before.has(socket));
  while (left().length > 0 && performance.now() < deadline) await sleep(LOOK_EVERY_MS);
  const sockets = left();
  if (sockets.length === 0) return;
  throw new Error(`this test file leaves open: ${sockets.map(describe).join(', ')}`);
}

function describe(handle) {
  if (handle instanceof Server) return `a server on port ${handle.address().port}`;
  const { localPort, remoteAddress, remotePort, readyState } = handle;
  const heard = handle.eventNames().map(String).join(' ');
  return `a socket ${localPort} → ${remoteAddress}:${remotePort} (${readyState}; listeners: ${heard})`;
}
