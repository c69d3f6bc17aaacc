
-- === Checks of what back ends send ==================================================================
-- chanway_checks.lua - the third part of the library (chanway.lua): UTF-8, JSON, names, arguments.

local JSON_MAX = 65536 -- longer JSON is checked by the nodes
local JSON_DEPTH_MAX = 64
local COUNT_MAX, COUNT_DEFAULT = 1000, 100
local NAME_MAX, PREFIX_MAX, IDEMPOTENCY_KEY_MAX = 128, 32, 64
local CLOSE_REASON_MAX = 123 -- a close frame has room for 125 bytes, code included

local KINDS = { json = 0, text = 1, bytes = 2 } -- and back:
local KIND_NAMES = { [0] = 'json', [1] = 'text', [2] = 'bytes' }

-- Multi-byte sequences of RFC 3629 by their first bytes: no overlong form, no surrogate, no plane 17.
local SEQUENCES = {
  { '[\194-\223]', '[\194-\223][\128-\191]' },
  { '\224', '\224[\160-\191][\128-\191]' },
  { '[\225-\239]', '[\225-\236\238\239][\128-\191][\128-\191]' },
  { '\237', '\237[\128-\159][\128-\191]' },
  { '\240', '\240[\144-\191][\128-\191][\128-\191]' },
  { '[\241-\243]', '[\241-\243][\128-\191][\128-\191][\128-\191]' },
  { '\244', '\244[\128-\143][\128-\191][\128-\191]' },
}

-- Whole sequences are replaced, kind by kind; a byte over 127 that is left belongs to none. A first
-- byte never continues a sequence, so no kind finds its own inside another's.
local function is_utf8(text)
  if not string.find(text, '[\128-\255]') then return true end
  local rest = string.gsub(text, '[%z\1-\127]+', ' ')
  for i = 1, #SEQUENCES do
    if string.find(rest, SEQUENCES[i][1]) then rest = string.gsub(rest, SEQUENCES[i][2], ' ') end
  end
  return not string.find(rest, '[\128-\255]')
end

-- Replaces the escapes of strings by plain letters; nil if one is none, or half a surrogate pair. It
-- need not know where strings begin: a backslash or what it became is wrong anywhere else too.
local function without_escapes(json)
  if not string.find(json, '\\', 1, true) then return json end
  local rest = string.gsub(json, '\\["\\/bfnrt]', '__')
  if string.find(rest, '\\u', 1, true) then
    rest = string.gsub(rest, '\\u[dD][89aAbB]%x%x\\u[dD][c-fC-F]%x%x', '__')
    if string.find(rest, '\\u[dD][89a-fA-F]') then return nil end
    rest = string.gsub(rest, '\\u%x%x%x%x', '__')
  end
  return not string.find(rest, '\\', 1, true) and rest or nil
end

-- The position after the scalar that begins at `at` with the byte `first`; nil: there is none.
-- `is_plain`: there is no control character that a string must not have.
local function skip_scalar(json, at, first, is_plain)
  local match = string.match
  if first == 34 then
    if not is_plain then return match(json, '^"[^"%z\1-\31]*"()', at) end
    local quote = string.find(json, '"', at + 1, true)
    return quote and quote + 1
  end
  local after = match(json, '^%-?[1-9]%d*()', at) or match(json, '^%-?0()', at)
  if not after then
    return match(json, '^true()', at) or match(json, '^false()', at) or match(json, '^null()', at)
  end
  local next_byte = string.byte(json, after)
  if next_byte == 46 then
    after = match(json, '^%d+()', after + 1)
    if not after then return nil end
    next_byte = string.byte(json, after)
  end
  if next_byte == 101 or next_byte == 69 then return match(json, '^[+-]?%d+()', after + 1) end
  return after
end

