import { Script } from '../redis/script.js';

/**
 * Read what was added to the heads of logs since somebody last looked at them.
 *
 * KEYS  any number of logs (lists, the newest line at the head)
 * ARGV  1 lines of each at most   2… of each log the line that was its head; '' for one that is seen for the first time
 * Returns for each log its new lines, the newest first.
 *
 * One script, because a service may have a hundred instances, and most logs have no new line.
 */
export const newLogLines = new Script<string[][]>(
  'registry.newLogLines',
  0,
  `local answer = {}
local most = tonumber(ARGV[1])
for log = 1, #KEYS do
  local known = ARGV[log + 1]
  local fresh = {}
  local isFound = redis.call('LINDEX', KEYS[log], 0) == known and known ~= ''
  while not isFound and #fresh < most do
    local part = redis.call('LRANGE', KEYS[log], #fresh, #fresh + 31)
    if #part == 0 then break end
    for _, line in ipairs(part) do
      if line == known or #fresh >= most then
        isFound = true
        break
      end
      table.insert(fresh, line)
    end
  end
  table.insert(answer, fresh)
end
return answer
`,
  'reads',
);
