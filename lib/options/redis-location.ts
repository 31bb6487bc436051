import { HydraError } from '../hydra-error.js';
import { refuseMisspelt } from './names.js';

const URL_FORM =
  'must be a URL like redis://[user][:password@]host[:port][/number] or rediss://…, percent-encoded where it holds other characters';

/** The options of ioredis 6, and the two of a Cluster here. A later version of it may know more. */
const LOCATION_NAMES = [
  ...['port', 'name', 'path', 'stringNumbers', 'replyMapping', 'host', 'password', 'family'],
  ...['username', 'db', 'tls', 'keyPrefix', 'sentinels', 'role', 'sentinelUsername'],
  ...['sentinelPassword', 'sentinelTLS', 'natMap', 'enableTLSForSentinelMode'],
  ...['connectTimeout', 'commandTimeout', 'socketTimeout', 'keepAlive', 'noDelay'],
  ...['connectionName', 'Connector', 'protocol', 'preferredSlaves', 'retryStrategy'],
  ...['enableOfflineQueue', 'readOnly', 'himportFieldsets', 'blockingTimeout'],
  ...['blockingTimeoutGrace', 'disableClientInfo', 'clientInfoTag', 'autoResubscribe'],
  ...['autoResendUnfulfilledCommands', 'reconnectOnError', 'monitor', 'maxRetriesPerRequest'],
  ...['maxLoadingRetryTime', 'enableAutoPipelining', 'autoPipeliningIgnoredCommands'],
  ...['offlineQueue', 'commandQueue', 'enableReadyCheck', 'lazyConnect', 'scripts'],
  ...['showFriendlyErrorStack', 'sentinelRetryStrategy', 'sentinelReconnectStrategy'],
  ...['disconnectTimeout', 'sentinelCommandTimeout', 'updateSentinels'],
  ...['sentinelMaxConnections', 'failoverDetector', 'cluster', 'options'],
];

/**
 * Refuses what is no place of a Redis, before the driver takes it for a path or a host name, tries it for ever, and says in
 * each line of its log what it was given. What that was is said nowhere: it may hold a password.
 *
 * @param option where it was given
 * @throws HydraError `BAD_OPTION`
 */
export function checkRedisLocation(option: string, given: unknown): void {
  if (typeof given === 'string') return checkText(option, given);
  if (typeof given !== 'object' || given === null || given instanceof URL)
    throw noLocation(option, `${URL_FORM}, or the driver's options`);
  refuseMisspelt(option, given, LOCATION_NAMES);
  const { host, path, sentinels, cluster } = given as Record<string, unknown>;
  checkHost(`${option}.host`, host);
  if (path !== undefined && !isSocket(path))
    throw noLocation(`${option}.path`, 'must be the path of a socket');
  checkNodes(`${option}.sentinels`, sentinels);
  checkNodes(`${option}.cluster`, cluster);
}

function checkText(option: string, given: string): void {
  if (isSocket(given)) return;
  if (!/^rediss?:\/\//i.test(given) || !isUrl(given)) throw noLocation(option, URL_FORM);
}

function isUrl(given: string): boolean {
  try {
    const { hostname, pathname, username, password } = new URL(given);
    // The driver decodes them, and fails where that cannot be done.
    decodeURIComponent(username + password);
    return hostname !== '' && /^\/?\d*$/.test(pathname);
  } catch {
    // Its message and its members have the URL.
    return false;
  }
}

/** `redis//:pw@host` would be one to the driver. */
function isSocket(given: unknown): boolean {
  return typeof given === 'string' && /^\/[^/@:][^@:]*$/.test(given);
}

function checkNodes(option: string, nodes: unknown): void {
  if (!Array.isArray(nodes)) return;
  for (const node of nodes as unknown[]) {
    if (typeof node === 'string') checkNode(option, node);
    else if (typeof node === 'object' && node !== null) checkHost(option, (node as { host?: unknown }).host);
  }
}

/** The driver takes `host:port` for a node too. */
function checkNode(option: string, node: string): void {
  if (!/^[\w.-]+:\d+$/.test(node)) checkText(option, node);
}

function checkHost(option: string, host: unknown): void {
  if (host === undefined || host === null) return;
  if (typeof host === 'string' && !/[/@\s"']/.test(host)) return;
  throw noLocation(option, 'must be a host name or an address');
}

function noLocation(option: string, allowed: string): HydraError {
  return new HydraError(
    'BAD_OPTION',
    `${option} ${allowed}; its value is not shown, for it may hold a password`,
  );
}
