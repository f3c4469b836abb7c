-- Which life of a policy's counts this is: a store that has lost them begins another.
-- KEYS a hash; ARGV the name of a new life, milliseconds that it is kept.
-- Returns the name of this one.
if redis.call('HGET', KEYS[1], 'life') == false then redis.call('HSET', KEYS[1], 'life', ARGV[1]) end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('HGET', KEYS[1], 'life')
