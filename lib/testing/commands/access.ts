import { CommandError, OK, type Reply } from '../protocol/reply.js';
import type { CommandFamily, CommandHost } from '../server/command-context.js';
import { keysOf } from '../server/command-keys.js';
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

  'acl|dryrun'({ server }, [name, ...argv]) {
    const user = server.users.get(name!);
    if (!user) throw new CommandError(`ERR User '${name}' not found`);
    if (!server.commands.commands.has(argv[0]!.toLowerCase()) && !isGroup(server, argv[0]!))
      throw new CommandError(`ERR Command '${argv[0]}' not found`);
    const command = server.commands.find(argv);
    const denial = user.rules.denialOf(command, argv);
    if (!denial) return OK;
    if (denial === 'command') return `This user has no permissions to run the '${command.name}' command`;
    const place =
      denial === 'channel' ? argv[1] : keysOf(command, argv).find((key) => !user.rules.knowsKey(key));
    return `This user has no permissions to access the '${place ?? keysOf(command, argv)[0]}' ${denial}`;
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

/** A command that has nothing but subcommands. */
function isGroup(server: CommandHost, name: string): boolean {
  return [...server.commands.commands.keys()].some((known) => known.startsWith(`${name.toLowerCase()}|`));
}

function describe(user: User): Reply {
  const flags = [user.isEnabled ? 'on' : 'off', ...(user.hasNoPassword ? ['nopass'] : [])];
  return new MapReply([
    ['flags', flags],
    ['passwords', [...user.passwords]],
    ['commands', user.rules.commandRules],
    ['keys', user.rules.keyRules],
    ['channels', user.rules.channelRules],
    [
      'selectors',
      user.rules.selectors.map(
        ({ commandRules, keyRules, channelRules }) =>
          new MapReply([
            ['commands', commandRules],
            ['keys', keyRules],
            ['channels', channelRules],
          ]),
      ),
    ],
  ]);
}