-- Nil, or why `text` is no JSON by RFC 8259, or too deep. Token by token: the patterns do the bytes.
-- `closer` is the bracket that ends the innermost container, `closers` are those around it.
local function json_fault(text)
  local is_plain = not string.find(text, '[^ -~]') -- letters, digits and signs of ASCII: most messages
  if not is_plain and not is_utf8(text) then return 'no UTF-8' end
  local json = without_escapes(text)
  if not json then return 'no JSON: a bad escape or half a surrogate pair' end
  local match, byte_at = string.match, string.byte
  local closers, closer, depth, at = {}, nil, 0, match(json, '^[ \n\r\t]*()')
  while true do
    local first = byte_at(json, at)
    if closer == 93 and first and first >= 49 and first <= 57 then -- a run of plain numbers
      local after = at
      while after do at, after = after, match(json, '^[1-9]%d*,[ \n\r\t]*()', after) end
      first = byte_at(json, at)
    end
    local is_open = first == 91 or first == 123
    if is_open then
      if depth == JSON_DEPTH_MAX then return 'deeper than ' .. JSON_DEPTH_MAX end
      depth, closers[depth], closer = depth + 1, closer, first + 2
      at = match(json, '^[ \n\r\t]*()', at + 1)
    else
      at = skip_scalar(json, at, first, is_plain)
      if not at then return 'no JSON: a value is missing or wrong' end
    end
    while true do -- a value, or the opening of a container, has ended
      local byte = byte_at(json, at)
      if byte == 32 or byte == 10 or byte == 13 or byte == 9 then
        at = match(json, '^[ \n\r\t]*()', at)
        byte = byte_at(json, at)
      end
      if depth == 0 then return byte and 'no JSON: something follows the value' or nil end
      if byte ~= closer then
        if not is_open then
          if byte ~= 44 then return 'no JSON: a comma or a closing bracket is missing' end
          at = match(json, '^[ \n\r\t]*()', at + 1)
        end
        if closer == 125 then
          at = match(json, '^"[^"%z\1-\31]*"[ \n\r\t]*:[ \n\r\t]*()', at)
          if not at then return 'no JSON: a name and a colon are missing' end
        end
        break
      end
      depth = depth - 1
      closer, at, is_open = closers[depth], at + 1, false
    end
  end
end

-- Nil, or why a payload can't be published as what it is said to be.
local function payload_fault(kind, payload, max)
  if #payload > max then
    return string.format('the payload has %d bytes, at most %.0f are allowed', #payload, max)
  end
  if kind == KINDS.text and not is_utf8(payload) then return 'the text is no UTF-8' end
  if kind == KINDS.json and #payload <= JSON_MAX then
    local fault = json_fault(payload)
    return fault and 'the payload is ' .. fault
  end
  return nil
end

local function is_uuid(text)
  return #text == 36 and string.find(text, '-', 1, true) == 9 and
    string.find(text, '^%x+%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x+$') ~= nil
end

local function is_group_name(name)
  return #name <= NAME_MAX and string.find(name, '^[A-Za-z0-9_.:@=/-]+$') ~= nil
end

-- A group that a back end may put channels into and take them out of.
local function group_fault(name)
  if not name then return 'there is no group' end
  if not is_group_name(name) then return 'the group is not 1 to 128 bytes of A-Z a-z 0-9 _ . : @ = / -' end
  return string.sub(name, 1, 5) == 'user:' and 'groups that begin with user: are the nodes\' own' or nil
end

local function is_close_code(text)
  local code = #text == 4 and is_count(text) and tonumber(text) or 0
  return code == 1000 or (code >= 3000 and code <= 4999)
end

-- The one key of a call to a group or a channel, and the uuid; or nil and the error.
local function check_key(K, kind)
  local what = kind == 'g' and '{g:<group>}' or '{c:<uuid>}'
  if #K ~= 1 then return nil, bad('one key: <prefix>:' .. what) end
  local prefix, found, name = string.match(K[1], '^([A-Za-z0-9_.:-]+):{(%l):([^{}]+)}$')
  local is_right = found == kind and #prefix <= PREFIX_MAX
  if is_right and kind == 'g' then is_right = is_group_name(name) end
  if is_right and kind == 'c' then is_right = is_uuid(name) and name == string.lower(name) end
  if not is_right then return nil, bad('the key is not <prefix>:' .. what) end
  local problem = check_whole(K[1])
  if problem then return nil, problem end
  return K[1], name
end

local OPTIONS = {
  FROM = function(text) return is_group_name(text) and not is_uuid(text) and text or nil end,
  KEY = function(text) return #text >= 1 and #text <= IDEMPOTENCY_KEY_MAX and text or nil end,
  CURSOR = function(text) return text end, -- page_members looks at it
  COUNT = function(text)
    local count = string.find(text, '^%d+$') and tonumber(text) or 0
    return count >= 1 and count <= COUNT_MAX and count or nil
  end,
  SINCE = function(text)
    local epoch, offset = string.match(text, '^(%d+)-(%d+)$')
    if not epoch or #epoch > 19 or #offset > 19 then return nil end -- 20 digits may be over 64 bits
    return text
  end,
}

-- Pairs of a name in `allowed` and a value, from A[first] on, as a map; or nil and the error.
local function read_options(A, first, allowed)
  local options = {}
  for i = first, #A, 2 do
    local name = string.upper(A[i])
    if not string.find(allowed, ' ' .. name .. ' ', 1, true) or not OPTIONS[name] then
      return nil, bad('unknown option; there are:' .. allowed)
    end
    if not A[i + 1] then return nil, bad(name .. ' has no value') end
    if options[name] then return nil, bad(name .. ' comes twice') end
    options[name] = OPTIONS[name](A[i + 1])
    if not options[name] then return nil, bad(name .. ' has a value that is not allowed') end
  end
  return options
end
