import { HydraError } from '../../../lib/hydra-error.js';
import { isAway, isRefusedWith, redisError } from '../../../lib/redis/redis-error.js';
import { ScriptFailure } from '../../../lib/redis/script-failure.js';

/** An answer of Redis's as the driver hands it over. */
function reply(message: string, name = 'publish', args: readonly unknown[] = ['a channel', 'a text']): Error {
  return Object.assign(new Error(message), { name: 'ReplyError', command: { name, args: [...args] } });
}

const OLD_SCRIPT =
  'ERR Error running script (call to f_0a9f75e991483d02789696e4c90d26c10395863e): @user_script:1:';
const SCRIPT = 'script: 19d9e2e88dc235914d42f5285ee26b666ea442aa, on @user_script:1.';

describe('what Redis refuses', () => {
  it.each([
    ["OOM command not allowed when used memory > 'maxmemory'."],
    [`OOM command not allowed when used memory > 'maxmemory'. ${SCRIPT}`],
    ['ERR Error running script (call to f_1): @user_script:1: @user_script: 1: -OOM command not allowed'],
    ['NOREPLICAS Not enough good replicas to write.'],
    ["READONLY You can't write against a read only replica."],
    ['BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.'],
    ['LOADING Redis is loading the dataset in memory'],
    ["MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."],
    ['MISCONF Redis is configured to save RDB snapshots, but it is currently unable to persist on disk.'],
    ['TRYAGAIN Multiple keys request during rehashing of slot'],
    ['CLUSTERDOWN The cluster is down'],
    ['NOSCRIPT No matching script. Please use EVAL.'],
    ['ERR max number of clients reached'],
    ['WRONGPASS invalid username-password pair or user is disabled.'],
    ['NOAUTH Authentication required.'],
  ])('for now, was not done: %s', (message) => {
    const error = redisError('add a job', reply(message));
    expect(error).toBeInstanceOf(HydraError);
    expect(error).toMatchObject({ code: 'REDIS_UNAVAILABLE', retryable: true, mayHaveRun: false });
    expect(error.message).toContain(message);
  });

  it.each([
    ["NOPERM this user has no permissions to run the 'publish' command", false],
    ['NOPERM this user has no permissions to access one of the keys used as arguments', false],
    // Redis runs a script up to the command it refuses.
    [`ERR The user executing the script can't run this command or subcommand ${SCRIPT}`, true],
    [`ERR ACL failure in script: User bob has no permissions to run the 'set' command ${SCRIPT}`, true],
    // Before Redis 7.0.
    [
      `${OLD_SCRIPT} @user_script: 1: The user executing the script can't run this command or subcommand`,
      true,
    ],
  ])('for lack of rights is FORBIDDEN: %s', (message, mayHaveRun) => {
    const error = redisError('add a job', reply(message));
    expect(error).toMatchObject({ code: 'FORBIDDEN', retryable: false, mayHaveRun });
  });

  it.each([
    ["ERR unknown command 'LMOVE'", false],
    ['WRONGTYPE Operation against a key holding the wrong kind of value', false],
    [`WRONGTYPE Operation against a key holding the wrong kind of value ${SCRIPT}`, true],
    [`ERR user_script:1: attempt to perform arithmetic on a nil value ${SCRIPT}`, true],
    ['NOGROUP No such key s or consumer group g', false],
    ['SOMETHING of a later version', false],
  ])('otherwise is refused again: %s', (message, mayHaveRun) => {
    const error = redisError('add a job', reply(message));
    expect(error).toMatchObject({ code: 'REDIS_UNAVAILABLE', retryable: false, mayHaveRun });
  });

  it('on a node of a Cluster says how its Cluster is given', () => {
    const error = redisError('register', reply('MOVED 15717 127.0.0.1:7001', 'set', ['key', 'value']));
    expect(error).toMatchObject({ code: 'REDIS_UNAVAILABLE', retryable: false, mayHaveRun: false });
    expect(error.message).toContain('{ cluster: ');
  });

  it('names the command, and its channels or its key alone', () => {
    const refusal = 'NOPERM no';
    const of = (name: string, ...args: unknown[]) => redisError('x', reply(refusal, name, args)).message;
    expect(of('publish', 'channel', 'text')).toContain('refused PUBLISH channel: NOPERM');
    expect(of('subscribe', 'a', 'b')).toContain('refused SUBSCRIBE a, b: NOPERM');
    expect(of('subscribe', 'a', 'b', 'c', 'd', 'e', 'f')).toContain('a, b, c, d and 2 more');
    expect(of('ping')).toContain('refused PING: NOPERM');
  });

  it('names a script and its keys, and none of its arguments', () => {
    const cause = reply('NOPERM no', 'evalsha', ['19d9e2', '2', 'waiting', 'state', 'a job']);
    const error = redisError('add a job', new ScriptFailure('queue.addOne', cause));
    expect(error.message).toBe(
      '[FORBIDDEN] add a job: Redis refused script queue.addOne on waiting, state: NOPERM no',
    );
    expect(error.cause).toBe(cause);
  });

  it.each([
    ['auth', ['bob', 'hush']],
    ['hello', ['3', 'AUTH', 'bob', 'hush']],
  ])('keeps no password of an %s, in its message or beneath', (name, args) => {
    const error = redisError('connect', reply('WRONGPASS invalid username-password pair', name, args));
    const { command } = error.cause as { command?: unknown };
    expect(error.message + JSON.stringify(command)).not.toContain('hush');
  });
});

