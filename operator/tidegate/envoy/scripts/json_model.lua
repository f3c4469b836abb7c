-- Finds the top-level "model" of a JSON body.
-- What is routed on is what a JSON parser takes for the model, or the request is refused; whether the rest of the body is
-- JSON is for the engine to say.

local ffi = require("ffi")
local bor = bit.bor
-- Levels of brackets. Python's own parser, which vLLM's server uses, gives up at 1,000 to 10,000, by its version.
local DEEPEST = 10000
-- Bytes after which a string is long.
local PIECE = 32
local QUOTE, BACKSLASH, COLON, OPEN = 34, 92, 58, 123
-- What a byte outside of strings does to the depth; and which are spaces.
local STEP, SPACE = ffi.new("int8_t[256]"), ffi.new("bool[256]")
for _, c in ipairs({string.byte("{[", 1, 2)}) do STEP[c] = 1 end
for _, c in ipairs({string.byte("}]", 1, 2)}) do STEP[c] = -1 end
for _, c in ipairs({string.byte(" \t\r\n", 1, 4)}) do SPACE[c] = true end

-- The bytes of a text that lives at least as long, by the positions that Lua counts from 1; behind the last stands a zero.
local function bytes(s)
  return ffi.cast("const uint8_t*", s) - 1
end

local function skip_spaces(p, i, size)
  while i <= size and SPACE[p[i]] do i = i + 1 end
  return i
end

-- Position of the quote that ends the string whose content begins at `i`; nil if it never ends.
-- A piece byte by byte, the rest at memchr's speed to the next quote, and so on: both many quotes and long texts are quick.
local function string_end(s, p, i, size)
  local near = i + PIECE
  while i <= size and p[i] ~= QUOTE do
    if i > near then
      local quote = find(s, '"', i, true)
      if not quote then return nil end
      local before = quote - 1
      while before >= i and p[before] == BACKSLASH do before = before - 1 end
      if (quote - before) % 2 == 1 then return quote end
      i, near = quote + 1, quote + PIECE
    else
      i = i + (p[i] == BACKSLASH and 2 or 1)
    end
  end
  if i <= size then return i end
end

-- Position behind one letter at `i`, written plainly or as \u006x with its last digit; nil if another one stands there.
local function behind(p, i, last, letter, digit)
  if p[i] == letter then return i + 1 end
  if i + 5 > last or p[i] ~= BACKSLASH or p[i + 1] ~= 117 or p[i + 2] ~= 48 or p[i + 3] ~= 48 or p[i + 4] ~= 54 then return nil end
  return bor(p[i + 5], 32) == digit and i + 6 or nil
end

-- Whether the string whose content stands in first..last spells "model", with or without escapes.
local function is_model(p, first, last)
  local length = last - first + 1
  if length % 5 ~= 0 or length == 0 or length > 30 then return false end
  local i = behind(p, first, last, 109, 100)
  i = i and behind(p, i, last, 111, 102)
  i = i and behind(p, i, last, 100, 52)
  i = i and behind(p, i, last, 101, 53)
  i = i and behind(p, i, last, 108, 99)
  return i == last + 1
end

-- The string value after the colon at `i`: first and last position of its content.
local function string_value(s, p, i, size)
  local quote = skip_spaces(p, i + 1, size)
  local stop = quote <= size and p[quote] == QUOTE and string_end(s, p, quote + 1, size)
  if not stop then return nil end
  return quote + 1, stop - 1
end

-- The same where the model comes first, as most clients write it, in an object that opens at `i`. Then nothing else may spell the
-- key, and two searches at memchr's speed tell.
local function first_member(s, p, i, size)
  local quote = skip_spaces(p, i + 1, size)
  if quote + 6 > size or p[quote] ~= QUOTE or p[quote + 6] ~= QUOTE or not is_model(p, quote + 1, quote + 5) then return nil end
  local colon = skip_spaces(p, quote + 7, size)
  if colon > size or p[colon] ~= COLON then return nil end
  local first, last = string_value(s, p, colon, size)
  if first and not find(s, '"model"', last + 2, true) and not find(s, "\\u00", first, true) then return first, last end
end

-- first and last position of the model's name, in an object that opens at `i`; or nil and what is wrong.
local function scan(s, p, i, size)
  local first, last
  local depth = 0
  while i <= size do
    local c = p[i]
    if c == QUOTE then
      local stop = string_end(s, p, i + 1, size)
      if not stop then return nil, "the body is not valid JSON: a string does not end" end
      if depth == 1 and is_model(p, i + 1, stop - 1) then
        local colon = skip_spaces(p, stop + 1, size)
        if colon <= size and p[colon] == COLON then
          if first then return nil, "the body names a model twice" end
          first, last = string_value(s, p, colon, size)
          if not first then return nil, "model must be a string" end
          stop = last + 1
        else
          stop = colon - 1
        end
      end
      i = stop
    else
      depth = depth + STEP[c]
      if depth < 0 then return nil, "the body is not valid JSON: brackets do not match" end
      if depth > DEEPEST then return nil, "the body is nested deeper than 10,000 levels" end
    end
    i = i + 1
  end
  if depth ~= 0 then return nil, "the body is not valid JSON: brackets do not match" end
  if not first then return nil, "you must provide a model parameter" end
  return first, last
end

-- The same of any body.
local function find_in_json(s)
  -- Parsers guess UTF-16 and UTF-32 from zeros at the beginning, and would then read another document than is read here.
  if find(s, "^[\239\254\255]") or find(sub(s, 1, 4), "\0", 1, true) then
    return nil, "the body must be UTF-8 without a byte order mark"
  end
  local p, size = bytes(s), #s
  local i = skip_spaces(p, 1, size)
  if i > size or p[i] ~= OPEN then return nil, "the body must be a JSON object" end
  local first, last = first_member(s, p, i, size)
  if first then return first, last end
  return scan(s, p, i, size)
end

-- A JSON string's content as text; nil when it holds what no model's name can hold.
local function plain_text(text)
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
