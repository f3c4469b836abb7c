-- What requests have used more or less than was reserved, in the slices in which it was.
-- KEYS counters; ARGV for each: slice, how much more (or less), milliseconds of a slice.
local SLICES = 30
for i, key in ipairs(KEYS) do
  local slice, more, width = ARGV[3 * i - 2], tonumber(ARGV[3 * i - 1]), tonumber(ARGV[3 * i])
  local known = tonumber(redis.call('HGET', key, slice) or 0)
  if more > 0 or known > 0 then
    redis.call('HSET', key, slice, math.max(0, known + more))
    if more > 0 then redis.call('PEXPIRE', key, (SLICES + 2) * width) end
  end
end
return #KEYS
