/**
 * Added to scripts: `need(command, …)` ends the script while nothing is written yet, where the user of the connection may
 * not run that command on those keys. Redis does not roll a script back, so each checks before it writes. Redis 6.2 cannot
 * be asked.
 */
export const NEED = `
local function need(...)
  if redis.acl_check_cmd and not redis.acl_check_cmd(...) then
    local command, name = ...
    error({ err = 'NOPERM no right to run ' .. command .. ' on ' .. tostring(name) })
  end
end
`;
