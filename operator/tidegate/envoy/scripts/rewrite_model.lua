-- Runs after a backend was chosen: puts the backend's own name where the public one stands, byte for byte, and marks the
-- answer of an engine that is shutting down, so that it is tried again elsewhere.
-- Prepended by the program that writes this: MODEL, MODEL_HEADER, SPLICE_HEADER, DRAINING_HEADER.

function envoy_on_request(handle)
  local headers = handle:headers()
  -- Both headers stay: each attempt begins with the headers that the last one left, and with the body as it came.
  local public, place = headers:get(MODEL_HEADER), headers:get(SPLICE_HEADER)
  local first, last, length = string.match(place or "", "^(%d+)-(%d+)/(%d+)$")
  if not first then return end
  -- At every moment the length is that of the body: an engine would take what is left over for another request.
  headers:replace("content-length", length)
  local written_plainly = last - first + 1 == #public
  if public == MODEL and written_plainly then return end
  local body = handle:body()
  body:setBytes(body:getBytes(0, first - 1) .. MODEL .. body:getBytes(tonumber(last), length - last))
  handle:headers():replace("content-length", tostring(body:length()))
end

function envoy_on_response(handle)
  local headers = handle:headers()
  -- a draining engine says 500 and closes; no other answer of it looks like that
  if headers:get(":status") == "500" and headers:get("connection") == "close" then
    headers:add(DRAINING_HEADER, "1")
  end
end
