export {
  hydraConfig,
  hydraOptionsFromStore,
  type HydraConfigSource,
  type StoredOptionsSource,
} from './config/live/boot-options.js';
export type { ConfigAction } from './protocol/config-entry.js';
export type { ConfigDocument } from './config/documents/config-documents.js';
export type { ConfigChange } from './config/documents/config-history.js';
export type { ConfigChangeOptions } from './config/documents/config-change-options.js';
export { ConfigStore, type StoredVersion } from './config/config-store.js';
export type { ConfigDifference } from './config/documents/difference.js';
export { getConfigToken, InjectConfig } from './config/live/inject-config.js';
export { Live } from './config/live/live.js';
export { LiveConfig, type ConfigStatus } from './config/live/live-config.js';
export type {
  BatchDiagnostic,
  BreakerDiagnostic,
  CallDiagnostic,
  ConfigDiagnostic,
  ConnectionDiagnostic,
  DiagnosticOutcome,
  EnteredDiagnostic,
  EntryDeadDiagnostic,
  EntryDiagnostic,
  EntryPublishedDiagnostic,
  HandlerDiagnostic,
  HttpRequestDiagnostic,
  InstanceDiagnostic,
  JobAddedDiagnostic,
  JobDeadDiagnostic,
  JobDiagnostic,
  OutgoingHeaders,
  RefusalDiagnostic,
  SuspicionDiagnostic,
} from './diagnostics/events.js';
export { DeliveryContext } from './delivery/delivery-context.js';
export type { JobSettings } from './queue/producer/job-writing.js';
export {
  HydraError,
  type HydraErrorCode,
  type HydraErrorJson,
  type HydraErrorOptions,
} from './hydra-error.js';
export { HydraExceptionFilter } from './hydra-exception-filter.js';
export {
  HydraFactory,
  type HydraCreateOptions,
  type HydraHttpAddress,
  type HydraListenOptions,
  type HydraRootModule,
} from './hydra-factory.js';
export {
  getClientToken,
  HydraModule,
  InjectClient,
  type ConfigPart,
  type HydraAsyncOptions,
  type HydraFeatureClient,
  type HydraFeatureOptions,
  type HydraOptionsFactory,
} from './hydra-module.js';
export type {
  LayoutName,
  Backoff,
  BackoffRule,
  Balancer,
  BalancerName,
  BalancerView,
  BreakerOptions,
  CallOptions,
  ConfigOptions,
  ConnectionOptions,
  CredentialsFunction,
  CredentialsProvider,
  DeadLetterLimits,
  DiscoveryOptions,
  LoggingLevel,
  LoggingOptions,
  MetricsOptions,
  OpsOptions,
  DrainOptions,
  EntryOptions,
  EventStream,
  HealthOptions,
  HydraOptions,
  JobOptions,
  OrderBy,
  PacketDeserializer,
  PacketSerializer,
  PresenceOptions,
  QueueOptions,
  RedisCredentials,
  RedisLocation,
  CompletedOptions,
  RetentionOptions,
  StreamOptions,
  StreamStart,
  StreamingCredentials,
  TlsOptions,
} from './hydra-options.js';
export { HYDRA, HydraServer, type HydraServerEvents, type HydraServerStatus } from './hydra-server.js';
export { HydraHttpClient, type HydraHttpOptions } from './http/hydra-http-client.js';
export type { FetchBody, HttpBody } from './http/body.js';
export { HydraRoute } from './http/hydra-route.js';
export { HydraDoctor } from './doctor/hydra-doctor.js';
export type {
  DoctorCategory,
  DoctorFinding,
  DoctorGap,
  DoctorReport,
  DoctorSeverity,
} from './doctor/finding.js';
export type { DoctorSubject } from './redis/faults/fault.js';
export { HydraMetrics } from './ops/hydra-metrics.js';
export type { MetricFamily, MetricHistogram, MetricValue } from './metrics/metric-family.js';
export { HydraLogger } from './logging/hydra-logger.js';
export { aclRules, type AclOptions, type AclServer } from './access/acl-rules.js';
export type { AclRole } from './access/roles.js';
export type { LogCounts } from './logging/log-buffer.js';
export type { Address } from './protocol/address.js';
export type { JsonObject } from './protocol/json.js';
export type { UmfMessage } from './protocol/message.js';
export type {
  HealthRecord,
  HealthVitals,
  InstanceCapabilities,
  LogEntry,
  NodeRecord as Instance,
  ServiceRecord,
} from './protocol/records.js';
export type { DeadJob } from './queue/model/dead-letter.js';
export { HydraJobContext } from './queue/worker/hydra-job-context.js';
export type { AddOptions } from './queue/producer/job-adder.js';
export type { CancelledJobs, CancelOutcome } from './queue/producer/cancellation.js';
export type { CancelledEvent, CompletedEvent, JobEvent } from './queue/model/job-event.js';
export type { DurableEvents, DurableJobEvent, GapEvent, KeptEvents } from './queue/watching/event-options.js';
export type { FailureGroup, FailureOptions, Failures } from './queue/failures/failures.js';
export type {
  BulkOptions,
  DeadJobFilter,
  FindOptions,
  FoundJobs,
  JobFilter,
} from './queue/producer/job-filter.js';
export type {
  CleanedJobs,
  CleanOptions,
  DrainQueueOptions,
  ObliterateOptions,
} from './queue/producer/purge.js';
export type { JobCounts, JobRates, JobStateName, JobView, Page } from './queue/producer/job-view.js';
export type { JobFailure } from './queue/model/job-state.js';
export { DeadLetter, Retry, type RetryOptions } from './queue/model/outcome.js';
export { QueuePattern } from './queue/worker/queue-pattern.js';
export {
  QueueService,
  type CancelOptions,
  type CancelWhere,
  type BulkJob,
  type QueueRef,
} from './queue/producer/queue-service.js';
export type { AddedJob, QueuedJob, ResultOptions } from './queue/producer/stored-job.js';
export type { JobLogLine } from './queue/model/job-log.js';
export type { JobPriority } from './queue/model/priority.js';
export type { RepeatEvery, RepeatOptions, Schedule, ScheduleListOptions } from './queue/model/schedule.js';
export type {
  ConfigType,
  StandardSchema,
  StandardSchemaIssue,
  StandardSchemaResult,
} from './protocol/standard-schema.js';
export type { RedisClient } from './redis/redis-connections.js';
export { DiscoveryService, type WaitOptions } from './registry/discovery/discovery-service.js';
export {
  HealthContributors,
  type CollectedHealth,
  type HealthFindings,
  type HealthProbe,
} from './runtime/health-contributors.js';
export type { InstanceLogEntry, LogOptions, LogSource } from './registry/instance-logs.js';
export { HydraHealthIndicator, type HydraHealthStatus } from './registry/hydra-health-indicator.js';
export type { EdgeKind } from './protocol/edges.js';
export type { Topology, TopologyEdge, TopologyNode } from './registry/topology/topology.js';
export type { RouteMatch } from './registry/routes/route-match.js';
export type { DiscoveryChange } from './registry/discovery/service-view.js';
export type { CircuitState } from './transport/outgoing/circuit-breaker.js';
export { HydraBatchContext, HydraEntryContext } from './streams/hydra-entry-context.js';
export { StreamPattern, type BatchOptions, type StreamPatternOptions } from './streams/stream-pattern.js';
export { StreamService, type PublishOptions, type TrimOptions } from './streams/stream-service.js';
export type { DeadEntry, DeadLetterOptions } from './streams/stored/dead-entries.js';
export type { RangeOptions, StreamEntry } from './streams/stored/stored-entry.js';
export type { GroupConsumer, PendingEntry, PendingOptions } from './streams/stored/group-details.js';
export type { GroupInfo, StreamInfo } from './streams/stored/stream-info.js';
export { HydraClient, type HydraClientEvents, type HydraClientStatus } from './hydra-client.js';
export type { HydraClientOptions } from './transport/outgoing/client-options.js';
export { HydraContext } from './transport/incoming/hydra-context.js';
export {
  HydraRecord,
  HydraRecordBuilder,
  type HydraRecordOptions,
} from './transport/outgoing/hydra-record.js';
export { HydraQueued } from './transport/outgoing/queue-fallback.js';
