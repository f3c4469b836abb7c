-- Which life of a policy's counts this is: a store that has lost them begins another.
-- KEYS a hash; ARGV the name of a new life.
-- Returns the name of this one. It does not expire: counts that are still there would be told again.
if redis.call('HGET', KEYS[1], 'life') == false then redis.call('HSET', KEYS[1], 'life', ARGV[1]) end
return redis.call('HGET', KEYS[1], 'life')
