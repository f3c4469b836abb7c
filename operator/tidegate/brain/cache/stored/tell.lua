-- Something that all routers should know. KEYS: feed, told; ARGV: what, the most that the feed may have, milliseconds that it lasts,
-- 1 if it is told by a full store, too. Returns its number: who sees one missing knows that he has missed something.
if ARGV[4] == '1' then redis.call('XTRIM', KEYS[1], 'MAXLEN', '~', ARGV[2]) end -- after a first write memory is not looked at
local number = redis.call('INCR', KEYS[2])
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], '*', 'n', number, 'm', ARGV[1])
for _, name in ipairs(KEYS) do redis.call('PEXPIRE', name, ARGV[3]) end
return number
