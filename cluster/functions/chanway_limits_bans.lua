
-- === Bans ===========================================================================================
-- chanway_limits_bans.lua - part of the library (chanway.lua): users, addresses and channels that are kept out.
--
--   <p>:bans  hash  subject -> "<until, ms> <reason>"
--                   v: "<version> <entries after the last purge>"; a version is Redis' time in us, and grows
--
-- Nodes have a copy of the hash. Each change is told to all on the topic <p>:all:
--   bans <version before> <version> <ms left, 0: lifted> <subject> <reason>
-- A node that missed one asks for everything, and one whose copy is newer than the hash gives it back: Redis
-- has lost it. So the hash, and with it the version, stays when the last ban is lifted.

do

local BANS_MAX, SECONDS_MAX = 10000, 315360000 -- ten years
local PURGE_SLACK = 64 -- entries; the ended ones are looked for when there are twice as many as before
local SUBJECT_SHAPE = 'the subject is user:<as in the group user:...>, address:<IP>[/<bits>] or channel:<uuid>'

-- === Addresses

-- Two words of 16 bits; or nil.
local function read_ipv4(text)
  local a, b, c, d, more = string.match(text, '^(%d+)%.(%d+)%.(%d+)%.(%d+)(.*)$')
  if not a or more ~= '' then return nil end
  local bytes = { a, b, c, d }
  for i = 1, 4 do
    if #bytes[i] > 3 or tonumber(bytes[i]) > 255 or string.find(bytes[i], '^0%d') then return nil end
  end
  return a * 256 + b, c * 256 + d
end

