import { CommandError, wrongArity } from '../protocol/reply.js';
import type { Command, CommandFamily, KnownCommands } from './command-context.js';
import { COMMAND_FACTS, type CommandFacts } from './command-facts.js';

/** All commands that the server knows, found by what a client sends. */
export class CommandTable implements KnownCommands {
  readonly commands = new Map<string, Command>();
  private readonly containers = new Set<string>();

  constructor(families: readonly CommandFamily[]) {
    const handlers = new Map(families.flatMap((family) => Object.entries(family)));
    for (const facts of parseFacts(COMMAND_FACTS)) {
      const run = handlers.get(facts.name);
      if (!run) throw new Error(`no handler for ${facts.name}`);
      const words = facts.name.split('|').length;
      this.commands.set(facts.name, { ...facts, run, words });
      if (words === 2) this.containers.add(facts.name.slice(0, facts.name.indexOf('|')));
    }
  }

  /** @throws CommandError where there is none, or its arguments are too many or too few */
  find(argv: readonly string[]): Command {
    const name = argv[0]!.toLowerCase();
    if (this.containers.has(name) && argv.length > 1) return this.findSubcommand(name, argv);
    const command = this.commands.get(name);
    if (!command) {
      if (this.containers.has(name)) throw wrongArity(name);
      throw unknownCommand(argv);
    }
    if (!takesArguments(command, argv.length)) throw wrongArity(name);
    return command;
  }

  /** The same, whatever its arguments; undefined where there is none. */
  lookUp([name = '', ...args]: readonly string[]): Command | undefined {
    const full = name.toLowerCase();
    const isContainer = this.containers.has(full) && args.length > 0;
    return this.commands.get(isContainer ? `${full}|${args[0]!.toLowerCase()}` : full);
  }

  /** Whether there is such a command, or commands below it. */
  isName(name: string): boolean {
    return this.commands.has(name) || this.containers.has(name);
  }

  private findSubcommand(name: string, argv: readonly string[]): Command {
    const full = `${name}|${argv[1]!.toLowerCase()}`;
    const command = this.commands.get(full);
    if (!command) {
      const text = `ERR unknown subcommand '${argv[1]!.slice(0, 128)}'. Try ${name.toUpperCase()} HELP.`;
      throw new CommandError(text);
    }
    if (!takesArguments(command, argv.length)) throw wrongArity(full);
    return command;
  }
}

function parseFacts(text: string): CommandFacts[] {
  return text
    .trim()
    .split('\n')
    .map((line) => {
      const [name = '', arity, flags = '', firstKey, lastKey, keyStep, categories = ''] = line
        .trim()
        .split(' ');
      return {
        name,
        arity: Number(arity),
        flags: setOf(flags),
        firstKey: Number(firstKey),
        lastKey: Number(lastKey),
        keyStep: Number(keyStep),
        categories: setOf(categories),
      };
    });
}

function unknownCommand([name, ...args]: readonly string[]): CommandError {
  let shown = '';
  for (const argument of args) {
    if (shown.length >= 128) break;
    shown += `'${argument.slice(0, 128 - shown.length)}' `;
  }
  return new CommandError(`ERR unknown command '${name!.slice(0, 128)}', with args beginning with: ${shown}`);
}

function takesArguments({ arity }: CommandFacts, count: number): boolean {
  return arity >= 0 ? count === arity : count >= -arity;
}

function setOf(words: string): ReadonlySet<string> {
  return new Set(words === '-' ? [] : words.split(','));
}
