import { join } from 'node:path';
import { constants, runInThisContext } from 'node:vm';

import { HydraError } from '../../hydra-error.js';

/** The part of `wasmoon`'s Lua that is used here: Lua's own C functions. Strings go in and out as addresses. */
export interface LuaLibrary {
  readonly module: LuaModule;
  luaL_newstate(): LuaState;
  luaL_openlibs(state: LuaState): void;
  lua_close(state: LuaState): void;
  lua_gettop(state: LuaState): number;
  lua_settop(state: LuaState, top: number): void;
  lua_type(state: LuaState, index: number): number;
  lua_pushvalue(state: LuaState, index: number): void;
  lua_rawgeti(state: LuaState, index: number, at: bigint): number;
  lua_rawseti(state: LuaState, index: number, at: bigint): void;
  lua_rawset(state: LuaState, index: number): void;
  lua_rawlen(state: LuaState, index: number): number | bigint;
  lua_next(state: LuaState, index: number): number;
  lua_createtable(state: LuaState, array: number, records: number): void;
  lua_pushnil(state: LuaState): void;
  lua_pushboolean(state: LuaState, value: number): void;
  lua_pushinteger(state: LuaState, value: bigint): void;
  lua_pushnumber(state: LuaState, value: number): void;
  lua_pushlightuserdata(state: LuaState, pointer: number | null): void;
  lua_pushcclosure(state: LuaState, pointer: number, upvalues: number): void;
  lua_toboolean(state: LuaState, index: number): number;
  lua_tonumberx(state: LuaState, index: number, isNumber: number | null): number;
  lua_setupvalue(state: LuaState, index: number, at: number): number;
  lua_pcallk(
    state: LuaState,
    args: number,
    results: number,
    handler: number,
    context: number,
    next: null,
  ): number;
  /** Calls a function of JavaScript after each `count` instructions, with `mask` 8. */
  lua_sethook(state: LuaState, pointer: number, mask: number, count: number): void;
  lua_error(state: LuaState): number;
  luaL_where(state: LuaState, level: number): void;
  lua_concat(state: LuaState, count: number): void;
  lua_checkstack(state: LuaState, count: number): number;
  luaL_ref(state: LuaState, index: number): number;
  luaL_unref(state: LuaState, index: number, reference: number): void;
}

export type LuaState = number;

export interface LuaModule {
  readonly HEAPU8: Uint8Array;
  readonly HEAPU32: Uint32Array;
  _malloc(bytes: number): number;
  _free(address: number): void;
  addFunction(callback: (state: LuaState) => number | void, signature: string): number;
  _lua_pushlstring(state: LuaState, address: number, length: number): number;
  _lua_tolstring(state: LuaState, index: number, lengthAddress: number): number;
  _luaL_loadbufferx(state: LuaState, address: number, length: number, name: number, mode: number): number;
}

const FUNCTIONS = [
  'luaL_newstate',
  'luaL_openlibs',
  'lua_close',
  'lua_gettop',
  'lua_settop',
  'lua_type',
  'lua_pushvalue',
  'lua_rawgeti',
  'lua_rawseti',
  'lua_rawset',
  'lua_rawlen',
  'lua_next',
  'lua_createtable',
  'lua_pushnil',
  'lua_pushboolean',
  'lua_pushinteger',
  'lua_pushnumber',
  'lua_pushlightuserdata',
  'lua_pushcclosure',
  'lua_toboolean',
  'lua_tonumberx',
  'lua_setupvalue',
  'lua_pcallk',
  'lua_sethook',
  'lua_error',
  'luaL_where',
  'lua_concat',
  'lua_checkstack',
  'luaL_ref',
  'luaL_unref',
] as const satisfies readonly (keyof LuaLibrary)[];

export const REGISTRY = -1_001_000;
export const LUA_TYPES = { nil: 0, boolean: 1, light: 2, number: 3, string: 4, table: 5 } as const;

let found: Promise<Wasmoon> | undefined;

/**
 * Finds the package when a Redis in memory is first used: nobody else needs it.
 *
 * @throws HydraError `BAD_OPTION` naming the package to install
 */
export function findLua(): Promise<Wasmoon> {
  found ??= find().catch((error: unknown) => {
    // Whoever asks next tries again.
    found = undefined;
    throw error;
  });
  return found;
}

/**
 * A Lua with a memory of its own, in some milliseconds. The order of its tables comes from addresses in this memory, and so from all that
 * was done in it before: in a memory that is shared, no run of a Redis would be like another.
 *
 * @throws HydraError `BAD_OPTION` naming the package to install
 */
export async function loadLua(): Promise<LuaLibrary> {
  const { LuaFactory } = await findLua();
  const { module } = (await new LuaFactory().getLuaModule()) as { module: LuaModule };
  return libraryOf(module);
}

interface Wasmoon {
  readonly LuaFactory: new () => { getLuaModule(): Promise<unknown> };
}

async function find(): Promise<Wasmoon> {
  // By a name that no compiler looks up: the package need not be there.
  const packageName: string = 'wasmoon';
  try {
    return (await outsideOfJest(packageName)) ?? ((await import(packageName)) as Wasmoon);
  } catch (cause) {
    throw new HydraError(
      'BAD_OPTION',
      'MemoryRedis runs Lua by the package wasmoon; install it: npm install --save-dev wasmoon',
      { cause },
    );
  }
}

/** Past the package's own functions, which look at the type of each argument: a script makes many small calls. */
function libraryOf(module: LuaModule): LuaLibrary {
  const functions = module as unknown as Record<string, unknown>;
  const own = FUNCTIONS.map((name) => [name, functions[`_${name}`]]);
  return { module, ...(Object.fromEntries(own) as Omit<LuaLibrary, 'module'>) };
}

/**
 * The package imports a module of Node itself, which jest does not allow to CommonJS: there Node's own loader loads it, as
 * the project that is tested finds it.
 */
async function outsideOfJest(packageName: string): Promise<Wasmoon | undefined> {
  if (process.env['JEST_WORKER_ID'] === undefined) return undefined;
  const importHere = runInThisContext('(name) => import(name)', {
    filename: join(process.cwd(), 'tests.js'),
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  }) as (name: string) => Promise<Wasmoon>;
  try {
    return await importHere(packageName);
  } catch {
    // It is not where the tests are started; what the library itself finds may do.
    return undefined;
  }
}
