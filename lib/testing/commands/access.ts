import { CommandError, OK, type Reply } from '../protocol/reply.js';
import type { CommandFamily } from '../server/command-context.js';
import type { User } from '../server/users.js';
import { MapReply } from '../protocol/reply.js';

export const accessCommands: CommandFamily = {
  'acl|setuser'({ server }, [name, ...rules]) {
    const user = server.users.open(name!);
    for (const rule of rules) user.apply(rule);
    return OK;
  },

  'acl|deluser'({ server }, names) {
    const gone = names.filter((name) => server.users.delete(name));
    for (const session of [...server.sessions]) {
      if (session.state.user && gone.includes(session.state.user.name)) server.disconnect(session);
    }
    return gone.length;
  },

  'acl|list': ({ server }) => server.users.all.map((user) => user.describe()),
  'acl|users': ({ server }) => server.users.all.map(({ name }) => name),
  'acl|whoami': ({ session }) => session.state.user?.name ?? 'default',
  'acl|log': (_, [option]) => (option?.toLowerCase() === 'reset' ? OK : []),

  'acl|getuser'({ server }, [name]) {
    const user = server.users.get(name!);
    return user ? describe(user) : null;
  },

  'acl|cat'({ server }, [category]) {
    const all = [...server.commands.commands.values()];
    if (category === undefined) return [...new Set(all.flatMap(({ categories }) => [...categories]))];
    const fitting = all.filter(({ categories }) => categories.has(category.toLowerCase()));
    if (fitting.length === 0) throw new CommandError(`ERR Unknown category '${category}'`);
    return fitting.map(({ name }) => name);
  },
};

function describe(user: User): Reply {
  const flags = [user.isEnabled ? 'on' : 'off', ...(user.hasNoPassword ? ['nopass'] : [])];
  return new MapReply([
    ['flags', flags],
    ['passwords', [...user.passwords]],
    ['commands', user.rules.commandRules],
    ['keys', user.rules.keyRules],
    ['channels', user.rules.channelRules],
    ['selectors', []],
  ]);
}
