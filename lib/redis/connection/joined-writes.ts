import type { Socket } from 'node:net';

/**
 * Has a socket send all that is written in one event-loop tick with one system call. The driver writes each command by
 * itself, and that call costs more than the rest of a command. What was written when the socket ends is sent first; what was
 * written when it is destroyed is lost, as with any other write.
 */
export function joinWrites(socket: Socket): Socket {
  const write = socket.write.bind(socket) as (...args: unknown[]) => boolean;
  let isJoining = false;
  const send = () => {
    isJoining = false;
    socket.uncork();
  };
  socket.write = (...args: unknown[]) => {
    if (!isJoining) {
      isJoining = true;
      socket.cork();
      // After the promises that settle in this tick, each of which may write one more command.
      process.nextTick(send);
    }
    return write(...args);
  };
  return socket;
}
