-- What put.lua and forget.lua share. KEYS: index, sizes; ARGV[1]: what the names of answers begin with.
local index, sizes, prefix = KEYS[1], KEYS[2], ARGV[1]

local function size(known) return known and tonumber(string.match(known, '^%d+')) or 0 end

local function total() return tonumber(redis.call('HGET', sizes, 'total') or 0) or 0 end

-- These answers and all that is known of them go; how many there were. One that is named twice is one.
local function drop(keys)
  if #keys == 0 then return 0 end
  local freed, names, seen = 0, {}, {}
  for i, known in ipairs(redis.call('HMGET', sizes, unpack(keys))) do
    if not seen[keys[i]] then freed = freed + size(known) end
    seen[keys[i]] = true
    names[i] = prefix .. keys[i]
  end
  redis.call('UNLINK', unpack(names))
  redis.call('HDEL', sizes, unpack(keys))
  if freed > 0 then redis.call('HSET', sizes, 'total', math.max(0, total() - freed)) end
  return redis.call('ZREM', index, unpack(keys))
end
