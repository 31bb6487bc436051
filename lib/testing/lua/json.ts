import { formatPrecision } from '../protocol/numbers.js';
import { LUA_TYPES } from './lua-library.js';
import { NULL, Table, type LuaInput, type LuaMachine } from './lua-machine.js';

const MAX_DEPTH = 1_000;
/** Above so many times the items, an array with holes is refused. */
const SPARSE_RATIO = 2;
const SPARSE_SAFE = 10;

/** cjson.decode: numbers become numbers, null becomes cjson.null. Texts are bytes here, and Unicode inside them. */
export function decodeJson(text: string): LuaInput {
  return toLua(JSON.parse(Buffer.from(text, 'latin1').toString('utf8')) as unknown);
}

function toLua(value: unknown): LuaInput {
  if (value === null) return NULL;
  if (typeof value === 'string') return bytesOf(value);
  if (Array.isArray(value)) return value.map(toLua);
  if (typeof value !== 'object') return value as number | boolean;
  return new Table(Object.entries(value).map(([name, field]) => [bytesOf(name), toLua(field)] as const));
}

function bytesOf(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** cjson.encode of what is at a place of the stack. @throws Error with cjson's words */
export function encodeJson(machine: LuaMachine, index: number, depth = 0): string {
  if (depth > MAX_DEPTH) throw new Error(`Cannot serialise, excessive depth (${depth})`);
  const type = machine.typeOf(index);
  if (type === LUA_TYPES.string) return quoted(machine.string(index));
  if (type === LUA_TYPES.number) return numberText(machine.number(index));
  if (type === LUA_TYPES.boolean) return String(machine.boolean(index));
  if (type === LUA_TYPES.nil || type === LUA_TYPES.light) return 'null';
  if (type !== LUA_TYPES.table) throw new Error('Cannot serialise function: type not supported');
  const table = index < 0 ? machine.top + index + 1 : index;
  machine.lua.lua_checkstack(machine.state, 8);
  const length = arrayLength(machine, table);
  return length > 0 ? encodeArray(machine, table, length, depth) : encodeObject(machine, table, depth);
}

/** 0 where it is no array. */
function arrayLength(machine: LuaMachine, table: number): number {
  const { lua, state } = machine;
  let [most, count] = [0, 0];
  lua.lua_pushnil(state);
  while (lua.lua_next(state, table) !== 0) {
    machine.pop(1);
    const key = machine.typeOf(-1) === LUA_TYPES.number ? machine.number(-1) : 0;
    if (!Number.isInteger(key) || key < 1) {
      machine.pop(1);
      return 0;
    }
    most = Math.max(most, key);
    count++;
  }
  if (most > count * SPARSE_RATIO && most > SPARSE_SAFE)
    throw new Error('Cannot serialise table: excessively sparse array');
  return most;
}

function encodeArray(machine: LuaMachine, table: number, length: number, depth: number): string {
  const items: string[] = [];
  for (let at = 1; at <= length; at++) {
    machine.lua.lua_rawgeti(machine.state, table, BigInt(at));
    items.push(encodeJson(machine, -1, depth + 1));
    machine.pop(1);
  }
  return `[${items.join(',')}]`;
}

function encodeObject(machine: LuaMachine, table: number, depth: number): string {
  const { lua, state } = machine;
  const fields: string[] = [];
  lua.lua_pushnil(state);
  while (lua.lua_next(state, table) !== 0) {
    fields.push(`${nameText(machine)}:${encodeJson(machine, -1, depth + 1)}`);
    machine.pop(1);
  }
  return `{${fields.join(',')}}`;
}

function nameText(machine: LuaMachine): string {
  const type = machine.typeOf(-2);
  if (type === LUA_TYPES.number) return `"${numberText(machine.number(-2))}"`;
  if (type === LUA_TYPES.string) return quoted(machine.string(-2));
  throw new Error('Cannot serialise table: table key must be a number or string');
}

function numberText(value: number): string {
  if (!Number.isFinite(value)) throw new Error('Cannot serialise number: must not be NaN or Inf');
  return formatPrecision(value, 14);
}

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '/': '\\/',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

function quoted(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return `"${text.replace(/["\\/\u0000-\u001f\u007f]/g, escape)}"`;
}

function escape(sign: string): string {
  return ESCAPES[sign] ?? `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
