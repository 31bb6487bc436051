import { createHash } from 'node:crypto';

import { formatDouble, formatPrecision } from '../protocol/numbers.js';
import { CommandError, type Reply } from '../protocol/reply.js';
import {
  CommandContext,
  type Command,
  type ScriptEngine,
  type ScriptRun,
} from '../server/command-context.js';
import { REDIS_VERSION } from '../commands/server.js';
import { decodeJson, encodeJson } from './json.js';
import { LUA_TYPES, type LuaLibrary } from './lua-library.js';
import { LuaMachine, NULL, Table, type HostFunction, type LuaInput } from './lua-machine.js';
import { LUA_PRELUDE } from './lua-prelude.js';
import { readHeader, type ScriptHeader } from './script-header.js';
import { luaToReply, replyToLua } from './script-replies.js';

const OOM = "OOM command not allowed when used memory > 'maxmemory'.";
const OOM_OF_SCRIPT =
  "OOM allow-oom flag is not set on the script, can not run it when used memory > 'maxmemory'";
/** Of real time: a script that never ends would hold up the whole process. */
const MAX_RUN_MS = 5_000;
const LINE = /^user_script:(\d+):/;
/** Where a function of the prelude calls one of Lua, which means nothing to a script. */
const PRELUDE_PLACE = /^prelude:\d+: /;
const VERSION_NUMBER = 0x0007000f;

interface Compiled {
  readonly reference: number;
  readonly header: ScriptHeader;
}

/** Scripts of one server. Their Lua is theirs: two servers in one process share no globals. */
export class LuaScripts implements ScriptEngine {
  private sourceBytes = 0;
  private readonly machine: LuaMachine;
  private readonly compiled = new Map<string, Compiled>();
  private readonly globals: number;
  private readonly environment: number;
  private current: ScriptRun | undefined;
  private ignoresOom = false;

  /** @param maxRunMs how long a script may run, in real time */
  constructor(
    lua: LuaLibrary,
    private readonly maxRunMs = MAX_RUN_MS,
  ) {
    this.machine = new LuaMachine(lua);
    const { machine } = this;
    if (!machine.compile(LUA_PRELUDE, '@prelude')) throw new Error(machine.string(-1));
    this.pushHost();
    if (!machine.call(1, 2)) throw new Error(machine.string(-1));
    this.environment = machine.keep();
    this.globals = machine.keep();
  }

  get usedBytes(): number {
    return this.sourceBytes;
  }

  get count(): number {
    return this.compiled.size;
  }

  load(source: string): string {
    const sha = shaOf(source);
    if (this.compiled.has(sha)) return sha;
    const { machine } = this;
    const header = readHeader(source);
    if (!machine.compile(source.slice(header.length), '@user_script')) {
      const reason = machine.string(-1);
      machine.pop(1);
      throw new CommandError(`ERR Error compiling script (new function): ${reason}`);
    }
    machine.pushKept(this.environment);
    machine.lua.lua_setupvalue(machine.state, -2, 1);
    this.compiled.set(sha, { reference: machine.keep(), header });
    this.sourceBytes += source.length * 2 + 400;
    return sha;
  }

  has(sha: string): boolean {
    return this.compiled.has(sha);
  }

  flush(): void {
    for (const { reference } of this.compiled.values()) this.machine.drop(reference);
    this.compiled.clear();
    this.sourceBytes = 0;
  }

  run(sha: string, run: ScriptRun): Reply {
    const compiled = this.compiled.get(sha);
    if (!compiled) throw new CommandError('NOSCRIPT No matching script. Please use EVAL.');
    const { header, reference } = compiled;
    refuse(header, run);
    const { machine } = this;
    const { lua, state } = machine;
    const top = machine.top;
    this.current = { ...run, isReadOnly: run.isReadOnly || header.isReadOnly };
    this.ignoresOom = header.allowsOom;
    try {
      this.setGlobal('KEYS', run.keys);
      this.setGlobal('ARGV', run.args);
      machine.pushKept(reference);
      if (machine.call(0, 1, this.maxRunMs)) return luaToReply(machine, -1);
      return this.failure(sha);
    } finally {
      this.current = undefined;
      lua.lua_settop(state, top);
    }
  }