-- Adds the words of a part of an IPv6 address; false: it is none.
local function read_words(text, words)
  if text == '' then return true end
  for word in string.gmatch(text .. ':', '([^:]*):') do
    if not string.find(word, '^%x%x?%x?%x?$') then return false end
    words[#words + 1] = tonumber(word, 16)
  end
  return #words <= 8
end

-- Eight words; nil: it is none.
local function read_ipv6(text)
  local front, tail = string.match(text, '^(.*:)(%d+%.[%d.]+)$')
  if tail then
    local high, low = read_ipv4(tail)
    if not high then return nil end
    text = string.format('%s%x:%x', front, high, low)
  end
  local words, more = {}, {}
  local left, right = string.match(text, '^(.-)::(.*)$')
  if not left then return read_words(text, words) and #words == 8 and words or nil end
  if not read_words(left, words) or not read_words(right, more) or #words + #more > 7 then return nil end
  for _ = 1, 8 - #words - #more do words[#words + 1] = 0 end
  for i = 1, #more do words[#words + 1] = more[i] end
  return words
end

local function is_mapped(words)
  for i = 1, 5 do
    if words[i] ~= 0 then return false end
  end
  return words[6] == 65535
end

local function write_ipv6(words)
  local text = {}
  for i = 1, 8 do text[i] = string.format('%x', words[i]) end
  text = ':' .. table.concat(text, ':') .. ':'
  for run = 8, 2, -1 do
    local from, to = string.find(text, string.rep(':0', run) .. ':', 1, true)
    if from then return string.sub(text, 2, from - 1) .. '::' .. string.sub(text, to + 1, -2) end
  end
  return string.sub(text, 2, -2)
end

-- The one way to write an address or a network; nil: it is none. Of IPv6 an address without bits is its
-- network of 64: who has one of them has all.
local function write_network(text)
  local address, bits = string.match(text, '^([%x:.]+)/(%d%d?%d?)$')
  address = address or text
  if #address > 45 or not string.find(address, '^[%x:.]+$') then return nil end
  local high, low = read_ipv4(address)
  local words = high and { 0, 0, 0, 0, 0, 65535, high, low } or read_ipv6(address)
  if not words then return nil end
  local is_ipv4 = is_mapped(words)
  local skipped = high and 96 or 0
  bits = bits and bits + skipped or (is_ipv4 and 128 or 64)
  if bits > 128 then return nil end
  is_ipv4 = is_ipv4 and bits >= 96
  for i = 1, 8 do
    local kept = math.min(math.max(bits - 16 * (i - 1), 0), 16)
    words[i] = words[i] - words[i] % 2 ^ (16 - kept)
  end
  if not is_ipv4 then return write_ipv6(words) .. '/' .. bits end
  local dotted = string.format('%d.%d.%d.%d', math.floor(words[7] / 256), words[7] % 256,
    math.floor(words[8] / 256), words[8] % 256)
  return bits == 128 and dotted or dotted .. '/' .. (bits - 96)
end

-- === Subjects

-- The one way to write it; nil: it is none.
local function read_subject(text)
  local kind, name = string.match(text, '^(%l+):(.+)$')
  if kind == 'user' then
    local is_right = is_group_name(text) and not string.find(string.gsub(name, '=[%dA-F][%dA-F]', ''), '=', 1, true)
    return is_right and text or nil
  elseif kind == 'channel' then
    return is_uuid(name) and string.lower(text) or nil
  elseif kind == 'address' then
    local network = write_network(name)
    return network and 'address:' .. network
  end
  return nil
end

local function reason_fault(reason)
  if #reason > CLOSE_REASON_MAX or not is_utf8(reason) or string.find(reason, '%c') then
    return bad('the reason is not one line of UTF-8, at most ' .. CLOSE_REASON_MAX .. ' bytes')
  end
  return nil
end

-- === The hash

local function read_version(k)
  local version, kept = string.match(redis.call('HGET', k, 'v') or '', '^(%d+) (%d+)$')
  return version or '0', tonumber(kept or 0)
end

local function split_ban(value)
  local ends, reason = string.match(value, '^(%d+) (.*)$')
  return tonumber(ends), reason
end

-- Ended ones go; how many are left.
local function purge(k, now)
  local all, ended = redis.call('HGETALL', k), {}
  local left = 0
  for i = 1, #all, 2 do
    if all[i] ~= 'v' and split_ban(all[i + 1]) <= now then ended[#ended + 1] = all[i] end
    if all[i] ~= 'v' then left = left + 1 end
  end
  for i = 1, #ended do redis.call('HDEL', k, ended[i]) end
  return left - #ended
end

-- Counts a change and tells the nodes.
local function announce(k, prefix, kept, left_ms, subject, reason)
  local before = read_version(k)
  local version = string.format('%.0f', math.max(now_us(), before + 1))
  redis.call('HSET', k, 'v', version .. ' ' .. kept)
  redis.call('PUBLISH', prefix .. ':all',
    string.format('bans %s %s %.0f %s %s', before, version, left_ms, subject, reason))
end

local function check_bans(K)
  local prefix = #K == 1 and string.match(K[1], '^([A-Za-z0-9_.:-]+):bans$')
  if not prefix or #prefix > PREFIX_MAX then return nil, bad('one key: <prefix>:bans') end
  return K[1], prefix
end

-- === For back ends and administrators

-- A: subject seconds [reason] -> 1
local function public_ban(K, A)
  local k, prefix = check_bans(K)
  if not k then return prefix end
  local subject, reason = read_subject(A[1] or ''), A[3] or ''
  if not subject or #A > 3 then return bad(SUBJECT_SHAPE .. '; then seconds, then perhaps a reason') end
  local seconds = is_count(A[2], 9) and tonumber(A[2]) or 0
  if seconds < 1 or seconds > SECONDS_MAX then return bad('the seconds are not 1 to ' .. SECONDS_MAX) end
  local fault = reason_fault(reason)
  if fault then return fault end
  local now, _, kept = now_ms(), read_version(k)
  local count = math.max(redis.call('HLEN', k) - 1, 0) -- without v
  if count > 2 * kept + PURGE_SLACK or count >= BANS_MAX then
    kept = purge(k, now)
    count = kept
  end
  if count >= BANS_MAX and not redis.call('HGET', k, subject) then
    return redis.error_reply('TOOMANYBANS there are ' .. BANS_MAX .. ' bans: lift one first')
  end
  redis.call('HSET', k, subject, string.format('%.0f %s', now + seconds * 1000, reason))
  announce(k, prefix, kept, seconds * 1000, subject, reason)
  return 1
end

-- A: subject -> 1, or error NOBAN
local function public_unban(K, A)
  local k, prefix = check_bans(K)
  if not k then return prefix end
  local subject = read_subject(A[1] or '')
  if not subject or #A ~= 1 then return bad(SUBJECT_SHAPE) end
  local value = redis.call('HGET', k, subject)
  if not value or split_ban(value) <= now_ms() then return redis.error_reply('NOBAN there is no such ban') end
  redis.call('HDEL', k, subject)
  local _, kept = read_version(k)
  announce(k, prefix, kept, 0, subject, '')
  return 1
end

-- -> subject, seconds left, reason of each
local function public_bans(K, A)
  local k, problem = check_bans(K)
  if not k then return problem end
  if #A > 0 then return bad('there are no arguments') end
  local all, now, out, n = redis.call('HGETALL', k), now_ms(), {}, 0
  for i = 1, #all, 2 do
    local ends, reason = split_ban(all[i + 1])
    if all[i] ~= 'v' and ends > now then
      out[n + 1], out[n + 2], out[n + 3] = all[i], math.ceil((ends - now) / 1000), reason
      n = n + 3
    end
  end
  return out
end

-- === For nodes

-- A: the version of the node's copy -> the version, and unless it is the same every ban: a line
-- "<ms left> <subject> <reason>" each
local function node_bans(K, A)
  local k, version = K[1], read_version(K[1])
  if not is_count(A[1], 16) then return bad('a version') end
  if version == A[1] then return { version, '' } end
  local all, now, out = redis.call('HGETALL', k), now_ms(), {}
  for i = 1, #all, 2 do
    local ends, reason = split_ban(all[i + 1])
    if all[i] ~= 'v' and ends > now then
      out[#out + 1] = string.format('%.0f %s %s\n', ends - now, all[i], reason)
    end
  end
  return { version, table.concat(out) }
end

-- A: a version, lines as above -> 1: Redis had lost it, and all is as the node has it; 0: it had not
local function node_bans_back(K, A)
  local k, now, fields, count = K[1], now_ms(), {}, 0
  if not is_count(A[1], 16) then return bad('a version, lines') end
  for line in string.gmatch(A[2], '([^\n]*)\n') do
    local left, subject, reason = string.match(line, '^(%d+) (%S+) (.*)$')
    if not left or not is_count(left) or read_subject(subject) ~= subject or count >= BANS_MAX then
      return bad('lines of milliseconds, a subject and a reason')
    end
    count = count + 1
    fields[2 * count - 1], fields[2 * count] = subject, string.format('%.0f %s', now + left, reason)
  end
  local version = read_version(k)
  if tonumber(version) >= tonumber(A[1]) then return 0 end
  -- The key is never gone in between: in a slot that is being moved it could not be made again here.
  local others = redis.call('HKEYS', k)
  redis.call('HSET', k, 'v', A[1] .. ' ' .. count)
  for i = 1, #others do
    if others[i] ~= 'v' then redis.call('HDEL', k, others[i]) end
  end
  for i = 1, #fields, 2 do redis.call('HSET', k, fields[i], fields[i + 1]) end
  return 1
end

register('cw_ban', public_ban, 'allow-oom')
register('cw_unban', public_unban, 'allow-oom')
register('cw_bans', public_bans, 'no-writes')
register_for_nodes('cw_node_bans', 'bans', 1, node_bans, 'no-writes')
register_for_nodes('cw_node_bans_back', 'bans', 2, node_bans_back, 'allow-oom')

end
