-- One answer, under the bound of the tier: first goes what has run out, then what runs out next.
-- ARGV from 2 on: key, value, milliseconds that it lasts, what is known of it (it begins with its size), the bound in bytes.
-- Returns whether it is stored, the bytes of all, how many there are, how many left before their time.
local WIDTHS = {16, 512} -- of looks for what may leave: a store answers nobody else meanwhile
local key, value, lasts, about, bound = ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5], tonumber(ARGV[6])
local cost = size(about)

-- Makes room for so many bytes, as far as the looks go.
local function make_room(bytes)
  local left = 0
  for _, width in ipairs(WIDTHS) do
    if bytes <= 0 then break end
    local nearest, leaving = redis.call('ZRANGE', index, 0, width - 1), {}
    if #nearest == 0 then break end
    for i, known in ipairs(redis.call('HMGET', sizes, unpack(nearest))) do
      if bytes <= 0 then break end
      leaving[i] = nearest[i]
      bytes = bytes - size(known)
    end
    left = left + drop(leaving)
  end
  return left
end

-- A store that is full says so to the first command that wants memory, and to no later one of the same script. Then the tier gives way.
local room = redis.pcall('HSETNX', sizes, 'total', 0)
if type(room) == 'table' and room.err then
  make_room(math.max(cost, bound / 64))
  return room
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
drop({key})
drop(redis.call('ZRANGEBYSCORE', index, '-inf', now, 'LIMIT', 0, 64))
local left = make_room(total() + cost - bound)
if redis.call('ZCARD', index) == 0 then redis.call('DEL', sizes) end -- what is counted of nothing was left behind
local stored = 0
if total() + cost <= bound then
  stored = 1
  redis.call('SET', prefix .. key, value, 'PX', lasts)
  redis.call('HSET', sizes, key, about, 'total', total() + cost)
  redis.call('ZADD', index, now + lasts, key)
  for _, name in ipairs({index, sizes}) do -- they last as long as any answer, and a minute for clocks
    if redis.call('PTTL', name) < lasts + 60000 then redis.call('PEXPIRE', name, lasts + 60000) end
  end
end
return {stored, total(), redis.call('ZCARD', index), left}
