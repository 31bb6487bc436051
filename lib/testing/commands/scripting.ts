import { integer } from '../protocol/numbers.js';
import { CommandError, OK, type Reply } from '../protocol/reply.js';
import type { CommandContext, CommandFamily } from '../server/command-context.js';

export const scriptingCommands: CommandFamily = {
  eval: (context, [source, ...rest]) =>
    evaluate(context, () => context.server.scripts.load(source!), rest, false),
  eval_ro: (context, [source, ...rest]) =>
    evaluate(context, () => context.server.scripts.load(source!), rest, true),
  evalsha: (context, [sha, ...rest]) => evaluate(context, () => sha!.toLowerCase(), rest, false),
  evalsha_ro: (context, [sha, ...rest]) => evaluate(context, () => sha!.toLowerCase(), rest, true),

  'script|load': ({ server }, [source]) => server.scripts.load(source!),
  'script|exists': ({ server }, shas) => shas.map((sha) => Number(server.scripts.has(sha.toLowerCase()))),

  'script|flush'({ server }) {
    server.scripts.flush();
    return OK;
  },

  'script|kill'() {
    throw new CommandError('NOTBUSY No scripts in execution right now.');
  },
};

function evaluate(
  context: CommandContext,
  shaOf: () => string,
  [numKeys, ...rest]: readonly string[],
  isReadOnly: boolean,
): Reply {
  const count = integer(numKeys!);
  if (count > rest.length) throw new CommandError("ERR Number of keys can't be greater than number of args");
  if (count < 0) throw new CommandError("ERR Number of keys can't be negative");
  return context.server.scripts.run(shaOf(), {
    context,
    keys: rest.slice(0, count),
    args: rest.slice(count),
    isReadOnly,
  });
}
