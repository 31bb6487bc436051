import {
  CommandError,
  DoubleReply,
  MapReply,
  NULL_ARRAY,
  PushReply,
  SetReply,
  Status,
  VerbatimReply,
  type Reply,
} from '../protocol/reply.js';
import { formatDouble } from '../protocol/numbers.js';
import { LUA_TYPES } from './lua-library.js';
import { Table, type LuaInput, type LuaMachine } from './lua-machine.js';

/** A reply as a script sees it: as RESP2 has it, and nothing is `false`. */
export function replyToLua(reply: Reply): LuaInput {
  if (typeof reply === 'string' || typeof reply === 'number') return reply;
  if (reply === null || reply === NULL_ARRAY) return false;
  if (Array.isArray(reply)) return (reply as readonly Reply[]).map(replyToLua);
  if (reply instanceof Status) return new Table([['ok', reply.text]]);
  if (reply instanceof CommandError) return new Table([['err', reply.text]]);
  if (reply instanceof MapReply)
    return reply.pairs.flatMap(([key, value]) => [replyToLua(key), replyToLua(value)]);
  if (reply instanceof SetReply) return reply.members;
  if (reply instanceof PushReply) return reply.items.map(replyToLua);
  if (reply instanceof DoubleReply) return formatDouble(reply.value);
  return (reply as VerbatimReply).text;
}

/** What a script returns: numbers lose their fractions, and a table ends at its first nil. */
export function luaToReply(machine: LuaMachine, index: number): Reply {
  const type = machine.typeOf(index);
  if (type === LUA_TYPES.string) return machine.string(index);
  if (type === LUA_TYPES.number) return truncated(machine.number(index));
  if (type === LUA_TYPES.boolean) return machine.boolean(index) ? 1 : null;
  return type === LUA_TYPES.table ? tableToReply(machine, index) : null;
}

function truncated(value: number): number {
  return Math.trunc(value) + 0;
}

function tableToReply(machine: LuaMachine, index: number): Reply {
  machine.lua.lua_checkstack(machine.state, 8);
  const top = machine.top;
  const table = index < 0 ? top + index + 1 : index;
  if (Number(machine.lua.lua_rawlen(machine.state, table)) === 0) {
    const special = specialReply(machine, table);
    machine.lua.lua_settop(machine.state, top);
    if (special) return special;
  }
  const items: Reply[] = [];
  machine.eachItem(table, () => items.push(luaToReply(machine, -1)));
  return items;
}

function specialReply(machine: LuaMachine, table: number): Reply | undefined {
  if (machine.pushField(table, 'err')) return new CommandError(machine.string(-1));
  return machine.pushField(table, 'ok') ? new Status(machine.string(-1)) : undefined;
}
