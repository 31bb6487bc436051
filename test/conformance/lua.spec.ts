import { startBackends, type Backends } from './backends.js';

const FUNCTIONS =
  `ipairs pairs next unpack tostring tonumber type select assert rawget rawequal string.len string.sub string.upper
  string.lower string.rep string.reverse string.byte string.char string.format string.find string.match string.gmatch string.gsub
  table.concat table.insert table.remove table.sort table.getn table.maxn math.floor math.ceil math.abs math.max math.min math.fmod
  math.pow math.sqrt bit.band bit.tobit cjson.encode cjson.decode redis.sha1hex redis.error_reply redis.status_reply`.split(
    /\s+/,
  );

/** A value of each kind, as Lua writes it. */
const VALUES = [
  'nil',
  'true',
  '7',
  '-1',
  '2.5',
  "''",
  "'x'",
  "'12'",
  '{}',
  "{ 'a', 'b' }",
  '{ a = 1 }',
  'print_it',
];

/** Whether it is refused, and, where it is not, what kind of value it gives. */
const TRY = `
local function print_it() return 1 end
local answers = {}
local function try(name, f, ...)
  local isDone, given = pcall(f, ...)
  answers[#answers + 1] = name .. ': ' .. (isDone and type(given) or 'refused')
end
`;

let backends: Backends;

beforeAll(async () => {
  backends = await startBackends();
});

describe('Lua in memory', () => {
  it.each(FUNCTIONS)('takes and refuses what Lua 5.1 does: %s', async (name) => {
    const one = VALUES.map((a) => [a]);
    const two = VALUES.flatMap((a) => VALUES.map((b) => [a, b]));
    const tries = [[], ...one, ...two].map((args) => {
      const call = [name, ...args].join(', ');
      return `try(${JSON.stringify(call)}, ${call})`;
    });
    const script = `${TRY}${tries.join('\n')}\nreturn answers`;
    const [real, memory] = await Promise.all([
      backends.real.eval(script, 0),
      backends.memory.eval(script, 0),
    ]);
    expect(memory).toEqual(real);
  });
});
