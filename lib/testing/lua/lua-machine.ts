import { runInThisContext } from 'node:vm';

import { LUA_TYPES, REGISTRY, type LuaLibrary, type LuaState } from './lua-library.js';

/** A value on its way into Lua: what JSON has, bytes as strings (Latin-1), and tables with keys. */
export type LuaInput = null | boolean | number | string | readonly LuaInput[] | Table | typeof NULL;

/** A table with named fields. */
export class Table {
  constructor(readonly fields: readonly (readonly [string | number, LuaInput])[]) {}
}

/** `cjson.null` */
export const NULL = Symbol('cjson.null');

/** What Lua code calls; it leaves its results on the stack and says how many. */
export type HostFunction = (machine: LuaMachine) => number;

/** How many instructions run between two looks at the time, and the hook's kind. */
const LOOK_EVERY = 1_000_000;
const COUNT_HOOK = 8;

/** One Lua, by its C functions: values go over its stack. */
export class LuaMachine {
  readonly state: LuaState;
  private readonly lengthAt: number;
  private buffer = 0;
  private bufferBytes = 0;
  private heap = Buffer.alloc(0);
  private bytes: Uint8Array | undefined;
  private readonly hook: number;
  private limitMs = Infinity;
  private startedAt = 0;
  private isLate = false;

  constructor(readonly lua: LuaLibrary) {
    this.state = newState(lua);
    this.lengthAt = lua.module._malloc(8);
    this.hook = lua.module.addFunction(() => this.look(), 'vii');
    this.lookEvery(LOOK_EVERY);
  }

  get top(): number {
    return this.lua.lua_gettop(this.state);
  }

  pop(count: number): void {
    this.lua.lua_settop(this.state, -count - 1);
  }

  typeOf(index: number): number {
    return this.lua.lua_type(this.state, index);
  }

  /** Whether it is Lua; what it is then, or the reason why not, is on the stack. */
  compile(source: string, name: string): boolean {
    const { module } = this.lua;
    const nameAt = module._malloc(name.length + 1);
    this.memory.write(`${name}\0`, nameAt, 'latin1');
    const at = this.write(source);
    const code = module._luaL_loadbufferx(this.state, at, source.length, nameAt, 0);
    module._free(nameAt);
    return code === 0;
  }

  /**
   * Whether it ended well; its result, or what it threw, is on the stack.
   *
   * @param limitMs after which it is ended @defaultValue none
   */
  call(args: number, results: number, limitMs = Infinity): boolean {
    this.limitMs = limitMs;
    if (limitMs !== Infinity) this.startedAt = performance.now();
    const isWell = this.lua.lua_pcallk(this.state, args, results, 0, 0, null) === 0;
    if (this.isLate) this.lookEvery(LOOK_EVERY);
    this.isLate = false;
    return isWell;
  }

  /** Keeps what is on the stack, to be pushed again. */
  keep(): number {
    return this.lua.luaL_ref(this.state, REGISTRY);
  }

  pushKept(reference: number): void {
    this.lua.lua_rawgeti(this.state, REGISTRY, BigInt(reference));
  }

  drop(reference: number): void {
    this.lua.luaL_unref(this.state, REGISTRY, reference);
  }

  string(index: number): string {
    const { module } = this.lua;
    const at = module._lua_tolstring(this.state, index, this.lengthAt);
    const length = module.HEAPU32[this.lengthAt >> 2]!;
    return this.memory.toString('latin1', at, at + length);
  }

  number(index: number): number {
    return this.lua.lua_tonumberx(this.state, index, null);
  }

  boolean(index: number): boolean {
    return this.lua.lua_toboolean(this.state, index) !== 0;
  }

  pushString(text: string): void {
    this.lua.module._lua_pushlstring(this.state, this.write(text), text.length);
  }

  /** What Lua 5.1 has one type for: integers where there is no fraction, as those are printed alike. */
  pushNumber(value: number): void {
    if (Number.isSafeInteger(value) && !Object.is(value, -0))
      this.lua.lua_pushinteger(this.state, BigInt(value));
    else this.lua.lua_pushnumber(this.state, value);
  }

  push(value: LuaInput): void {
    const { lua, state } = this;
    if (typeof value === 'string') this.pushString(value);
    else if (typeof value === 'number') this.pushNumber(value);
    else if (typeof value === 'boolean') lua.lua_pushboolean(state, Number(value));
    else if (value === null) lua.lua_pushnil(state);
    else if (value === NULL) lua.lua_pushlightuserdata(state, null);
    else this.pushTable(value);
  }

