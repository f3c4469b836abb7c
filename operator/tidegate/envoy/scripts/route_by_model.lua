-- Finds the top-level "model" of a JSON body, names it in a header for the routes, and says where its value stands, so
-- that the rewrite after the choice of a backend can splice bytes. The body itself is not touched here.
-- Prepended by the program that writes this: PATHS, MODEL_HEADER, SPLICE_HEADER.

local function refuse(handle, status, kind, message)
  local text = string.format('{"error":{"message":"%s","type":"%s","param":null,"code":%d}}', message, kind, status)
  handle:respond({[":status"] = tostring(status), ["content-type"] = "application/json"}, text)
end

-- Position of the quote that ends the string whose content begins at `i`; nil if it never ends.
local function string_end(s, i)
  while true do
    local p = string.find(s, '["\\]', i)
    if not p or string.byte(s, p) == 34 then return p end
    i = p + 2
  end
end

-- A JSON string's content as text; nil when it holds what no model's name can hold.
local function plain(text)
  if not string.find(text, "\\", 1, true) then return text end
  local strange = false
  local out = string.gsub(text, "\\(.)(%x?%x?%x?%x?)", function(c, hex)
    if c == "/" or c == '"' or c == "\\" then return c .. hex end
    local code = c == "u" and #hex == 4 and tonumber(hex, 16)
    if code and code >= 32 and code < 127 then return string.char(code) end
    strange = true
  end)
  if strange then return nil end
  return out
end

-- The value of a key whose colon is matched by the caller: first and last position of the string's content.
local function string_value(s, i)
  local _, quote = string.find(s, '^%s*:%s*"', i)
  if not quote then return nil end
  local stop = string_end(s, quote + 1)
  if not stop then return nil end
  return quote + 1, stop - 1
end

-- first and last position of the model's name; or nil and what is wrong.
local function find_model(s)
  -- Most clients write the model first; then nothing else may spell the key, and two searches at memchr's speed tell.
  local _, quick, name = string.find(s, '^%s*{%s*"model"%s*:%s*"([^"\\]*)"')
  if quick and not string.find(s, '"model"', quick, true) and not string.find(s, "\\u00", quick, true) then
    return quick - #name, quick - 1
  end
  if not string.find(s, "^%s*{") then return nil, "the body must be a JSON object" end
  local first, last
  local depth, i = 0, 1
  while true do
    local p = string.find(s, '["{}%[%]]', i)
    if not p then break end
    local c = string.byte(s, p)
    i = p + 1
    if c == 34 then
      local stop = string_end(s, i)
      if not stop then return nil, "the body is not valid JSON: a string does not end" end
      if depth == 1 and string.find(s, "^%s*:", stop + 1) and plain(string.sub(s, i, stop - 1)) == "model" then
        if first then return nil, "the body names a model twice" end
        first, last = string_value(s, stop + 1)
        if not first then return nil, "model must be a string" end
        stop = last + 1
      end
      i = stop + 1
    elseif c == 123 or c == 91 then
      depth = depth + 1
    else
      depth = depth - 1
      if depth < 0 then return nil, "the body is not valid JSON: brackets do not match" end
    end
  end
  if depth ~= 0 then return nil, "the body is not valid JSON: brackets do not match" end
  if not first then return nil, "you must provide a model parameter" end
  return first, last
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local path = string.match(headers:get(":path") or "", "^[^?]*")
  if OWN[path] then return end
  if not PATHS[path] then
    return refuse(handle, 404, "NotFoundError", "there is no such path; models are asked at /v1/chat/completions and its siblings")
  end
  if headers:get(":method") ~= "POST" then
    return refuse(handle, 405, "MethodNotAllowed", "this path takes POST")
  end
  local body = handle:body()
  if not body or body:length() == 0 then
    return refuse(handle, 400, "BadRequestError", "the body must be a JSON object")
  end
  local s = body:getBytes(0, body:length())
  local first, last = find_model(s)
  if not first then return refuse(handle, 400, "BadRequestError", last) end
  local name = plain(string.sub(s, first, last))
  if not name or name == "" or #name > 256 or string.find(name, "[^%w%p]") then
    name = "%" -- no route has this name, so that the answer is the one for an unknown model
  end
  headers = handle:headers() -- waiting for the body ended the life of the first
  headers:replace(MODEL_HEADER, name)
  headers:replace(SPLICE_HEADER, first .. "-" .. last .. "/" .. #s)
  handle:clearRouteCache()
end
