/** Added to scripts: the Redis clock in milliseconds, so that no instance's own clock matters. */
export const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`;
