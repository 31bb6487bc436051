import { HydraError } from '../../hydra-error.js';
import type { OutgoingCall } from './outgoing-call.js';

/** What an error says about a call: its pattern and its target. */
type Asked = Pick<OutgoingCall, 'request' | 'target'>;

export function noInstanceError({ request, target: { view, instanceId, selection } }: Asked): HydraError {
  const wanted = selection ? ` with ${selection.description}` : '';
  const who =
    instanceId === undefined
      ? `no live instance of "${view.service}"${wanted}`
      : `no live instance ${instanceId}`;
  return new HydraError('NO_INSTANCE', `${who} to take "${request.pattern}"`);
}

/** Hydra 1.x drops the answers to callers that it cannot find, so this call would wait in vain. */
export function namelessError({ request, target }: Asked): HydraError {
  const { service } = target.view;
  const what = `"${request.pattern}" of "${service}", which is a Hydra 1.x service and answers only callers with a name`;
  return new HydraError('BAD_OPTION', `${what}: give HydraClient the option name`);
}

export function timeoutError(
  { request, target, state, mayHaveRun, lastRefusal }: OutgoingCall,
  isRedisReady: boolean,
): HydraError {
  const { pattern, timeoutMs } = request;
  const { service } = target.view;
  const limit = `within timeoutMs=${timeoutMs}`;
  const facts = { mayHaveRun };
  if (state !== 'waiting')
    return new HydraError('TIMEOUT', `no reply from "${service}" to "${pattern}" ${limit}`, facts);
  if (!isRedisReady) {
    const text = `"${pattern}" was not sent: no Redis ${limit}`;
    return new HydraError('REDIS_UNAVAILABLE', text, facts);
  }
  return (
    lastRefusal ?? new HydraError('NO_INSTANCE', `no instance of "${service}" took "${pattern}" ${limit}`)
  );
}

export function notQueuedError({ request: { pattern, timeoutMs }, target }: Asked): HydraError {
  const what = `"${pattern}" into the queue of "${target.view.service}"`;
  return new HydraError('TIMEOUT', `${what}: Redis did not confirm it within timeoutMs=${timeoutMs}`);
}

export function lostError({ request, target, instance }: OutgoingCall): HydraError {
  return new HydraError(
    'INSTANCE_LOST',
    `instance ${instance?.id} of "${target.view.service}" went away before it answered "${request.pattern}"`,
  );
}

export function replyLostError({ request, target, instance }: OutgoingCall): HydraError {
  const who = `instance ${instance?.id} of "${target.view.service}"`;
  return new HydraError(
    'REPLY_LOST',
    `"${request.pattern}" ran at ${who}, and its answer, or a part of it, got lost`,
  );
}

export function closedError({ request, target }: Asked): HydraError {
  return new HydraError('CLOSED', `"${request.pattern}" to "${target.view.service}": this client is closed`);
}

/** Only for observers: the one who cancelled the call gets no error. */
export function cancelledError({ request, target }: Asked): HydraError {
  const text = `the call "${request.pattern}" to "${target.view.service}" was cancelled`;
  return new HydraError('CANCELLED', text);
}
