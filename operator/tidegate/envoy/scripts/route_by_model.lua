-- Finds the top-level "model" of a JSON body, names it in a header for the routes, and says where its value stands, so
-- that the rewrite after the choice of a backend can splice bytes. The body itself is not touched here.
-- What is routed on is what a JSON parser takes for the model, or the request is refused; whether the rest of the body is
-- JSON is for the engine to say.
-- Prepended by the program that writes this: PATHS, OWN, MODEL_HEADER, SPLICE_HEADER.

local byte, find, match, sub = string.byte, string.find, string.match, string.sub
local LONGEST_NAME = 256
-- The letters of "model", and the last digit of each as \u006x.
local LETTERS = {byte("model", 1, 5)}
local DIGITS = {byte("df45c", 1, 5)}

local function refuse(handle, status, kind, message, allow)
  local text = string.format('{"error":{"message":"%s","type":"%s","param":null,"code":%d}}', message, kind, status)
  handle:respond({[":status"] = tostring(status), ["content-type"] = "application/json", ["allow"] = allow}, text)
end

-- Position of the quote that ends the string whose content begins at `i`; nil if it never ends.
-- Plain finds run at memchr's speed and loops over bytes are compiled; a find with a pattern would take ten times as long.
local function string_end(s, i)
  local quote = find(s, '"', i, true)
  while quote do
    local before = quote - 1
    while before >= i and byte(s, before) == 92 do before = before - 1 end
    if (quote - before) % 2 == 1 then return quote end
    quote = find(s, '"', quote + 1, true)
  end
end

-- Whether the string whose content stands in first..last spells "model", with or without escapes.
local function is_model(s, first, last)
  if (last - first + 1) % 5 ~= 0 or last - first >= 30 then return false end
  for letter = 1, 5 do
    local c = byte(s, first)
    if c == LETTERS[letter] then
      first = first + 1
    elseif c == 92 and first + 5 <= last and sub(s, first + 1, first + 4) == "u006" and
      bit.bor(byte(s, first + 5), 32) == DIGITS[letter] then
      first = first + 6
    else
      return false
    end
  end
  return first == last + 1
end

-- A JSON string's content as text; nil when it holds what no model's name can hold.
local function plain(text)
  if not find(text, "\\", 1, true) then return text end
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

-- The value of a key whose closing quote stands before `i`: first and last position of the string's content.
local function string_value(s, i)
  local _, quote = find(s, '^%s*:%s*"', i)
  local stop = quote and string_end(s, quote + 1)
  if not stop then return nil end
  return quote + 1, stop - 1
end

-- first and last position of the model's name; or nil and what is wrong.
local function scan(s)
  local first, last
  local depth, i, size = 0, 1, #s
  while i <= size do
    local c = byte(s, i)
    if c == 34 then
      local stop = string_end(s, i + 1)
      if not stop then return nil, "the body is not valid JSON: a string does not end" end
      if depth == 1 and is_model(s, i + 1, stop - 1) and find(s, "^%s*:", stop + 1) then
        if first then return nil, "the body names a model twice" end
        first, last = string_value(s, stop + 1)
        if not first then return nil, "model must be a string" end
        stop = last + 1
      end
      i = stop
    elseif c == 123 or c == 91 then
      depth = depth + 1
    elseif c == 125 or c == 93 then
      depth = depth - 1
      if depth < 0 then return nil, "the body is not valid JSON: brackets do not match" end
    end
    i = i + 1
  end
  if depth ~= 0 then return nil, "the body is not valid JSON: brackets do not match" end
  if not first then return nil, "you must provide a model parameter" end
  return first, last
end

local function find_model(s)
  -- Parsers guess UTF-16 and UTF-32 from zeros at the beginning, and would then read another document than is read here.
  if find(s, "^[\239\254\255]") or find(sub(s, 1, 4), "\0", 1, true) then
    return nil, "the body must be UTF-8 without a byte order mark"
  end
  -- Most clients write the model first; then nothing else may spell the key, and two searches at memchr's speed tell.
  local _, quick, name = find(s, '^%s*{%s*"model"%s*:%s*"([^"\\]*)"')
  if quick and not find(s, '"model"', quick, true) and not find(s, "\\u00", quick, true) then
    return quick - #name, quick - 1
  end
  if not find(s, "^%s*{") then return nil, "the body must be a JSON object" end
  return scan(s)
end

-- The name between first and last; "%", which no route has, when it is none: the answer is the one for an unknown model.
local function name_at(s, first, last)
  local name = last - first < 6 * LONGEST_NAME and plain(sub(s, first, last))
  if not name or name == "" or #name > LONGEST_NAME or find(name, "[^%w%p]") then return "%" end
  return name
end

-- Answered by the routes, which know paths without a query.
local function own(handle, headers, path)
  local method = headers:get(":method")
  if method ~= "GET" and method ~= "HEAD" then
    return refuse(handle, 405, "MethodNotAllowed", "this path takes GET", "GET, HEAD")
  end
  if headers:get(":path") ~= path then
    headers:replace(":path", path)
    handle:clearRouteCache()
  end
end

local function wrong_request(handle, headers, path)
  if not PATHS[path] then
    refuse(handle, 404, "NotFoundError", "there is no such path; models are asked at /v1/chat/completions and its siblings")
  elseif headers:get(":method") ~= "POST" then
    refuse(handle, 405, "MethodNotAllowed", "this path takes POST", "POST")
  elseif string.lower(headers:get("content-encoding") or "identity") ~= "identity" then
    refuse(handle, 415, "UnsupportedMediaType", "the body must come without content-encoding: engines do not decompress")
  else
    return false
  end
  return true
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local path = match(headers:get(":path") or "", "^[^?]*")
  if OWN[path] then return own(handle, headers, path) end
  if wrong_request(handle, headers, path) then return end
  local body = handle:body()
  if not body or body:length() == 0 then
    return refuse(handle, 400, "BadRequestError", "the body must be a JSON object")
  end
  local s = body:getBytes(0, body:length())
  local first, last = find_model(s)
  if not first then return refuse(handle, 400, "BadRequestError", last) end
  headers = handle:headers() -- waiting for the body ended the life of the first
  headers:replace(MODEL_HEADER, name_at(s, first, last))
  headers:replace(SPLICE_HEADER, first .. "-" .. last .. "/" .. #s)
  handle:clearRouteCache()
end
