/**
 * Every name that OpenTelemetry's semantic conventions give, as of version 1.45. Those of calls (RPC) are stable; those of jobs,
 * entries and events (messaging) are in development, and change here or nowhere.
 */

/** What calls and messages travel by. */
export const SYSTEM = 'hydra';

/** Stands for a pattern that no handler has. */
export const OTHER = '_OTHER';

export const Attribute = {
  errorType: 'error.type',
  serverAddress: 'server.address',
  serverPort: 'server.port',

  rpcSystemName: 'rpc.system.name',
  rpcMethod: 'rpc.method',
  rpcMethodOriginal: 'rpc.method_original',
  rpcStatusCode: 'rpc.status_code',

  httpMethod: 'http.request.method',
  httpStatus: 'http.response.status_code',
  httpResendCount: 'http.request.resend_count',
  urlFull: 'url.full',

  messagingSystemName: 'messaging.system.name',
  messagingOperationName: 'messaging.operation.name',
  messagingOperationType: 'messaging.operation.type',
  messagingDestination: 'messaging.destination.name',
  messagingGroup: 'messaging.consumer.group.name',
  messagingMessageId: 'messaging.message.id',
  messagingBatchCount: 'messaging.batch.message_count',
  messagingBodySize: 'messaging.message.body.size',
} as const;

export const OperationType = { send: 'send', process: 'process' } as const;

export const Metric = {
  rpcClientDuration: 'rpc.client.call.duration',
  rpcServerDuration: 'rpc.server.call.duration',
  httpClientDuration: 'http.client.request.duration',
  messagingSent: 'messaging.client.sent.messages',
  messagingConsumed: 'messaging.client.consumed.messages',
  messagingOperationDuration: 'messaging.client.operation.duration',
  messagingProcessDuration: 'messaging.process.duration',
} as const;

/** Bounds of durations, in seconds, that the conventions advise. A call that takes less than 5 ms is in the first. */
export const DURATION_BOUNDS_S = [
  ...[0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25],
  ...[0.5, 0.75, 1, 2.5, 5, 7.5, 10],
];

/** What has no name in the conventions. */
export const Own = {
  attempt: 'hydra.attempt',
  pattern: 'hydra.pattern',
  entryType: 'hydra.entry.type',
  instance: 'hydra.instance.id',
  retry: 'hydra.retry',
} as const;
