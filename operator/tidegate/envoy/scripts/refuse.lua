-- Answers of the scripts, in the shape that the path's clients read.
-- Prepended by the program that writes this: MESSAGES, OPENAI, ANTHROPIC, TOO_LARGE.

local find, format, lower, match, sub = string.find, string.format, string.lower, string.match, string.sub

-- The request's name, where it can stand in JSON as it is: clients may choose it.
local function request_id(headers)
  return match(headers:get("x-request-id") or "", "^[%w%._:/+=-]+$") or ""
end

local function shaped(headers, status, message)
  if sub(headers:get(":path") or "", 1, #MESSAGES) == MESSAGES then
    local kind = ANTHROPIC[status]
    return format('{"type":"error","error":{"type":"%s","message":"%s"},"request_id":"%s"}', kind, message, request_id(headers))
  end
  return format('{"error":{"message":"%s","type":"%s","param":null,"code":%d}}', message, OPENAI[status], status)
end

-- Over HTTP/2 a body that still comes is taken first: clients that send when their stream ends show its end and not the answer.
local function refuse(handle, status, message, more)
  if handle:streamInfo():protocol() == "HTTP/2" then handle:body() end
  local answer = more or {}
  answer[":status"], answer["content-type"] = tostring(status), "application/json"
  handle:respond(answer, shaped(handle:headers(), status, message))
end