  pushFunction(host: HostFunction): void {
    const pointer = this.lua.module.addFunction(() => host(this), 'ii');
    this.lua.lua_pushcclosure(this.state, pointer, 0);
  }

  /** The place of who called a host function, as `name:line: `. */
  whereCalled(): string {
    this.lua.luaL_where(this.state, 1);
    const place = this.string(-1);
    this.pop(1);
    return place;
  }

  /** Throws what is on the stack, in Lua. */
  throw(): never {
    this.lua.lua_error(this.state);
    throw new Error('lua_error returned');
  }

  /** Throws a text in Lua, with the place of who called. */
  throwText(text: string): never {
    this.lua.luaL_where(this.state, 1);
    this.pushString(text);
    this.lua.lua_concat(this.state, 2);
    this.throw();
  }

  /** With each of the items 1… of a table on the stack, up to the first that is nil. */
  eachItem(table: number, visit: () => void): void {
    const { lua, state } = this;
    for (let at = 1n; lua.lua_rawgeti(state, table, at) !== LUA_TYPES.nil; at++) {
      visit();
      this.pop(1);
    }
    this.pop(1);
  }

  /** A field of a table, on the stack; whether it is there. */
  pushField(index: number, name: string): boolean {
    const table = index < 0 ? this.top + index + 1 : index;
    this.lua.lua_pushnil(this.state);
    while (this.lua.lua_next(this.state, table) !== 0) {
      if (this.typeOf(-2) === LUA_TYPES.string && this.string(-2) === name) {
        const value = this.top;
        this.lua.lua_pushvalue(this.state, value);
        return true;
      }
      this.pop(1);
    }
    this.lua.lua_pushnil(this.state);
    return false;
  }

  close(): void {
    this.lua.lua_close(this.state);
  }

  /** From here on each instruction fails: what the script catches does not save it. */
  private look(): void {
    if (this.limitMs === Infinity || performance.now() - this.startedAt < this.limitMs) return;
    if (!this.isLate) this.lookEvery(1);
    this.isLate = true;
    this.throwText(`the script ran longer than ${this.limitMs} ms, and nobody else is served meanwhile`);
  }

  private lookEvery(instructions: number): void {
    this.lua.lua_sethook(this.state, this.hook, COUNT_HOOK, instructions);
  }

  private pushTable(value: readonly LuaInput[] | Table): void {
    const { lua, state } = this;
    lua.lua_checkstack(state, 8);
    if (value instanceof Table) {
      lua.lua_createtable(state, 0, value.fields.length);
      for (const [name, field] of value.fields) {
        this.push(name);
        this.push(field);
        lua.lua_rawset(state, -3);
      }
      return;
    }
    const items = value;
    lua.lua_createtable(state, items.length, 0);
    for (const [at, item] of items.entries()) {
      this.push(item);
      lua.lua_rawseti(state, -2, BigInt(at + 1));
    }
  }

  /** The address of a text, valid until the next is written. */
  private write(text: string): number {
    if (text.length >= this.bufferBytes) {
      this.lua.module._free(this.buffer);
      this.bufferBytes = Math.max(4_096, text.length * 2);
      this.buffer = this.lua.module._malloc(this.bufferBytes);
    }
    this.memory.write(text, this.buffer, 'latin1');
    return this.buffer;
  }

  /** Lua's memory moves when it grows. */
  private get memory(): Buffer {
    const { HEAPU8 } = this.lua.module;
    if (this.bytes !== HEAPU8) this.heap = Buffer.from(HEAPU8.buffer as ArrayBuffer);
    this.bytes = HEAPU8;
    return this.heap;
  }
}

/** Lua takes the seeds of its tables and of its randomness from the time; here they must be the same in every run. */
function newState(lua: LuaLibrary): LuaState {
  return atTimeZero(clocks(), () => {
    const state = lua.luaL_newstate();
    lua.luaL_openlibs(state);
    return state;
  });
}

/** The clock of this code and the one of Node itself: under jest they differ, and either may be Lua's (`findLua`). */
function clocks(): readonly DateConstructor[] {
  return [Date, runInThisContext('Date') as DateConstructor];
}

function atTimeZero<T>([clock, ...others]: readonly DateConstructor[], run: () => T): T {
  if (clock === undefined) return run();
  const { now } = clock;
  clock.now = () => 0;
  try {
    return atTimeZero(others, run);
  } finally {
    clock.now = now;
  }
}
