-- Runs after a backend was chosen: puts the backend's own name where the public one stands, byte for byte, and marks the
-- answer of an engine that is shutting down, so that it is tried again elsewhere.
-- Prepended by the program that writes this: MODEL, MODEL_HEADER, SPLICE_HEADER, DRAINING_HEADER.

function envoy_on_request(handle)
  local headers = handle:headers()
  local public, place = headers:get(MODEL_HEADER), headers:get(SPLICE_HEADER)
  headers:remove(MODEL_HEADER)
  headers:remove(SPLICE_HEADER)
  if public == MODEL or not place then return end
  local first, last = string.match(place, "^(%d+)-(%d+)$")
  local body = handle:body()
  if not first or not body then return end
  local s = body:getBytes(0, body:length())
  local out = string.sub(s, 1, tonumber(first) - 1) .. MODEL .. string.sub(s, tonumber(last) + 1)
  body:setBytes(out)
  handle:headers():replace("content-length", tostring(#out)) -- waiting for the body ended the life of the first headers
end

function envoy_on_response(handle)
  local headers = handle:headers()
  -- a draining engine says 500 and closes; no other answer of it looks like that
  if headers:get(":status") == "500" and headers:get("connection") == "close" then
    headers:add(DRAINING_HEADER, "1")
  end
end
