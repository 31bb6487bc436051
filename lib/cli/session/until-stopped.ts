/** Resolves when a person or a program ends the command. */
export function untilStopped(): Promise<void> {
  return new Promise((resolve) => {
    // A listener for a signal keeps no process alive.
    const alive = setInterval(() => undefined, 60_000);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.once(signal, () => {
        clearInterval(alive);
        resolve();
      });
    }
  });
}
