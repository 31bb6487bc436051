import { HydraError } from '../../hydra-error.js';
import type { OutgoingCall } from './outgoing-call.js';

/** What an error says of a call: what was asked, and of whom. */
type Asked = Pick<OutgoingCall, 'request' | 'route'>;

export function noInstanceError({ request, route: { view, instanceId, selection } }: Asked): HydraError {
  const wanted = selection ? ` with ${selection.description}` : '';
  const who =
    instanceId === undefined
      ? `no live instance of "${view.service}"${wanted}`
      : `no live instance ${instanceId}`;
  return new HydraError('NO_INSTANCE', `${who} to take "${request.pattern}"`);
}

/** Hydra 1.x drops the answers to callers that it cannot find, so that this one would wait for nothing. */
export function namelessError({ request, route }: Asked): HydraError {
  const { service } = route.view;
  const what = `"${request.pattern}" of "${service}", which is a Hydra 1.x service and answers only callers with a name`;
  return new HydraError('BAD_OPTION', `${what}: give HydraClient the option name`);
}

/** @param isParked it was on its way to no instance, for want of a connection, or of an instance that would do */
export function timeoutError(
  { request, route, mayHaveRun, lastRefusal }: Asked & Pick<OutgoingCall, 'mayHaveRun' | 'lastRefusal'>,
  isParked: boolean,
  isRedisReady: boolean,
): HydraError {
  const { pattern, timeoutMs } = request;
  const { service } = route.view;
  const limit = `within timeoutMs=${timeoutMs}`;
  const facts = { mayHaveRun };
  if (!isParked)
    return new HydraError('TIMEOUT', `no reply from "${service}" to "${pattern}" ${limit}`, facts);
  if (!isRedisReady) {
    const text = `"${pattern}" was not sent: no Redis ${limit}`;
    return new HydraError('REDIS_UNAVAILABLE', text, facts);
  }
  return (
    lastRefusal ?? new HydraError('NO_INSTANCE', `no instance of "${service}" took "${pattern}" ${limit}`)
  );
}

export function notQueuedError({ request: { pattern, timeoutMs }, route }: Asked): HydraError {
  const what = `"${pattern}" into the queue of "${route.view.service}"`;
  return new HydraError('TIMEOUT', `${what}: Redis did not confirm it within timeoutMs=${timeoutMs}`);
}

export function lostError({ request, route, instance }: OutgoingCall): HydraError {
  return new HydraError(
    'INSTANCE_LOST',
    `instance ${instance?.id} of "${route.view.service}" went away before it answered "${request.pattern}"`,
  );
}

export function replyLostError({ request, route, instance }: OutgoingCall): HydraError {
  const who = `instance ${instance?.id} of "${route.view.service}"`;
  return new HydraError(
    'REPLY_LOST',
    `"${request.pattern}" ran at ${who}, and its answer, or a part of it, got lost`,
  );
}

export function closedError({ request, route }: Asked): HydraError {
  return new HydraError('CLOSED', `"${request.pattern}" to "${route.view.service}": this client is closed`);
}
