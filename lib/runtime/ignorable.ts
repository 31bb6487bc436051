/**
 * A promise that its user may ignore, or await later. If it rejects and nobody awaits it, Node does not end the
 * process.
 */
export function ignorable<P extends Promise<unknown>>(promise: P): P {
  promise.catch(ignore);
  return promise;
}

type Method = (this: unknown, ...args: unknown[]) => unknown;

/** Makes every promise that a service's methods give {@link ignorable}. Decorates its class. */
export function IgnorablePromises(service: { readonly prototype: object }): void {
  const { prototype } = service;
  for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
    if (name === 'constructor' || typeof value !== 'function') continue;
    const method = value as Method;
    const given: Method = function (...args) {
      const result = method.apply(this, args);
      return result instanceof Promise ? ignorable(result) : result;
    };
    Object.defineProperty(prototype, name, { value: given, writable: true, configurable: true });
  }
}

function ignore(): void {}
