-- The end of a walk: nobody answers, so this does.
-- Prepended by the program that writes this: what refuse.lua needs, STATUS, MESSAGE, RETRY_AFTER, LONGER_HEADER, TOO_LONG.

function envoy_on_request(handle)
  local headers = handle:headers()
  local kept = (handle:streamInfo():dynamicMetadata():get("tidegate") or {}).kept or ""
  -- an attempt at a provider before this one has left its path
  local path = match("\n" .. kept, "\n:path ([^\n]+)")
  if path then headers:replace(":path", path) end
  if headers:get(LONGER_HEADER) then -- to whoever was asked last
    return handle:respond({ [":status"] = "400", ["content-type"] = "application/json" }, shaped(headers, 400, TOO_LONG))
  end
  local answer = { [":status"] = tostring(STATUS), ["content-type"] = "application/json", ["retry-after"] = RETRY_AFTER }
  handle:respond(answer, shaped(headers, STATUS, MESSAGE))
end
