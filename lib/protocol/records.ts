import { isJsonObject, numberOf, parseObject, stringOf } from './json.js';

/** A service that has been registered at some time, whether or not an instance of it is alive. */
export interface ServiceRecord {
  /** Name of the service. */
  readonly service: string;
  /** Free text, hydra's `serviceType`. */
  readonly type?: string;
  /** ISO 8601, UTC, milliseconds. */
  readonly registeredOn: string;
}

/** One instance with its record. Only its presence key says that it is alive. */
export interface NodeRecord {
  /** Instance id, 32 lower-case hex characters by convention. */
  readonly id: string;
  /** Name of the service. */
  readonly service: string;
  /** The `description` of its options. */
  readonly description: string;
  /** The `version` of its options. */
  readonly version: string;
  /** ISO 8601, UTC, milliseconds, on the instance's own clock. */
  readonly updatedOn: string;
  /** Process id; 0 when unknown. */
  readonly pid: number;
  /** IP address or DNS name that HTTP callers connect to. */
  readonly host: string;
  /** HTTP port; 0 when unknown. */
  readonly port: number;
  /** Name of the machine. */
  readonly hostName: string;
  /** Members that only this library writes; Hydra 1.x readers ignore them. */
  readonly capabilities?: InstanceCapabilities;
}

/** What an instance of this library publishes about itself: the `nest` member of its record. */
export interface InstanceCapabilities {
  /** Version of the extensions to the Hydra 1.x wire that the instance understands. */
  readonly wireVersion: number;
  /** Whether it answers calls; false for one that only makes them. */
  readonly acceptsCalls: boolean;
  /** Its tags, from the options. */
  readonly tags?: readonly string[];
  /** Its metadata, from the options. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** A fingerprint of the routes that it registered. When it changes, the routes must be read again. */
  readonly routes?: number;
  /** Version of the service configuration it runs with. */
  readonly config?: string;
  /** It accepts no new work and will stop soon. */
  readonly draining?: boolean;
  /** The Redis server that it subscribes at, if Redis tells it. A count of receivers there includes this instance. */
  readonly server?: string | undefined;
  /** On a Cluster: it subscribes within the shards of its channels, and takes messages by SPUBLISH. */
  readonly sharded?: boolean | undefined;
}

/** The health record of one instance. */
export interface HealthRecord {
  /** Instance id. */
  readonly id: string;
  /** Name of the service. */
  readonly service: string;
  /** Name of the machine. */
  readonly hostName: string;
  /** ISO 8601, UTC, milliseconds. */
  readonly updatedOn: string;
  /** ISO 8601, UTC, milliseconds. */
  readonly sampledOn: string;
  /** Process id. */
  readonly pid: number;
  /** As `process.arch`. */
  readonly architecture: string;
  /** As `process.platform`. */
  readonly platform: string;
  /** As `process.version`. */
  readonly nodeVersion: string;
  /** In bytes, as `process.memoryUsage()` names them. */
  readonly memory: Readonly<Record<string, number>>;
  /** Age of the process, in seconds. */
  readonly uptimeSeconds: number;
  /** Members that only this library writes; Hydra 1.x readers ignore them. */
  readonly vitals?: HealthVitals;
}

/** The `nest` member of a health record. */
export interface HealthVitals {
  /** How late the event loop ran since the record before, in milliseconds. */
  readonly eventLoopDelayMs: Readonly<Record<string, number>>;
  /** Share of one CPU core used since the record before: 1 is a whole core. */
  readonly cpu: number;
  /** What the parts of the process do, by their name: `{ calls: { sent: 3, handling: 2 } }`. */
  readonly activity: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Why the process, or a part of it, cannot do its work. */
  readonly problems: readonly string[];
  /** What a person should look at, although the process works. */
  readonly warnings: readonly string[];
}