  close(): void {
    this.machine.close();
  }

  private setGlobal(name: string, values: readonly string[]): void {
    const { machine } = this;
    machine.pushKept(this.globals);
    machine.pushString(name);
    machine.push(values);
    machine.lua.lua_rawset(machine.state, -3);
    machine.pop(1);
  }

  /** What it threw, with where that was. */
  private failure(sha: string): CommandError {
    const { machine } = this;
    const where = `script: ${sha}, on @user_script:`;
    if (machine.typeOf(-1) !== LUA_TYPES.table) {
      const text =
        machine.typeOf(-1) === LUA_TYPES.string ? machine.string(-1) : '(error object is not a string)';
      return new CommandError(`ERR ${text.replace(PRELUDE_PLACE, '')} ${where}${LINE.exec(text)?.[1] ?? 1}.`);
    }
    const thrown = machine.top;
    const text = machine.pushField(thrown, 'err') ? machine.string(-1) : 'ERR unknown error';
    const line = machine.pushField(thrown, 'line') ? machine.string(-1) : '1';
    return new CommandError(`${text} ${where}${line}.`);
  }

  private pushHost(): void {
    const { machine } = this;
    const { lua, state } = machine;
    const functions: Record<string, HostFunction> = {
      call: () => this.call(true),
      pcall: () => this.call(false),
      acl_check_cmd: () => this.checkAccess(),
      sha1hex: () => this.ofOne(() => this.answer(shaOf(machine.string(1)))),
      random: () => this.randomNumber(),
      encode: () => this.ofOne(() => this.guarded(() => encodeJson(machine, 1))),
      decode: () => this.ofOne(() => this.decode()),
    };
    lua.lua_createtable(state, 0, 12);
    for (const [name, host] of Object.entries(functions)) {
      machine.pushString(name);
      machine.pushFunction(host);
      lua.lua_rawset(state, -3);
    }
    for (const [name, value] of [
      ['null', NULL],
      ['version', REDIS_VERSION],
      ['version_num', VERSION_NUMBER],
    ] as const) {
      machine.pushString(name);
      machine.push(value);
      lua.lua_rawset(state, -3);
    }
  }

  /** A function that takes one argument, no more and no less. */
  private ofOne(run: () => number): number {
    return this.machine.top === 1 ? run() : this.machine.throwText('wrong number of arguments');
  }

  private answer(text: string): number {
    this.machine.pushString(text);
    return 1;
  }

  private guarded(work: () => string): number {
    let text: string;
    try {
      text = work();
    } catch (error) {
      this.machine.throwText((error as Error).message);
    }
    return this.answer(text);
  }

  private decode(): number {
    const { machine } = this;
    machine.push(this.decoded());
    return 1;
  }

  private decoded(): LuaInput {
    const { machine } = this;
    if (machine.typeOf(1) === LUA_TYPES.nil)
      return machine.throwText("bad argument #1 to 'decode' (string expected, got nil)");
    try {
      return decodeJson(machine.string(1));
    } catch (error) {
      return machine.throwText(`Expected value but found invalid token: ${(error as Error).message}`);
    }
  }

  private randomNumber(): number {
    const { machine } = this;
    const draw = this.current!.context.server.random.float();
    if (machine.top === 0) machine.lua.lua_pushnumber(machine.state, draw);
    else {
      const [from, to] = machine.top === 1 ? [1, machine.number(1)] : [machine.number(1), machine.number(2)];
      machine.pushNumber(Math.floor(from + draw * (to - from + 1)));
    }
    return 1;
  }