describe('a command without an answer', () => {
  it.each([
    ["Stream isn't writeable and enableOfflineQueue options is false"],
    ["Cluster isn't ready and enableOfflineQueue options is false"],
    ['None of startup nodes is available'],
    ['Failed to refresh slots cache.'],
    ['Too many Cluster redirections. Last error: ReplyError: TRYAGAIN Multiple keys request'],
  ])('was not carried out when it was not sent: %s', (message) => {
    const error = redisError('add a job', new Error(message));
    expect(error).toMatchObject({ code: 'REDIS_UNAVAILABLE', retryable: true, mayHaveRun: false });
  });

  it('was not carried out when nobody took the connection', () => {
    const cause = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    expect(redisError('add a job', cause)).toMatchObject({ retryable: true, mayHaveRun: false });
  });

  it.each([
    ['Reached the max retries per request limit (which is 0).'],
    ['Connection is closed.'],
    ['Command timed out'],
  ])('may have been carried out when it was sent: %s', (message) => {
    const error = redisError('add a job', new Error(message));
    expect(error).toMatchObject({ code: 'REDIS_UNAVAILABLE', retryable: true, mayHaveRun: true });
  });

  it('is not called lost when its answer could not be read', () => {
    const error = redisError('add a job', new TypeError('reply.map is not a function'));
    expect(error).toMatchObject({ code: 'REDIS_UNAVAILABLE', retryable: false, mayHaveRun: true });
    expect(error.message).toContain('reply.map is not a function');
  });

  it("keeps what is in hydra's words already, in a script too", () => {
    const error = new HydraError('CLOSED', 'closed');
    expect(redisError('add a job', error)).toBe(error);
    expect(redisError('add a job', new ScriptFailure('queue.addOne', error))).toBe(error);
  });
});

describe('the word of a refusal', () => {
  it('is found in the error and beneath it', () => {
    const cause = reply('NOGROUP No such key');
    expect(isRefusedWith('NOGROUP', cause)).toBe(true);
    expect(isRefusedWith('NOGROUP', redisError('read', cause))).toBe(true);
    expect(isRefusedWith('NOGROUP', new Error('NOGROUP'))).toBe(false);
  });

  it('says whether Redis is merely away', () => {
    expect(isAway(redisError('x', new Error('Connection is closed.')))).toBe(true);
    expect(isAway(redisError('x', reply('LOADING Redis is loading')))).toBe(true);
    expect(isAway(redisError('x', reply('NOAUTH Authentication required.')))).toBe(false);
    expect(isAway(redisError('x', reply('NOPERM no')))).toBe(false);
    expect(isAway(new Error('any'))).toBe(false);
  });
});

describe('the word of a refusal', () => {
  it.each([
    ['NOGROUP', 'NOGROUP No such key s or consumer group g'],
    ['NOGROUP', `${OLD_SCRIPT} NOGROUP No such key s or consumer group g`],
    ['OOM', `${OLD_SCRIPT} @user_script: 1: -OOM command not allowed when used memory > 'maxmemory'.`],
    ['READONLY', `READONLY You can't write against a read only replica. ${SCRIPT}`],
  ])('is %s in: %s', (word, message) => {
    expect(isRefusedWith(word, reply(message))).toBe(true);
    expect(isRefusedWith('BUSY', reply(message))).toBe(false);
  });
});
