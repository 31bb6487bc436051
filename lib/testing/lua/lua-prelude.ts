import { LUA_ARGUMENTS } from './lua-arguments.js';

/**
 * What scripts find of Lua 5.1 and of Redis, on a Lua 5.4. `host` are the functions of the server.
 *
 * What was an integer in Lua 5.1 is one here; a quotient of integers is not, so where it has no fraction it is made one
 * before it is printed.
 */
export const LUA_PRELUDE = `
local host = ...
local floor, mathtype, select, type, tostring = math.floor, math.type, select, type, tostring
local sformat, sfind, tointeger = string.format, string.find, math.tointeger

${LUA_ARGUMENTS}
loadstring = load
table.getn = function(t)
  mustBeTable(t, 'getn')
  return #t
end
table.maxn = function(t)
  mustBeTable(t, 'maxn')
  local most = 0
  for key in next, t do if type(key) == 'number' and key > most then most = key end end
  return most
end
table.foreach = function(t, f) for k, v in next, t do local r = f(k, v) if r ~= nil then return r end end end
table.foreachi = function(t, f) for i, v in ipairs(t) do local r = f(i, v) if r ~= nil then return r end end end
string.gfind = string.gmatch
math.mod = math.fmod
math.pow = function(a, b) return a ^ b end
math.log10 = function(x) return math.log(x, 10) end
math.ldexp = function(m, e) return m * 2.0 ^ e end
math.random = host.random
-- Lua 5.4 compares texts that look like numbers as what they are.
for _, name in ipairs({ 'max', 'min' }) do
  local plain = math[name]
  math[name] = function(first, ...)
    local values = { first, ... }
    for at = 1, select('#', ...) + 1 do
      local number = tonumber(values[at])
      if not number then
        error('bad argument #' .. at .. " to '" .. name .. "' (number expected, got " .. type(values[at]) .. ')', 2)
      end
      values[at] = number
    end
    return plain(unpack(values))
  end
end
math.randomseed = function() end

local function whole(value)
  if mathtype(value) == 'float' then
    local short = tointeger(value)
    if short and short > -1e15 and short < 1e15 then return short end
  end
  return value
end
_G.tostring = function(...)
  mustBeGiven('tostring', ...)
  local value = ...
  if mathtype(value) == 'integer' and (value >= 100000000000000 or value <= -100000000000000) then
    return sformat('%.14g', value)
  end
  return tostring(whole(value))
end
string.format = function(form, ...)
  local count = select('#', ...)
  local values = { ... }
  local at = 0
  for kind in string.gmatch((string.gsub(form, '%%%%', '')), '%%[-+ #0]*%d*%.?%d*(%a)') do
    at = at + 1
    local value = values[at]
    if kind == 's' then values[at] = value == nil and at > count and value or (type(value) == 'number' and _G.tostring(value) or value)
    elseif kind == 'd' or kind == 'i' or kind == 'x' or kind == 'X' or kind == 'u' or kind == 'c' or kind == 'o' then
      values[at] = truncated(tonumber(value) or value)
    end
  end
  return sformat((string.gsub(form, '%%u', '%%d')), unpack(values, 1, count))
end
local function shortening(f)
  return function(s, i, j, ...) return f(s, truncated(i), truncated(j), ...) end
end
string.sub = shortening(string.sub)
string.byte = shortening(string.byte)
local rep = string.rep
string.rep = function(s, n) return rep(s, truncated(tonumber(n))) end
local concat = table.concat
table.concat = function(t, sep, i, j)
  mustBeTable(t, 'concat')
  local from, to = i or 1, j or #t
  for at = from, to do
    if mathtype(t[at]) == 'float' then
      local copy = {}
      for k = from, to do copy[k] = whole(t[k]) end
      return concat(copy, sep, from, to)
    end
  end
  return concat(t, sep, from, to)
end

local function isText(...) return select('#', ...) == 1 and (type(...) == 'string' or type(...) == 'number') end
local function answering(answer)
  return function(...)
    if not isText(...) then return { err = 'ERR wrong number or type of arguments' } end
    return answer(_G.tostring(...))
  end
end
redis = {
  call = host.call,
  pcall = host.pcall,
  error_reply = answering(function(text) return { err = (string.gsub(text, '^%-', '')) } end),
  status_reply = answering(function(text) return { ok = text } end),
  sha1hex = host.sha1hex,
  acl_check_cmd = host.acl_check_cmd,
  log = function() end,
  replicate_commands = function() return true end,
  set_repl = function() end,
  breakpoint = function() return false end,
  setresp = function() end,
  LOG_DEBUG = 0, LOG_VERBOSE = 1, LOG_NOTICE = 2, LOG_WARNING = 3,
  REPL_NONE = 0, REPL_AOF = 1, REPL_SLAVE = 2, REPL_REPLICA = 2, REPL_ALL = 3,
  REDIS_VERSION = host.version, REDIS_VERSION_NUM = host.version_num,
}
cjson = { null = host.null, encode = host.encode, decode = host.decode, new = function() return cjson end }

local function signed(value) return (value & 0xffffffff ~ 0x80000000) - 0x80000000 end
local function bits(value)
  local number = tonumber(value)
  if not number then error('bad argument to a function of bit', 3) end
  return tointeger(number % 4294967296) or floor(number % 4294967296 + 0.5)
end
local function folding(fold)
  return function(first, ...)
    local value = bits(first)
    for at = 1, select('#', ...) do value = fold(value, bits((select(at, ...)))) end
    return signed(value)
  end
end
bit = {
  tobit = function(a) return signed(bits(a)) end,
  bnot = function(a) return signed(~bits(a)) end,
  band = folding(function(a, b) return a & b end),
  bor = folding(function(a, b) return a | b end),
  bxor = folding(function(a, b) return a ~ b end),
  lshift = function(a, n) return signed(bits(a) << (bits(n) & 31)) end,
  rshift = function(a, n) return signed((bits(a) & 0xffffffff) >> (bits(n) & 31)) end,
  arshift = function(a, n) return signed(signed(bits(a)) // (1 << (bits(n) & 31))) end,
  tohex = function(a) return sformat('%08x', bits(a)) end,
}

for _, name in ipairs({ 'dofile', 'loadfile', 'require', 'package', 'io', 'os', 'debug', 'utf8', 'warn', 'rawlen', 'print', 'collectgarbage' }) do
  _G[name] = nil
end
for _, name in ipairs({ 'pack', 'unpack', 'move' }) do table[name] = nil end
for _, name in ipairs({ 'pack', 'unpack', 'packsize' }) do string[name] = nil end

local function locked(t)
  return setmetatable({}, { __index = t, __newindex = function() error('Attempt to modify a readonly table', 2) end })
end
local globals = {}
for name, value in next, _G do
  globals[name] = value
end
for _, name in ipairs({ 'redis', 'cjson', 'bit', 'string', 'table', 'math' }) do globals[name] = locked(_G[name]) end
local env = setmetatable({}, {
  __index = function(_, name)
    local value = globals[name]
    if value ~= nil then return value end
    error("Script attempted to access nonexistent global variable '" .. tostring(name) .. "'", 2)
  end,
  __newindex = function() error('Attempt to modify a readonly table', 2) end,
  __metatable = false,
})
globals._G = env
return globals, env
`;