/** One line of an instance's bounded log. */
export interface LogEntry {
  /** ISO 8601, UTC, milliseconds. */
  readonly timestamp: string;
  /** Name of the service. */
  readonly service: string;
  /** `info`, `error`, `fatal`, `debug` or any other word. */
  readonly level: string;
  /** Process id. */
  readonly pid: number;
  /** Text, or any JSON a Hydra 1.x service chose to log. */
  readonly message: unknown;
  /** The context of a Nest logger. Only this library writes it. */
  readonly context?: string;
  /** The stack of an error. Only this library writes it. */
  readonly stack?: string;
  /** The trace that it was logged in, 32 hex digits as W3C writes them. Only this library writes it. */
  readonly traceId?: string;
  /** The span that it was logged in, 16 hex digits. Only this library writes it. */
  readonly spanId?: string;
}

/** Order and types of `hydra:service:<service>:service`, observed in hydra 1.9.3. */
export function encodeService(record: ServiceRecord): string {
  return JSON.stringify({
    serviceName: record.service,
    type: record.type,
    registeredOn: record.registeredOn,
  });
}

/** Returns undefined unless the text is a JSON object that names its service. */
export function decodeService(text: string | null): ServiceRecord | undefined {
  const raw = parseObject(text);
  const service = stringOf(raw?.['serviceName']);
  if (raw === undefined || service === '') return undefined;
  const type = raw['type'];
  return {
    service,
    ...(typeof type === 'string' && { type }),
    registeredOn: stringOf(raw['registeredOn']),
  };
}

/**
 * Order and types of a value in `hydra:service:nodes`, observed in hydra 1.9.3, with `nest` after the last of them.
 *
 * Hydra writes a configured port as a string and one it chose as a number. A string is written here always: the .NET
 * client declares it as one.
 */
export function encodeNode(record: NodeRecord): string {
  return JSON.stringify({
    serviceName: record.service,
    serviceDescription: record.description,
    version: record.version,
    instanceID: record.id,
    updatedOn: record.updatedOn,
    processID: record.pid,
    ip: record.host,
    port: String(record.port),
    hostName: record.hostName,
    nest: encodeCapabilities(record.capabilities),
  });
}

/** Returns undefined unless the text is a JSON object that names its service and instance. */
export function decodeNode(text: string | null): NodeRecord | undefined {
  const raw = parseObject(text);
  const service = stringOf(raw?.['serviceName']);
  const id = stringOf(raw?.['instanceID']);
  if (raw === undefined || service === '' || id === '') return undefined;
  const capabilities = decodeCapabilities(raw['nest']);
  return {
    id,
    service,
    description: stringOf(raw['serviceDescription']),
    version: stringOf(raw['version']),
    updatedOn: stringOf(raw['updatedOn']),
    pid: numberOf(raw['processID']),
    host: stringOf(raw['ip']),
    port: portOf(raw['port']),
    hostName: stringOf(raw['hostName']),
    ...(capabilities && { capabilities }),
  };
}

/** Order and types of `hydra:service:<service>:<id>:health`, observed in hydra 1.9.3. */
export function encodeHealth(record: HealthRecord): string {
  return JSON.stringify({
    updatedOn: record.updatedOn,
    serviceName: record.service,
    instanceID: record.id,
    hostName: record.hostName,
    sampledOn: record.sampledOn,
    processID: record.pid,
    architecture: record.architecture,
    platform: record.platform,
    nodeVersion: record.nodeVersion,
    memory: record.memory,
    uptimeSeconds: record.uptimeSeconds,
    nest: record.vitals,
  });
}

/** Returns undefined unless the text is a JSON object that names its service and instance. */
export function decodeHealth(text: string | null): HealthRecord | undefined {
  const raw = parseObject(text);
  const service = stringOf(raw?.['serviceName']);
  const id = stringOf(raw?.['instanceID']);
  if (raw === undefined || service === '' || id === '') return undefined;
  const vitals = decodeVitals(raw['nest']);
  return {
    id,
    service,
    hostName: stringOf(raw['hostName']),
    updatedOn: stringOf(raw['updatedOn']),
    sampledOn: stringOf(raw['sampledOn']),
    pid: numberOf(raw['processID']),
    architecture: stringOf(raw['architecture']),
    platform: stringOf(raw['platform']),
    nodeVersion: stringOf(raw['nodeVersion']),
    memory: membersOf(raw['memory'], isNumber),
    uptimeSeconds: numberOf(raw['uptimeSeconds']),
    ...(vitals && { vitals }),
  };
}

