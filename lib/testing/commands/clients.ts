import { integer, parseInteger } from '../protocol/numbers.js';
import { CommandError, OK, syntaxError, VerbatimReply, type Reply } from '../protocol/reply.js';
import type { CommandContext, CommandFamily } from '../server/command-context.js';
import type { Session } from '../server/session.js';
import { checkName } from './connection.js';
import { OptionReader } from './option-reader.js';

export const clientCommands: CommandFamily = {
  'client|id': ({ session }) => session.id,
  'client|getname': ({ session }) => (session.state.name === '' ? null : session.state.name),
  'client|info': (context) => new VerbatimReply(`${lineOf(context, context.session)}\n`),

  'client|setname'({ session }, [name]) {
    session.state.name = checkName(name!);
    return OK;
  },

  'client|list'(context, words) {
    const sessions = [...context.server.sessions];
    const [option, ...rest] = words;
    if (option === undefined) return linesOf(context, sessions);
    if (option.toLowerCase() === 'type' && rest.length === 1) {
      const type = typeName(rest[0]!);
      return linesOf(
        context,
        sessions.filter((session) => typeOf(session) === type),
      );
    }
    if (option.toLowerCase() !== 'id' || rest.length === 0) throw syntaxError();
    const ids = rest.map((id) => integer(id, 'ERR Invalid client ID'));
    return linesOf(
      context,
      sessions.filter(({ id }) => ids.includes(id)),
    );
  },

  'client|kill'(context, words) {
    if (words.length === 1) return killByAddress(context, words[0]!);
    const { tests, skipsMe } = readKillFilters(words);
    const killed = [...context.server.sessions].filter(
      (session) => tests.every((test) => test(session)) && !(skipsMe && session === context.session),
    );
    for (const session of killed) kill(context, session);
    return killed.length;
  },

  'client|unblock'({ server }, [idText, how = 'timeout']) {
    const id = integer(idText!);
    if (!/^(timeout|error)$/i.test(how))
      throw new CommandError('ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR');
    const session = [...server.sessions].find((one) => one.id === id);
    return Number(session ? server.blocked.unblock(session, how.toLowerCase() === 'error') : false);
  },

  'client|no-evict': () => OK,
  'client|reply': () => OK,
};

function linesOf(context: CommandContext, sessions: readonly Session[]): Reply {
  return new VerbatimReply(sessions.map((session) => `${lineOf(context, session)}\n`).join(''));
}

function lineOf({ server, now }: CommandContext, session: Session): string {
  const { channels, patterns } = session;
  const { transaction } = session.state;
  const fields = {
    id: session.id,
    addr: session.wire.address,
    laddr: '127.0.0.1:6379',
    fd: session.id + 7,
    name: session.state.name,
    age: Math.floor((now - session.connectedAt) / 1_000),
    idle: 0,
    flags: flagsOf(session),
    db: session.state.database,
    sub: channels.size,
    psub: patterns.size,
    ssub: 0,
    multi: transaction ? transaction.commands.length : -1,
    qbuf: 0,
    'qbuf-free': 0,
    'argv-mem': 0,
    'multi-mem': 0,
    rbs: 1024,
    rbp: 0,
    obl: 0,
    oll: 0,
    omem: 0,
    'tot-mem': 1_800,
    events: 'r',
    cmd: session.state.lastCommand,
    user: session.state.user?.name ?? server.users.byDefault.name,
    redir: -1,
    resp: session.state.version,
  };
  return Object.entries(fields)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
}

function flagsOf(session: Session): string {
  if (session.state.isBlocked) return 'b';
  if (session.state.transaction) return 'x';
  return session.isSubscriber ? 'P' : 'N';
}

function typeOf(session: Session): string {
  return session.isSubscriber ? 'pubsub' : 'normal';
}

function typeName(text: string): string {
  const type = text.toLowerCase();
  if (!['normal', 'pubsub', 'master', 'replica', 'slave'].includes(type))
    throw new CommandError(`ERR Unknown client type '${text}'`);
  return type;
}

type Test = (session: Session) => boolean;

function readKillFilters(words: readonly string[]): { tests: readonly Test[]; skipsMe: boolean } {
  const reader = new OptionReader(words);
  const tests: Test[] = [];
  let skipsMe = true;
  while (!reader.isDone) {
    const name = reader.name();
    const value = reader.value();
    if (name === 'skipme') skipsMe = value.toLowerCase() !== 'no';
    else tests.push(killTest(name, value));
  }
  return { tests, skipsMe };
}

function killTest(name: string, value: string): Test {
  if (name === 'id') {
    const id = parseInteger(value);
    if (id === undefined || id < 1) throw new CommandError('ERR client-id should be greater than 0');
    return (session) => session.id === id;
  }
  if (name === 'type') {
    const type = typeName(value);
    return (session) => typeOf(session) === type;
  }
  if (name === 'addr') return ({ wire }) => wire.address === value;
  if (name === 'user') return ({ state }) => state.user?.name === value;
  throw syntaxError();
}

function killByAddress(context: CommandContext, address: string): Reply {
  const session = [...context.server.sessions].find(({ wire }) => wire.address === address);
  if (!session) throw new CommandError('ERR No such client');
  kill(context, session);
  return OK;
}

/** Its own connection gets the answer first. */
function kill({ server, session: own }: CommandContext, session: Session): void {
  if (session === own) queueMicrotask(() => server.disconnect(session));
  else server.disconnect(session);
}
