-- Finds the field `model` of a form (multipart/form-data, RFC 7578).
-- What is routed on is what the engine's parser takes for the field, or the request is refused. So a form is read strictly where
-- parsers differ: line ends, quotes, the names of RFC 2231, what stands before the first part.

-- vLLM's server takes 1,000 files and 1,000 fields.
local MOST_PARTS = 2000
-- A part's headers: how many, with how many parameters, and their bytes.
local MOST_LINES, MOST_PARAMETERS, LONGEST_HEAD = 16, 16, 8192
local CR = 13

ffi.cdef("void *memmem(const void *text, size_t size, const void *wanted, size_t length);")

-- first and last position of what is wanted, from `i` on. Unlike a plain find it is quick in any text.
local function position(s, wanted, i)
  local p = bytes(s)
  local at = ffi.C.memmem(p + i, #s - i + 1, wanted, #wanted)
  if at == nil then return nil end
  local start = tonumber(ffi.cast("const uint8_t*", at) - p)
  return start, start + #wanted - 1
end

local BROKEN = "the body is not a valid form: "
local CHARSETS = {["utf-8"] = true, utf8 = true, ["us-ascii"] = true, ["iso-8859-1"] = true}

-- The parameter that begins at `i`: its name, its value as it is written, and what stands behind it.
local function parameter(value, i)
  local key, start = match(value, '^;[ \t]*([^ \t;="]+)[ \t]*=[ \t]*()', i)
  if not key then return nil end
  if sub(value, start, start) ~= '"' then
    local text, stop = match(value, '^([^;"]*)()', start)
    return lower(key), match(text, "^(.-)[ \t]*$"), stop
  end
  local stop = string_end(value, bytes(value), start + 1, #value)
  if not stop then return nil end
  return lower(key), sub(value, start + 1, stop - 1), match(value, "^[ \t]*()", stop + 1)
end

-- The parameters of a header's value, names in small letters; nil where two readers could see others.
local function parameters(value)
  local found = {}
  local i = find(value, ";", 1, true)
  if position(value, '\\\\"', 1) then return nil end
  for _ = 0, MOST_PARAMETERS do
    if not i or i > #value or find(value, "^;[ \t]*$", i) then return found end
    local key, text, behind = parameter(value, i)
    local again = key and (found[key] or (find(key, "*", 1, true) and not find(key, "^filename")))
    if not key or again or (behind <= #value and sub(value, behind, behind) ~= ";") then return nil end
    found[key], i = text, behind
  end
end

-- What parts are divided by; or nil and what is wrong.
local function boundary_of(content_type)
  if not find(lower(content_type), "^multipart/form%-data[ \t]*;") then
    return nil, "the body must be a form (multipart/form-data), with the model in its field model"
  end
  local found = parameters(content_type)
  local boundary = found and found.boundary
  if not boundary or #boundary > 200 or not find(boundary, "^[%w'()+_,%./:=? -]*[%w'()+_,%./:=?-]$") then
    return nil, "the content-type of a form needs one boundary, of letters and digits"
  end
  if found.charset and not CHARSETS[lower(found.charset)] then return nil, "a form must be UTF-8" end
  return boundary
end

-- Of a field's parameters: its name, and whether it is a file; nil where two readers could see others.
local function field(disposition)
  local found = parameters(disposition)
  if not found then return nil end
  local file = false
  for key in pairs(found) do file = file or find(key, "^filename") ~= nil end
  local name = found.name or ""
  if name ~= "model" and string.gsub(name, "\\", "") == "model" then return nil end
  return name, file
end

-- The same of a part's headers, each line with its end.
local function field_of(head)
  local disposition
  local i = 1
  for _ = 0, MOST_LINES do
    if i > #head then return field(disposition or "") end
    local key, start = match(head, "^([^%s:]+):()", i)
    local stop = key and find(head, "\n", start, true)
    if not stop or find(head, "\r", start, true) ~= stop - 1 then return nil end
    if lower(key) == "content-disposition" then
      if disposition then return nil end
      disposition = sub(head, start, stop - 2)
    end
    i = stop + 1
  end
end

-- Position behind the first delimiter, before which nothing may look like one; nil if there is none.
local function first_part(s, delimiter)
  local start, stop = position(s, sub(delimiter, 2), 1)
  if not start then return nil end
  if start > 1 and sub(s, start - 2, start - 1) ~= "\r\n" then return nil end
  return stop + 1
end

-- The part whose delimiter ends before `at`: its field's name, whether it is a file, first and last position of its content, and
-- the position behind its end; or nil and what is wrong.
local function part(s, delimiter, at)
  local blank = position(s, "\r\n\r\n", at) -- the first may be the delimiter's own
  if not blank or blank - at > LONGEST_HEAD then return nil, BROKEN .. "a part's headers do not end" end
  local name, file = field_of(sub(s, at + 2, blank + 1))
  if not name then return nil, BROKEN .. "a part's headers are not plainly written" end
  local first = blank + 4
  if sub(s, first, first + #delimiter - 2) == sub(delimiter, 2) then return nil, BROKEN .. "a part has no content" end
  local start, stop = position(s, delimiter, first)
  if not start then return nil, BROKEN .. "its last part does not end" end
  if string.byte(s, start - 1) ~= CR or start - 1 < first then return nil, BROKEN .. "a line does not end as it must" end
  return name, file, first, start - 2, stop + 1
end

-- first and last position of the model's name; or nil and what is wrong.
local function find_in_form(s, content_type)
  local boundary, wrong = boundary_of(content_type)
  if not boundary then return nil, wrong end
  local delimiter = "\n--" .. boundary
  local at = first_part(s, delimiter)
  local first, last
  for _ = 0, MOST_PARTS do
    local behind = at and sub(s, at, at + 1)
    if behind == "--" and first then return first, last end
    if behind == "--" then return nil, "you must provide a model: the form has no field model" end
    if behind ~= "\r\n" then return nil, BROKEN .. "it does not begin with its boundary, or a boundary is followed by something else" end
    local name, file, from, to, next_at = part(s, delimiter, at)
    if not name then return nil, file end
    if name == "model" then
      if file then return nil, "model must be a field of the form, not a file" end
      if first then return nil, "the form names a model twice" end
      first, last = from, to
    end
    at = next_at
  end
  return nil, "the form has more than 2,000 parts"
end
