-- ARGV from 2 on: keys. Returns how many there were, and the bytes of all that is left.
local keys = {}
for i = 2, #ARGV do keys[#keys + 1] = ARGV[i] end
local gone = drop(keys)
return {gone, total()}
