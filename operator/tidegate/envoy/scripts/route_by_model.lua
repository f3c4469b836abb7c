-- Finds the model that a request names, writes it into a header for the routes, and says where its value stands in the body, so
-- that the rewrite after the choice of a backend can splice bytes. The body itself is not touched here.
-- Stands behind refuse.lua, json_model.lua and form_model.lua. Prepended by the program that writes this: JSON, FORMS, OWN,
-- MODELS, ELSEWHERE, KEYLESS, SHUT, RETRY_AFTER, LARGEST, MODEL_HEADER, SPLICE_HEADER, OWN_HEADER, LARGE_HEADER.

local LONGEST_NAME = 256
-- No route has it: the answer is the one for an unknown model.
local NO_NAME = "%"

-- A model's name, as routes know it.
local function known(name)
  if not name or name == "" or #name > LONGEST_NAME or find(name, "[^%w%p]") then return NO_NAME end
  return name
end

-- Engines know no path that ends with a slash.
local function without_slash(headers)
  local path, query = match(headers:get(":path") or "", "^([^?]*)(.*)$")
  local plain = match(path, "^(/.-)/+$")
  if plain then headers:replace(":path", plain .. query) end
  return plain or path
end

-- Answered by the routes.
local function own(handle, headers, path)
  local method = headers:get(":method")
  if method ~= "GET" and method ~= "HEAD" then return refuse(handle, 405, "this path takes GET", {allow = "GET, HEAD"}) end
  headers:replace(OWN_HEADER, path)
  handle:clearRouteCache()
end

local function no_such_path(path)
  for prefix, instead in pairs(ELSEWHERE) do
    if sub(path, 1, #prefix) == prefix then return instead end
  end
  return "there is no such path; models are asked at /v1/chat/completions and its siblings"
end

local function wrong_request(handle, headers, path)
  local method = headers:get(":method")
  if method == "OPTIONS" and headers:get("access-control-request-method") then
    refuse(handle, 405, "pages of this origin may not ask from a browser: spec.router.cors of the RoutingPolicy says which may", {allow = "GET, POST"})
  elseif not (JSON[path] or FORMS[path]) then
    refuse(handle, 404, no_such_path(path))
  elseif method ~= "POST" then
    refuse(handle, 405, "this path takes POST", {allow = "POST"})
  elseif lower(headers:get("content-encoding") or "identity") ~= "identity" then
    refuse(handle, 415, "the body must come without content-encoding: engines do not decompress")
  else
    return false
  end
  return true
end

-- The body, once it is there; nil when it was refused.
local function whole_body(handle)
  local body = handle:body()
  if handle:headers():get(LARGE_HEADER) or (body and body:length() > LARGEST) then
    return refuse(handle, 413, TOO_LARGE)
  end
  return body and body:getBytes(0, body:length()) or ""
end

local function found(s, form, content_type)
  if form then
    local first, last = find_in_form(s, content_type)
    return first, last, first and sub(s, first, last)
  end
  if s == "" then return nil, "the body must be a JSON object" end
  local first, last = find_in_json(s)
  local short = first and last - first < 6 * LONGEST_NAME
  return first, last, short and plain_text(sub(s, first, last))
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local path = without_slash(headers)
  if SHUT and not KEYLESS[path] then return refuse(handle, 503, SHUT, {["retry-after"] = RETRY_AFTER}) end
  if OWN[path] or sub(path, 1, #MODELS + 1) == MODELS .. "/" then return own(handle, headers, path) end
  if wrong_request(handle, headers, path) then return end
  local s = whole_body(handle)
  if not s then return end
  headers = handle:headers() -- waiting for the body ended the life of the first
  local first, last, name = found(s, FORMS[path], headers:get("content-type") or "")
  if not first then return refuse(handle, 400, last) end
  headers:replace(MODEL_HEADER, known(name))
  headers:replace(SPLICE_HEADER, first .. "-" .. last .. "/" .. #s)
  handle:clearRouteCache()
end
