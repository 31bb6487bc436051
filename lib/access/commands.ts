/**
 * The commands of Redis that each part uses, one by one: categories are too coarse (`@pubsub` includes PSUBSCRIBE, TIME has
 * none but `@fast`). A test compares them with what the code does.
 */
const words = (text: string): readonly string[] => text.trim().split(/\s+/);

/** Without a key: to connect, and what scripts ask for. */
export const CONNECT = words('hello auth ping info select client|setname time pubsub|numsub pubsub|numpat');
/** From Redis 7.2 on; before, the name is unknown and the whole rule refused. */
export const CONNECT_7_2 = words('client|setinfo');
export const CONNECT_CLUSTER = words(
  'cluster|slots cluster|info asking readonly readwrite pubsub|shardnumsub',
);

export const SCRIPTS = words('eval evalsha');
/** From Redis 7.0 on. */
export const READING_SCRIPTS = words('eval_ro evalsha_ro');

export const SUBSCRIBE = words('subscribe unsubscribe');
export const SUBSCRIBE_SHARDED = words('ssubscribe sunsubscribe');
export const PUBLISH = words('publish');
export const PUBLISH_SHARDED = words('spublish');

/** What an instance writes of itself, and takes out of the index of its service. */
export const PRESENCE =
  words(`del exists expire get hdel hexists hlen hset hvals incr pexpire pttl sadd sdiff set
  smembers srem zadd zrangebyscore zrem`);
/** The hash of all instances, which Hydra 1.x reads, and the names of all services. */
export const NODES = words('hset');
export const DIRECTORY = words('sadd sismember smembers smismember srem');
export const REGISTRY_READ = words('exists get hlen hvals sismember smembers zcount zrangebyscore');
export const UPKEEP =
  words(`del exists get hdel hexists hkeys hlen hmget hset incr pexpire pttl sadd set sismember
  smembers smismember srem zadd zrangebyscore zrem`);

export const CONFIG_READ = words('get hexists hget hgetall hkeys lrange smembers');
export const CONFIG_WRITE = words('hdel hset incr llen lpush ltrim');
/** Beside that, of the service itself: what it says of its configuration, and when it was surveyed last. */
export const CONFIG_OWN = words('pexpire sadd set');

/** A log outlives its instance for a while; whoever is present sees to that. */
export const LOGS_KEEP = words('expire');
export const LOGS_WRITE = words('exec expire lpush ltrim multi');
/** The level that somebody asked for. */
export const LOGS_LEVEL = words('get');

export const QUEUE_ADD =
  words(`del exists get hdel hexists hget hgetall hkeys hlen hmget hrandfield hset hsetnx hvals lindex llen
  lpop lpos lpush lrange lrem lset persist pexpire pexpireat pttl rpop rpush set type unlink xadd xrange xrevrange zadd zcard
  zcount zmscore zrange zpopmin zrangebyscore zrank zrem zrevrange zscore`);
export const QUEUE_WORK = words(`blmove hscan lmove ltrim zpopmax`);

export const STREAM_PUBLISH = words('get set xadd xlen xtrim');
export const STREAM_READ = words(
  'exists get xinfo|consumers xinfo|groups xinfo|stream xlen xpending xrange xrevrange',
);
export const STREAM_CONSUME =
  words(`exists get incrby pexpire pttl set unlink xack xadd xclaim xdel xgroup|create
  xgroup|createconsumer xgroup|delconsumer xgroup|destroy xgroup|setid xreadgroup xtrim zadd zcard zrangebylex zrem`);
/** Putting a group back to an older place. */
export const STREAM_REPLAY = words('xsetid');

/** What the dashboard shows. */
export const SHOW =
  words(`exists get hexists hget hgetall hkeys hlen hmget hvals lindex llen lrange mget smembers type
  xinfo|consumers xinfo|groups xinfo|stream xlen xpending xrange xrevrange zcard zcount zmscore zrange zrangebyscore zrank
  zrevrange zscore`);
/** The command line, reading. */
export const READ_ALL = [...SHOW, ...words('hscan scard sismember')];
/** What is asked of the server itself; nothing of it changes anything. */
export const DIAGNOSE = words(
  `acl|whoami client|list cluster|info cluster|slots config|get scan slowlog|get`,
);
