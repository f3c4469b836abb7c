-- All limits of one request, at once: counted in each of them, or in none. windows.py says how; SLICES is as there.
-- KEYS counters; ARGV for each: what the window may hold, the cost, milliseconds of a slice.
-- Returns for each: used before, slice, wait_ms, reset_ms.
local SLICES = 30
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local told, at, old, fits = {}, {}, {}, true
for i, key in ipairs(KEYS) do
  local amount, cost, width = tonumber(ARGV[3 * i - 2]), tonumber(ARGV[3 * i - 1]), tonumber(ARGV[3 * i])
  at[i], old[i] = math.floor(now / width), {}
  local used, newest, slices = 0, at[i] - SLICES - 1, {}
  local known = redis.call('HGETALL', key)
  for j = 1, #known, 2 do
    local slice, count = tonumber(known[j]), tonumber(known[j + 1])
    if slice < at[i] - SLICES then
      old[i][#old[i] + 1] = known[j]
    else
      used = used + count
      newest = math.max(newest, slice)
      slices[#slices + 1] = {slice, count}
    end
  end
  local wait = 0
  if used + cost > amount then
    fits, wait = false, width * SLICES
    local over = used + cost - amount
    table.sort(slices, function(a, b) return a[1] < b[1] end)
    for _, slice in ipairs(slices) do
      over = over - slice[2]
      if over <= 0 then
        wait = math.max(1, (slice[1] + SLICES + 1) * width - now)
        break
      end
    end
  end
  local reset = wait > 0 and #slices > 0 and math.max(0, (newest + SLICES + 1) * width - now) or 0
  for _, number in ipairs({used, at[i], wait, reset}) do told[#told + 1] = number end
end
if fits then
  for i, key in ipairs(KEYS) do
    local width = tonumber(ARGV[3 * i])
    if #old[i] > 0 then redis.call('HDEL', key, unpack(old[i])) end
    redis.call('HINCRBY', key, at[i], ARGV[3 * i - 1])
    redis.call('PEXPIRE', key, (SLICES + 2) * width)
  end
end
return told
