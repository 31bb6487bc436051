import { integer, parseInteger } from '../protocol/numbers.js';
import { CommandError, MapReply, OK, Status, syntaxError } from '../protocol/reply.js';
import type { CommandContext, CommandFamily } from '../server/command-context.js';
import { endTransaction } from './transactions.js';
import { OptionReader } from './option-reader.js';
import { REDIS_VERSION } from './server.js';

export const connectionCommands: CommandFamily = {
  ping({ session }, [text, ...more]) {
    if (more.length > 0) throw new CommandError("ERR wrong number of arguments for 'ping' command");
    if (session.isSubscriber && session.state.version === 2) return ['pong', text ?? ''];
    return text ?? new Status('PONG');
  },

  echo: (_, [text]) => text!,

  quit({ session }) {
    queueMicrotask(() => session.wire.end());
    return OK;
  },

  monitor({ server, session }) {
    server.monitors.add(session);
    return OK;
  },

  select({ session }, [text]) {
    const index = parseInteger(text!);
    if (index === undefined) throw new CommandError('ERR invalid DB index');
    if (index < 0 || index > 15) throw new CommandError('ERR DB index is out of range');
    session.state.database = index;
    return OK;
  },

  auth(context, args) {
    if (args.length > 2) throw syntaxError();
    const [name, password] = args.length === 2 ? args : ['default', args[0]];
    const { users } = context.server;
    if (args.length === 1 && users.byDefault.hasNoPassword) {
      throw new CommandError(
        'ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?',
      );
    }
    context.session.state.user = users.authenticate(name, password!);
    return OK;
  },

  hello(context, [version, ...words]) {
    const { session } = context;
    if (version !== undefined) greet(context, version, words);
    if (!session.state.user) {
      throw new CommandError(
        'NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time',
      );
    }
    if (version !== undefined) session.state.version = version === '3' ? 3 : 2;
    return new MapReply([
      ['server', 'redis'],
      ['version', REDIS_VERSION],
      ['proto', session.state.version],
      ['id', session.id],
      ['mode', 'standalone'],
      ['role', 'master'],
      ['modules', []],
    ]);
  },

  reset(context) {
    const { server, session } = context;
    endTransaction(context);
    server.pubSub.forget(session);
    session.state.database = 0;
    session.state.version = 2;
    session.state.name = '';
    session.state.user = server.users.byDefault.hasNoPassword ? server.users.byDefault : undefined;
    return new Status('RESET');
  },

  wait(_, [replicas, timeout]) {
    integer(replicas!);
    integer(timeout!);
    return 0;
  },
};

function greet({ server, session }: CommandContext, version: string, words: readonly string[]): void {
  const number = parseInteger(version);
  if (number === undefined) throw new CommandError('ERR Protocol version is not an integer or out of range');
  if (number !== 2 && number !== 3) throw new CommandError('NOPROTO unsupported protocol version');
  const reader = new OptionReader(words);
  while (!reader.isDone) {
    const given = reader.peek()!;
    const name = reader.name();
    if (name === 'auth') session.state.user = server.users.authenticate(reader.value(), reader.value());
    else if (name === 'setname') session.state.name = checkName(reader.value());
    else throw new CommandError(`ERR Syntax error in HELLO option '${given}'`);
  }
}

export function checkName(name: string): string {
  if (/^[!-~]*$/.test(name)) return name;
  throw new CommandError('ERR Client names cannot contain spaces, newlines or special characters.');
}
