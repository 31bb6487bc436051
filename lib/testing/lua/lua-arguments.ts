/**
 * A part of the prelude: functions that take and refuse the arguments that Lua 5.1 does. Lua 5.4 takes values of more kinds, of which
 * they then find nothing, and no number with a fraction where it wants an integer.
 */
export const LUA_ARGUMENTS = `
local function mustBeTable(value, name)
  if type(value) ~= 'table' then error("bad argument #1 to '" .. name .. "' (table expected, got " .. type(value) .. ')', 3) end
end
local function mustBeGiven(name, ...)
  if select('#', ...) == 0 then error("bad argument #1 to '" .. name .. "' (value expected)", 3) end
end
local function truncated(value)
  if mathtype(value) ~= 'float' then return value end
  return value >= 0 and floor(value) or -floor(-value)
end
local plain = {
  unpack = table.unpack, pairs = pairs, ipairs = ipairs, select = select, tonumber = tonumber,
  char = string.char, remove = table.remove, sort = table.sort,
}
unpack = function(list, from, to)
  mustBeTable(list, 'unpack')
  return plain.unpack(list, truncated(from), truncated(to))
end
pairs = function(t)
  mustBeTable(t, 'pairs')
  return plain.pairs(t)
end
ipairs = function(list)
  mustBeTable(list, 'ipairs')
  return plain.ipairs(list)
end
_G.select = function(from, ...) return plain.select(truncated(from), ...) end
tonumber = function(...)
  mustBeGiven('tonumber', ...)
  local value, base = ...
  if base == nil then return plain.tonumber(value) end
  base = truncated(plain.tonumber(base) or base)
  if base == 10 then return plain.tonumber(value) end
  return plain.tonumber(type(value) == 'number' and tostring(value) or value, base)
end
string.char = function(...)
  local codes = { ... }
  for at = 1, select('#', ...) do codes[at] = truncated(plain.tonumber(codes[at]) or codes[at]) end
  return plain.char(plain.unpack(codes, 1, select('#', ...)))
end
table.remove = function(list, at)
  mustBeTable(list, 'remove')
  if at == nil then return plain.remove(list) end
  at = truncated(plain.tonumber(at) or at)
  if type(at) == 'number' and (at < 1 or at > #list) then return end
  return plain.remove(list, at)
end
table.sort = function(list, isBefore)
  mustBeTable(list, 'sort')
  if isBefore ~= nil and type(isBefore) ~= 'function' then error("bad argument #2 to 'sort' (function expected)", 2) end
  return plain.sort(list, isBefore)
end
`;
