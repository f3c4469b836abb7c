-- Goes before the search for the model where a request is unusual.
-- gRPC: Envoy would answer in gRPC's way, with 200 and the error in headers, and engines take none of it.
-- HTTP/2 with a body that is too large: clients that still send when the stream ends show its end and not the answer, so the rest
-- is taken and dropped before there is one.
-- Stands behind refuse.lua. Prepended by the program that writes this: LARGEST, MOST_DROPPED, LARGE_HEADER.

local NO_GRPC = "engines do not speak gRPC; send application/json"

local function is_grpc(content_type)
  return content_type == "application/grpc" or find(content_type or "", "^application/grpc%+")
end

-- Lets the body pass as far as it may go, and a little further, so that it is seen to be too large.
local function drop_the_rest(handle, announced)
  local seen, passed = 0, 0
  for chunk in handle:bodyChunks() do
    seen = seen + chunk:length()
    if seen > MOST_DROPPED then return end
    if announced or passed > LARGEST then chunk:setBytes("") end
    passed = passed + chunk:length()
  end
end

function envoy_on_request(handle)
  local headers = handle:headers()
  if is_grpc(headers:get("content-type")) then return refuse(handle, 415, NO_GRPC) end
  local large = (tonumber(headers:get("content-length") or "") or 0) > LARGEST
  if handle:streamInfo():protocol() == "HTTP/2" then
    if large then headers:replace(LARGE_HEADER, "1") end
    drop_the_rest(handle, large)
  elseif large then
    refuse(handle, 413, TOO_LARGE)
  end
end

function envoy_on_response(handle)
  local headers = handle:headers()
  local message = headers:get("grpc-message")
  if not message or headers:get("content-type") ~= "application/grpc" then return end
  for _, name in ipairs({"grpc-status", "grpc-message"}) do headers:remove(name) end
  headers:replace(":status", "415")
  headers:replace("content-type", "application/json")
  local text = string.gsub(message, "%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end)
  headers:replace("content-length", tostring(handle:body(true):setBytes(text)))
end
