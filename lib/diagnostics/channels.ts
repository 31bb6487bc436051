import { channel, type Channel } from 'node:diagnostics_channel';

import type {
  BatchDiagnostic,
  BreakerDiagnostic,
  CallDiagnostic,
  ConfigDiagnostic,
  ConnectionDiagnostic,
  EntryDeadDiagnostic,
  EntryDiagnostic,
  EntryPublishedDiagnostic,
  HandlerDiagnostic,
  HttpRequestDiagnostic,
  InstanceDiagnostic,
  JobAddedDiagnostic,
  JobDeadDiagnostic,
  JobDiagnostic,
  RefusalDiagnostic,
  SuspicionDiagnostic,
} from './events.js';

/** The channel of this name. A publisher reads `hasSubscribers` before it makes an event. */
function open<Event extends object>(name: string): Channel<unknown, Event> {
  return channel(name) as Channel<unknown, Event>;
}

/** A call begins. Headers that a subscriber adds are encoded with it. */
export const callStart = open<CallDiagnostic>('hydra:call:start');
/** It is sent again, to this or another instance. */
export const callRetry = open<CallDiagnostic>('hydra:call:retry');
export const callEnd = open<CallDiagnostic>('hydra:call:end');

/** A request of `HydraHttpClient` begins. Headers that a subscriber adds are sent with it. */
export const httpStart = open<HttpRequestDiagnostic>('hydra:http:start');
/** It is sent to another instance. */
export const httpRetry = open<HttpRequestDiagnostic>('hydra:http:retry');
/** The head of its answer has come, or it failed. */
export const httpEnd = open<HttpRequestDiagnostic>('hydra:http:end');

/** A handler is about to run. It runs in what is bound to this channel with `bindStore`. */
export const handlerStart = open<HandlerDiagnostic>('hydra:handler:start');
/** Its answer is complete, with all values of its stream. */
export const handlerEnd = open<HandlerDiagnostic>('hydra:handler:end');
export const handlerRefused = open<RefusalDiagnostic>('hydra:handler:refused');

/** A job is about to be encoded. Headers that a subscriber adds are stored with it. */
export const jobAdding = open<JobAddedDiagnostic>('hydra:job:adding');
/** Redis has stored it, or adding it failed. */
export const jobAdded = open<JobAddedDiagnostic>('hydra:job:added');
/** An attempt begins. Its handler runs in what is bound to this channel with `bindStore`. */
export const jobStart = open<JobDiagnostic>('hydra:job:start');
export const jobEnd = open<JobDiagnostic>('hydra:job:end');
/** It is given up, and becomes a dead letter. */
export const jobDead = open<JobDeadDiagnostic>('hydra:job:dead');

/** An entry is about to be encoded. Headers that a subscriber adds are stored with it. */
export const entryPublishing = open<EntryPublishedDiagnostic>('hydra:entry:publishing');
/** Redis has stored it, or publishing it failed. */
export const entryPublished = open<EntryPublishedDiagnostic>('hydra:entry:published');
/** A delivery begins. Its handler runs in what is bound to this channel with `bindStore`. */
export const entryStart = open<EntryDiagnostic>('hydra:entry:start');
export const entryEnd = open<EntryDiagnostic>('hydra:entry:end');
/** A handler is about to be given a batch. It runs in what is bound to this channel with `bindStore`. */
export const batchStart = open<BatchDiagnostic>('hydra:batch:start');
export const batchEnd = open<BatchDiagnostic>('hydra:batch:end');
/** It is given up, and becomes a dead letter. */
export const entryDead = open<EntryDeadDiagnostic>('hydra:entry:dead');

export const connectionState = open<ConnectionDiagnostic>('hydra:connection:state');
/** What is stored runs from here on, or was refused. */
export const configState = open<ConfigDiagnostic>('hydra:config:state');
export const instanceSuspected = open<SuspicionDiagnostic>('hydra:instance:suspected');
/** The breaker opens for an instance, or closes again. */
export const breakerState = open<BreakerDiagnostic>('hydra:breaker:state');
export const instanceJoined = open<InstanceDiagnostic>('hydra:instance:joined');
export const instanceLeft = open<InstanceDiagnostic>('hydra:instance:left');
