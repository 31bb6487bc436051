import { Ctx, Payload } from '@nestjs/microservices';
import { isObservable } from 'rxjs';

import { errorForNest } from './answered-abort.js';
import { DeliveryContext } from './delivery-context.js';
import { handlerObservable } from './handler-observable.js';

/** The metadata key under which Nest keeps the arguments of a method. */
const PARAM_ARGS_METADATA = '__routeArguments__';

type Method = (this: unknown, ...args: unknown[]) => unknown;

/**
 * Makes a handler leave what it throws in its context. Nest's filters make `Internal server error` of an unknown error,
 * which is right for a caller and useless as the reason of a dead letter. An interceptor would see the error too, at three
 * times the cost of the whole handler.
 */
export function captureHandlerError(
  target: object,
  key: string | symbol,
  descriptor: PropertyDescriptor,
): void {
  const method = descriptor.value as Method;
  const index = contextIndex(target, key);
  const keep = (args: readonly unknown[], error: unknown) => {
    const context = args[index];
    if (!(context instanceof DeliveryContext)) return error;
    context.failed(error);
    return errorForNest(error, context);
  };
  descriptor.value = wrap(method, keep);
  Object.defineProperty(descriptor.value, 'name', { value: method.name, configurable: true });
  for (const name of Reflect.getMetadataKeys(method)) {
    Reflect.defineMetadata(name, Reflect.getMetadata(name, method), descriptor.value as object);
  }
}

/** @param keep gives the error that Nest is to see */
function wrap(method: Method, keep: (args: readonly unknown[], error: unknown) => unknown): Method {
  return function (this: unknown, ...args) {
    const fail = (error: unknown): never => {
      throw keep(args, error);
    };
    try {
      const result = method.apply(this, args);
      if (result instanceof Promise) return result.catch(fail);
      return isObservable(result) ? handlerObservable(result, (error) => keep(args, error)) : result;
    } catch (error) {
      return fail(error);
    }
  };
}

/**
 * The index of the context among the method's arguments. If the method does not take the context, Nest adds it as the
 * last argument.
 */
function contextIndex(target: object, key: string | symbol): number {
  const known = Reflect.getMetadata(PARAM_ARGS_METADATA, target.constructor, key) as
    Record<string, { readonly index: number }> | undefined;
  if (!known) {
    // Without decorated arguments a handler gets the data and the context.
    Payload()(target, key, 0);
    Ctx()(target, key, 1);
    return 1;
  }
  const index = Math.max(...Object.values(known).map((argument) => argument.index)) + 1;
  Ctx()(target, key, index);
  return index;
}