/**
 * Order and types of an element of `hydra:service:<service>:<id>:health:log`, observed in hydra 1.9.3, which writes
 * `msg` only. `message` repeats it, because hydra-cli 1.8.0 prints that.
 */
export function encodeLogEntry(entry: LogEntry): string {
  return JSON.stringify({
    ts: entry.timestamp,
    serviceName: entry.service,
    type: entry.level,
    processID: entry.pid,
    msg: entry.message,
    message: entry.message,
    context: entry.context,
    stack: entry.stack,
    traceId: entry.traceId,
    spanId: entry.spanId,
  });
}

/** Returns undefined unless the text is a JSON object. */
export function decodeLogEntry(text: string | null): LogEntry | undefined {
  const raw = parseObject(text);
  if (raw === undefined) return undefined;
  const { context, stack, traceId, spanId } = raw;
  return {
    timestamp: stringOf(raw['ts']),
    service: stringOf(raw['serviceName']),
    level: stringOf(raw['type']),
    pid: numberOf(raw['processID']),
    message: raw['msg'] ?? raw['message'],
    ...(isString(context) && { context }),
    ...(isString(stack) && { stack }),
    ...(isString(traceId) && { traceId }),
    ...(isString(spanId) && { spanId }),
  };
}

function encodeCapabilities(capabilities: InstanceCapabilities | undefined): object | undefined {
  if (!capabilities) return undefined;
  const { wireVersion, acceptsCalls, ...rest } = capabilities;
  return { wire: wireVersion, serves: acceptsCalls, ...rest };
}

function decodeCapabilities(value: unknown): InstanceCapabilities | undefined {
  if (!isJsonObject(value) || !isNumber(value['wire'])) return undefined;
  return {
    wireVersion: value['wire'],
    acceptsCalls: value['serves'] === true,
    ...(Array.isArray(value['tags']) && { tags: value['tags'].filter(isString) }),
    ...(isJsonObject(value['metadata']) && { metadata: membersOf(value['metadata'], isString) }),
    ...(isNumber(value['routes']) && { routes: value['routes'] }),
    ...(isString(value['config']) && { config: value['config'] }),
    ...(value['draining'] === true && { draining: true }),
    ...(isString(value['server']) && { server: value['server'] }),
    ...(value['sharded'] === true && { sharded: true }),
  };
}

function decodeVitals(value: unknown): HealthVitals | undefined {
  if (!isJsonObject(value)) return undefined;
  const { activity, problems, warnings } = value;
  const parts = Object.entries(isJsonObject(activity) ? activity : {});
  return {
    eventLoopDelayMs: membersOf(value['eventLoopDelayMs'], isNumber),
    cpu: numberOf(value['cpu']),
    activity: Object.fromEntries(parts.map(([part, numbers]) => [part, membersOf(numbers, isNumber)])),
    problems: Array.isArray(problems) ? problems.filter(isString) : [],
    warnings: Array.isArray(warnings) ? warnings.filter(isString) : [],
  };
}

/** A TCP port, from the string or the number Hydra 1.x writes; 0 when it is neither. */
function portOf(value: unknown): number {
  const port = numberOf(value);
  return Number.isInteger(port) && port > 0 && port <= 65_535 ? port : 0;
}

/** The members of an object whose values pass the test. */
function membersOf<T>(value: unknown, test: (member: unknown) => member is T): Record<string, T> {
  const members = Object.entries(isJsonObject(value) ? value : {});
  return Object.fromEntries(members.filter((member): member is [string, T] => test(member[1])));
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}