  /** redis.call throws an error with its place; redis.pcall returns it. */
  private call(throws: boolean): number {
    const { machine } = this;
    const argv = this.arguments();
    const reply = typeof argv === 'string' ? new CommandError(argv) : this.execute(argv);
    machine.lua.lua_settop(machine.state, 0);
    if (!throws || !(reply instanceof CommandError)) {
      machine.push(replyToLua(reply));
      return 1;
    }
    return this.raise(reply);
  }

  /** Ends the script with an error that names the line of the call. */
  private raise(reply: CommandError): number {
    const { machine } = this;
    machine.lua.lua_settop(machine.state, 0);
    const line = LINE.exec(machine.whereCalled())?.[1] ?? '1';
    const fields = { err: reply.text, source: '@user_script', line };
    machine.push(new Table(Object.entries(fields)));
    return machine.throw();
  }

  private arguments(): string[] | string {
    const { machine } = this;
    const count = machine.top;
    if (count === 0) return 'ERR Please specify at least one argument for this redis lib call';
    const argv: string[] = [];
    for (let at = 1; at <= count; at++) {
      const type = machine.typeOf(at);
      if (type === LUA_TYPES.number) argv.push(numberText(machine.number(at)));
      else if (type === LUA_TYPES.string) argv.push(machine.string(at));
      else return 'ERR Lua redis lib command arguments must be strings or integers';
    }
    return argv;
  }

  private execute(argv: readonly string[]): Reply {
    const { context, isReadOnly } = this.current!;
    const { server, session } = context;
    const command = this.find(argv);
    if (command instanceof CommandError) return command;
    const denial = session.state.user?.rules.denialOf(command, argv);
    if (denial) return new CommandError(`ERR ${DENIALS[denial]}`);
    const writes = command.flags.has('write');
    if (writes && isReadOnly)
      return new CommandError('ERR Write commands are not allowed from read-only scripts.');
    if (server.isFull && !this.ignoresOom && command.flags.has('denyoom')) return new CommandError(OOM);
    // What has begun to write may go on.
    if (writes) this.ignoresOom = true;
    return server.run(command, new CommandContext(server, session, 'script'), argv);
  }

  /** What a script may run: the rights of users are another matter. */
  private find(argv: readonly string[]): Command | CommandError {
    const command = this.known(argv);
    if (command instanceof CommandError || !command.flags.has('noscript')) return command;
    return new CommandError('ERR This Redis command is not allowed from script');
  }

  private known(argv: readonly string[]): Command | CommandError {
    try {
      return this.current!.context.server.commands.find(argv);
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      const isArity = error.text.startsWith('ERR wrong number');
      return new CommandError(
        isArity
          ? 'ERR Wrong number of args calling Redis command from script'
          : 'ERR Unknown Redis command called from script',
      );
    }
  }

  private checkAccess(): number {
    const { machine } = this;
    const argv = this.arguments();
    if (typeof argv === 'string') return this.raise(new CommandError(argv));
    const { session, server } = this.current!.context;
    // Whatever its arguments: it is not run.
    const command = server.commands.lookUp(argv);
    machine.push(command !== undefined && session.state.user?.rules.denialOf(command, argv) === undefined);
    return 1;
  }
}

const DENIALS = {
  command: "The user executing the script can't run this command or subcommand",
  key: "The user executing the script can't access at least one of the keys mentioned in the command arguments",
  channel: "The user executing the script can't publish to the channel mentioned in the command",
} as const;

function numberText(value: number): string {
  return Number.isInteger(value) ? formatDouble(value) : formatPrecision(value, 17);
}

function shaOf(source: string): string {
  return createHash('sha1').update(source, 'latin1').digest('hex');
}

/** What Redis asks of a script with a header before it runs. */
function refuse({ isThere, isReadOnly, allowsOom }: ScriptHeader, run: ScriptRun): void {
  if (!isThere) return;
  if (run.isReadOnly && !isReadOnly)
    throw new CommandError('ERR Can not execute a script with write flag using *_ro command.');
  if (run.context.server.isFull && !allowsOom) throw new CommandError(OOM_OF_SCRIPT);
}
