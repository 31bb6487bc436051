import { CommandError, NULL_ARRAY, OK, type Reply } from '../protocol/reply.js';
import { CommandContext, type CommandFamily } from '../server/command-context.js';

export const transactionCommands: CommandFamily = {
  multi({ session }) {
    if (session.state.transaction) throw new CommandError('ERR MULTI calls can not be nested');
    session.state.transaction = { commands: [], isBroken: false, needsMemory: false };
    return OK;
  },

  exec(context) {
    const { session } = context;
    const { transaction, isStale } = session.state;
    if (!transaction) throw new CommandError('ERR EXEC without MULTI');
    endTransaction(context);
    if (transaction.isBroken)
      throw new CommandError('EXECABORT Transaction discarded because of previous errors.');
    return isStale ? NULL_ARRAY : transaction.commands.map((argv) => runOne(context, argv));
  },

  discard(context) {
    if (!context.session.state.transaction) throw new CommandError('ERR DISCARD without MULTI');
    endTransaction(context);
    return OK;
  },

  watch({ server, session, database }, keys) {
    if (session.state.transaction) throw new CommandError('ERR WATCH inside MULTI is not allowed');
    for (const key of keys) server.watches.watch(session, database, key);
    return OK;
  },

  unwatch({ server, session }) {
    server.watches.forget(session);
    return OK;
  },
};

export function endTransaction({ server, session }: CommandContext): void {
  session.state.transaction = undefined;
  server.watches.forget(session);
}

function runOne({ server, session }: CommandContext, argv: readonly string[]): Reply {
  const command = server.commands.find(argv);
  return server.run(command, new CommandContext(server, session, 'transaction'), argv);
}
