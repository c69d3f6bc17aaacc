#!lua name=chanway
-- chanway.lua - Chanway's functions in Redis: groups, channels, nodes, and the format of envelopes.
--
-- cw_NAME is the API of back ends and administrators: it checks everything it is given. cw_node_NAME
-- is called by nodes, which have checked names and payloads already. Both are described in
-- cluster/README.md. The library is nine files in a row: this one (groups), chanway_append.lua
-- (publishing), chanway_channels.lua (channels and nodes), chanway_checks.lua, chanway_inbox.lua (direct
-- messages and requests), chanway_limits.lua, chanway_limits_bans.lua, chanway_losses.lua and
-- chanway_public.lua.
--
-- A function has one key, an entity's base key; the entity's other keys are made of it, so all lie
-- under one hash tag. Nothing here knows the prefix: one library serves every cluster of a Redis.
--
--   <p>:{g:G}    hash   e, o  epoch and offset of the last message: the last id outlives the stream
--                       b     the Lua state that opened the epoch, and e
--                       z, t  bytes ever appended; z as it was before the oldest entry (a lower bound)
--                       m     there are members: the hash stays
--                       w     some of them asked for presence: joins and leaves are published
--                       cfg   what a node handed along last: "<size> <ttl ms> <bytes> <keys> [<payload>]"
--                       x     what Redis has lost, newest first: "<last id it has> <id that is followed> ..."
--   ...:m        hash   uuid -> "<node>[;<generation>][ <user>]"
--   ...:h        stream <e>-<o>: d body, s z after it; the first of an epoch has p, the id before
--   ...:k0, :k1  hash   idempotency key -> id; the younger and the elder generation
--   <p>:{c:U}    hash   node ('': away, the hash ends when it can't be resumed any more), gen, type,
--                       created, expires, user, address, g:<group>; from: chanway_channels.lua
--                       qe, qs, qb  epoch, offset and Lua state of the last direct message
--                       qn          bytes of the messages that are kept
--                       qmax, qbytes, qpay  limits that a node handed along, unless the defaults
--                       qw          what was written last to a channel that is away
--                       rs          number of the last request
--                       s, so       digests of its session's tokens
--                       ke          when :k0 and :k1 would have ended if it were not away
--   ...:q        list   "<id> <body>", the first of an epoch "<id><<id before> <body>"
--   ...:r        list   "<n> <body>": requests that no node has done yet
--   <p>:{n:N}    hash   a node's lease;   <p>:nodes  hash id -> "<expiry ms> <channels>"
--
-- While the library loads, Redis hides every global but `redis`: no library function up here.

local VERSION = 14 -- raised with every change: nodes load the library when it is missing or older

local DEFAULTS = '100 300000 8388608 100000'
local CFG_SHAPE = 'cfg is "<size> <ttl ms> <bytes> <keys> [<payload max>]"'
local PAYLOAD_MAX = 65536 -- unless cfg has a fifth number
local KEY_MAX = 200 -- bytes of a base key: the longest prefix and name and some
local KEEP_MS = 86400000 -- how long a group without members keeps its last id after its history
local KEY_MS = 120000 -- how long an idempotency key is remembered at least
local TRIM_MAX = 1000 -- entries that one publish removes for the sake of bytes
local CHUNK = 1000 -- values handed to one command: Lua's unpack can't do 8000
local SCAN_COUNT = 16 -- of HSCAN: a batch is a few more, or the whole of a small hash
local CURSOR_MAX, TOLD_DIGITS = 64, 8 -- bytes of a members cursor; digits by which it names a member
local LOSSES_MAX = 8 -- of a group that are remembered
local PRESENCE_MAX = 128 -- members in one presence message
local LOGS_MAX = 10000 -- groups whose state is known, some 400 bytes each

-- The types of bodies: 0 json, 1 text, 2 bytes are clients' payloads, the others are read by nodes.
local PRESENCE, CLOSE, ADD, REMOVE = 3, 8, 9, 10

local function bad(why)
  return redis.error_reply('BADREQUEST ' .. why)
end

-- Digits alone; unless it says how many there may be, few enough to be exact in Lua.
local function is_count(text, max)
  return text ~= nil and #text <= (max or 15) and string.find(text, '^%d+$') ~= nil
end

-- A type or flags: small enough to be one byte of MessagePack.
local function is_kind(text)
  return #text <= 2 and string.find(text, '^%d%d?$') ~= nil
end

local function now_us()
  local now = redis.call('TIME')
  return now[1] * 1000000 + now[2]
end

local function now_ms()
  return math.floor(now_us() / 1000)
end

-- === Registration ===================================================================================

-- Functions that write are refused when Redis is out of memory, before they begin; what frees memory
-- or keeps a node alive is not.
local function register(name, callback, ...)
  redis.register_function{ function_name = name, callback = callback, flags = { ... } }
end

local KEY_SHAPES = {
  g = '^[%w_.:-]+:{g:[%w_.:@=/-]+}$', c = '^[%w_.:-]+:{c:[%w-]+}$', n = '^[%w_.:-]+:{n:[%w_.-]+}$',
  nodes = '^[%w_.:-]+:nodes$', bans = '^[%w_.:-]+:bans$', l = '^[%w_.:-]+:{l:[au]:[%w_.:@=/-]+}$',
}

-- While a slot of a Redis Cluster is moved, some keys of an entity may be here and some there: a function
-- would find a part missing, or fail half way. Redis answers a command with two keys of a slot that is
-- on its way, on both sides, only if both keys are there; one of these never is. So nothing is begun.
local check_whole
do
  local is_cluster -- nil: nobody has called yet who may ask

  -- Nil, or the error.
  check_whole = function(k)
    if is_cluster == nil and redis.acl_check_cmd('INFO', 'cluster') then
      is_cluster = string.find(redis.call('INFO', 'cluster'), 'cluster_enabled:1', 1, true) ~= nil
    end
    if is_cluster == false then return nil end
    local found = redis.pcall('EXISTS', k, k .. ':-')
    if type(found) ~= 'table' then return nil end
    if not string.find(found.err, 'non local', 1, true) then return found end
    return redis.error_reply('TRYAGAIN the slot is being moved to another server: nothing was done')
  end
end

-- Functions that use their key alone: it is on one side, and they do their work there.
local USES_ONE_KEY = {
  cw_node_session = true, cw_node_settle = true, cw_node_mark = true, cw_node_renew = true,
  cw_node_list = true, cw_node_dead = true, cw_node_seats = true, cw_node_bans = true,
  cw_node_bans_back = true,
}

-- The groups' states as the last calls left them (known_state).
local logs, logs_count = {}, 0

-- A function with one key of a kind and at least so many arguments.
local function register_for_nodes(name, kind, least, callback, ...)
  local shape, known = KEY_SHAPES[kind], kind == 'g' and logs or {}
  local has_more_keys = not USES_ONE_KEY[name]
  register(name, function(K, A)
    local k = K[1]
    if #K ~= 1 or #A < least or (not known[k] and (#k > KEY_MAX or not string.find(k, shape))) then
      return bad(string.format('%s: one key of the kind %s, at least %d arguments', name, kind, least))
    end
    local problem = has_more_keys and check_whole(k)
    return problem or callback(K, A)
  end, ...)
end

register('cw_version', function() return VERSION end, 'no-writes')

-- === Log of a group =================================================================================

-- Names this Lua state: another one after a restart, a promotion, a full resync, a load of the library.
-- What was appended by another state may have been lost since, or may go on elsewhere.
local boot
local function boot_token()
  if not boot then
    boot = string.format('%.0f.%s', now_us(), string.match(tostring({}), '%x+$'))
  end
  return boot
end

-- Parsed cfg texts: a handful of settings in a cluster, whatever the number of groups.
local known_limits, known_count = {}, 0
local function limits_of(text)
  local limits = known_limits[text]
  if limits then return limits end
  local size, ttl, bytes, keys, payload =
    string.match(text, '^(%d+) (%d+) (%d+) (%d+) ?(%d*)$')
  if not size or #text > 100 then return nil end
  limits = {
    size = tonumber(size), size_text = size, ttl = ttl, bytes = tonumber(bytes),
    keys = tonumber(keys), payload = tonumber(payload) or PAYLOAD_MAX,
    keep = string.format('%.0f', tonumber(ttl) + KEEP_MS),
  }
  if known_count >= 256 then known_limits, known_count = {}, 0 end
  known_limits[text], known_count = limits, known_count + 1
  return limits
end

-- The fields of a group's hash in the order in which a state is read.
local E, B, O, Z, T, M, CFG, W = 1, 2, 3, 4, 5, 6, 7, 8
local function read_state(k)
  return redis.call('HMGET', k, 'e', 'b', 'o', 'z', 't', 'm', 'cfg', 'w')
end

-- Reading eight fields of a hash costs more than all else that a publish does beside XADD and SPUBLISH.
-- Only the Lua state that opened an epoch appends to it, so a state that it knows holds as long as the
-- epoch is in the hash as it was opened. Whatever else writes into the hash forgets what is known.
local function forget_state(k)
  if logs[k] then logs[k], logs_count = nil, logs_count - 1 end
end

local function known_state(k)
  local state = logs[k]
  if not state then return read_state(k) end
  if state[M] then
    if redis.call('HGET', k, 'b') == state[B] then return state end
  else -- members may have come while a slot was on another server
    local now = redis.call('HMGET', k, 'b', 'm')
    if now[1] == state[B] and not now[2] then return state end
  end
  forget_state(k)
  return read_state(k)
end

-- `state` is that of a group with history to which this Lua state has appended.
local function know_state(k, state)
  forget_state(k)
  if logs_count == LOGS_MAX then
    for other in pairs(logs) do logs[other] = nil end
    logs_count = 0
  end
  logs[k], logs_count = state, logs_count + 1
end

-- The limits that hold for a call that was handed `given` (nil: none; the limits are nil if it is no
-- cfg), and `given` if the group has to remember it.
local function choose_limits(state, given)
  local stored = state[CFG] or DEFAULTS
  if not given or given == stored then return limits_of(stored), nil end
  return limits_of(given), given
end

-- What was published while history was off is in no log: whoever was there before must hear of a gap.
-- So there is no `o`, and the next epoch has no predecessor.
local function remember_limits(k, state, given, limits)
  forget_state(k)
  redis.call('HSET', k, 'cfg', given)
  state[CFG] = given
  if limits.size == 0 and state[O] then
    redis.call('HDEL', k, 'o', 'b', 'z', 't')
    redis.call('UNLINK', k .. ':h')
  end
end

-- Whether there was no hash before this call.
local function is_fresh(state)
  return not state[E] and not state[CFG]
end

-- A group's hash stays while there are members; else it ends some time after the history. `was_fresh`:
-- as the state was before the call wrote anything.
local function settle(k, state, limits, was_fresh)
  if state[M] then return end
  if was_fresh and redis.call('EXISTS', k .. ':m') == 1 then
    redis.call('HSET', k, 'm', '1') -- they came before there was anything to remember
    state[M] = '1'
  else
    redis.call('PEXPIRE', k, limits.keep)
  end
end

local function field_of(fields, name)
  for i = 1, #fields, 2 do
    if fields[i] == name then return fields[i + 1] end
  end
  return nil
end

-- The last id a stream ever gave and the z of its last entry; '' and 0 where there is none.
local function stream_tip(h)
  if redis.call('EXISTS', h) == 0 then return '', 0 end
  local info = redis.call('XINFO', 'STREAM', h)
  local last = field_of(info, 'last-entry')
  return field_of(info, 'last-generated-id'), last and tonumber(field_of(last[2], 's')) or 0
end

-- Epoch (a string) and offset of a group's last message; '0' and 0: there never was one. And the text
-- of its losses, or false.
local function log_tip(k)
  local tip = redis.call('HMGET', k, 'e', 'o', 'x')
  if tip[1] and tip[2] then return tip[1], tonumber(tip[2]), tip[3] end
  local epoch, offset = string.match(stream_tip(k .. ':h'), '^(%d+)-(%d+)$')
  return epoch or '0', tonumber(offset) or 0, tip[3]
end

local function split_id(id)
  local epoch, offset = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(epoch) or 0, tonumber(offset) or 0
end

-- MessagePack's head of a string of `size` bytes. By hand, because cmsgpack takes twice as long.
local HEADS = {}
local function text_head(size)
  local head = HEADS[size]
  if head then return head end
  if size > 65535 then
    return string.char(219, 0, math.floor(size / 65536), math.floor(size / 256) % 256, size % 256)
  end
  if size > 255 then return string.char(218, math.floor(size / 256), size % 256) end
  HEADS[size] = size < 32 and string.char(160 + size) or string.char(217, size)
  return HEADS[size]
end

-- What is before a body: the id, and the id before it or nil.
local function pack_id(id, previous)
  return text_head(#id) .. id .. (previous and text_head(#previous) .. previous or '\192')
end

-- The body of an envelope: an array of four.
local function pack_body(kind, flags, from, payload)
  return string.char(148, kind, flags) .. text_head(#from) .. from .. text_head(#payload) .. payload
end

-- What of a state is needed as numbers, and at every append.
local function count_state(k, state)
  state.h, state.before = k .. ':h', state[E] .. '-'
  state.offset, state.bytes, state.trimmed = tonumber(state[O]), tonumber(state[Z]), tonumber(state[T])
end

-- May the next message go on in the epoch? What another Lua state opened may have lost its end.
local function is_ours(k, state)
  if logs[k] == state then return true end
  if not boot or not state[E] or not state[O] or state[B] ~= boot .. ' ' .. state[E] then return false end
  count_state(k, state)
  return true
end

-- Opens an epoch later than everything known; its first entry says which id was the last before.
local function append_first(k, state, limits, body)
  local h = k .. ':h'
  local previous = state[O] and state[E] .. '-' .. state[O] or ''
  local old = tonumber(state[E]) or 0
  local tip, z = stream_tip(h)
  local tip_epoch, tip_offset = split_id(tip)
  local previous_epoch, previous_offset = split_id(previous)
  if tip_epoch > previous_epoch or (tip_epoch == previous_epoch and tip_offset > previous_offset) then
    previous = tip
  end
  local epoch = string.format('%.0f', math.max(now_us(), old + 1, tip_epoch + 1))
  z = string.format('%.0f', z + #body)
  local id = redis.call('XADD', h, 'MAXLEN', '~', limits.size_text, epoch .. '-1',
    'd', body, 's', z, 'p', previous)
  local opener = boot_token() .. ' ' .. epoch
  redis.call('HSET', k, 'e', epoch, 'b', opener, 't', '0')
  state[E], state[B], state[O], state[Z], state[T] = epoch, opener, '1', z, '0'
  count_state(k, state)
  redis.call('SPUBLISH', k, pack_id(id, previous) .. body)
  return id
end

-- Appends bodies[i] and those after it to the epoch; the number of the next one (the last plus 1, unless
-- somebody put a later entry there) and the id of the last. This loop is what publishing costs.
local function append_next(k, state, limits, bodies, i, id)
  local call, format, h, before, size = redis.pcall, string.format, state.h, state.before, limits.size_text
  local offset, bytes, o, z = state.offset, state.bytes, state[O], state[Z]
  while i <= #bodies do
    local body = bodies[i]
    local next_o, next_z = format('%d', offset + 1), format('%d', bytes + #body) -- tostring would round
    local next_id = before .. next_o
    if type(call('XADD', h, 'MAXLEN', '~', size, next_id, 'd', body, 's', next_z)) == 'table' then break end
    id, i, o, z, offset, bytes = next_id, i + 1, next_o, next_z, offset + 1, bytes + #body
    redis.call('SPUBLISH', k, (HEADS[#id] or text_head(#id)) .. id .. '\192' .. body)
  end
  state.offset, state.bytes, state[O], state[Z] = offset, bytes, o, z
  return i, id
end

-- Removes the oldest entries until the bodies are `bytes` together; the last one stays whatever its
-- size. z - t is never less than their sum: as long as that fits, no entry has to be looked at.
local function trim_bytes(k, state, bytes)
  local h = state.h
  local left, base = redis.call('XLEN', h), nil
  for _ = 1, TRIM_MAX do
    local first = redis.call('XRANGE', h, '-', '+', 'COUNT', 1)[1]
    if not first then break end
    local after = tonumber(field_of(first[2], 's'))
    if after then
      base = after - #field_of(first[2], 'd')
      if left <= 1 or state.bytes - base <= bytes then break end
      base = after
    end
    redis.call('XDEL', h, first[1])
    left = left - 1
    if after and state.bytes - base <= bytes then break end
  end
  if base then
    state.trimmed = base
    redis.call('HSET', k, 't', string.format('%.0f', base))
  end
end

-- Appends bodies[first] and those after it to the log of `k` and publishes them; the id of the last, ''
-- without history. `new_cfg` is nil if the group knows it already.
local function append(k, state, limits, new_cfg, bodies, first)
  local was_fresh, id, i = is_fresh(state), '', first
  if new_cfg then remember_limits(k, state, new_cfg, limits) end
  if limits.size == 0 then
    for n = first, #bodies do redis.call('SPUBLISH', k, '\160\192' .. bodies[n]) end -- id '', none before
    settle(k, state, limits, was_fresh)
    return ''
  end
  if is_ours(k, state) then i, id = append_next(k, state, limits, bodies, i, id) end
  while i <= #bodies do
    id = append_first(k, state, limits, bodies[i])
    i, id = append_next(k, state, limits, bodies, i + 1, id)
  end
  redis.call('HSET', k, 'o', state[O], 'z', state[Z])
  if state.bytes - state.trimmed > limits.bytes then trim_bytes(k, state, limits.bytes) end
  redis.call('PEXPIRE', state.h, limits.ttl)
  if logs[k] ~= state then know_state(k, state) end
  if not state[M] then settle(k, state, limits, was_fresh) end
  return id
end

-- === Groups, for nodes ==============================================================================

local function is_before(a, b)
  local a_epoch, a_offset = split_id(a)
  local b_epoch, b_offset = split_id(b)
  return a_epoch < b_epoch or (a_epoch == b_epoch and a_offset < b_offset)
end

-- What an epoch that says it follows `id` really follows: chanway_losses.lua.
local function follows(losses, id)
  for from, to in string.gmatch(losses or '', '(%S+) (%S+)') do
    if not is_before(id, from) and is_before(id, to) then return to end
  end
  return id
end

-- One page of entries after `since`, appended to `out`; how many there were, the last id, their bytes.
local function read_page(h, since, count, losses, out)
  local entries = redis.pcall('XRANGE', h, '(' .. since, '+', 'COUNT', count)
  if entries.err then return 0, since, 0 end -- nothing comes after the greatest id there can be
  local bytes, n = 0, #out
  for i = 1, #entries do
    local id, fields = entries[i][1], entries[i][2]
    local body = field_of(fields, 'd') or ''
    local previous = field_of(fields, 'p') or false
    if losses and previous then previous = follows(losses, previous) end
    out[n + 1], out[n + 2], out[n + 3] = id, previous, body
    n, bytes, since = n + 3, bytes + #body, id
  end
  return #entries, since, bytes
end

-- A: since_epoch since_offset count max_bytes -> {epoch, offset (the tip), more, id, prev, body, ...};
-- prev is nil where the entry has none: it is not the first of its epoch.
local function node_read(K, A)
  if not is_count(A[3]) or not is_count(A[4]) then return bad('count and bytes are numbers') end
  local h, since = K[1] .. ':h', A[1] .. '-' .. A[2]
  local left, max_bytes = math.max(tonumber(A[3]), 1), tonumber(A[4])
  local epoch, offset, losses = log_tip(K[1])
  local out = { epoch, offset, 0 }
  local bytes, seen, page = 0, 0, 4
  while true do
    page = math.min(page, left)
    local n, last, size = read_page(h, since, page, losses, out)
    since, seen, bytes, left = last, seen + n, bytes + size, left - n
    if n < page then return out end
    if left == 0 or bytes >= max_bytes then break end
    page = math.max(1, math.min(200, math.ceil((max_bytes - bytes) * seen / bytes)))
  end
  if since ~= epoch .. '-' .. string.format('%.0f', offset) then out[3] = 1 end
  return out
end

-- Tells who asked for it which members came or went; `who`: uuid, user, ...
local function publish_presence(k, is_join, who)
  for first = 1, #who, 2 * PRESENCE_MAX do
    local last = math.min(first + 2 * PRESENCE_MAX - 1, #who)
    local payload = cmsgpack.pack(unpack(who, first, last)) -- strings in a row
    redis.call('SPUBLISH', k, '\160\192' .. pack_body(PRESENCE, is_join and 1 or 0, '', payload))
  end
end

-- "<uuid>" (of generation 1) or "<uuid> <generation>"
local function split_joiner(text)
  local space = string.find(text, ' ', 1, true)
  if not space then return text, '1' end
  return string.sub(text, 1, space - 1), string.sub(text, space + 1)
end

-- Is `value` of a later generation of the channel, which another node has taken?
local function is_later(value, gen)
  local found = string.match(value, '^[^ ;]*;(%d+)')
  return found and tonumber(found) > tonumber(gen)
end

-- Writes A[first..last] (uuid, user, ...) as members; adds those that are new to `who` if it is there.
-- A node that lost a channel may not know it yet: what is there is read first.
local function write_members(m, node, A, first, last, who)
  local uuids, gens, words, count, n = {}, {}, {}, 0, 0
  for i = first, last, 2 do
    count = count + 1
    uuids[count], gens[count] = split_joiner(A[i])
  end
  local known = redis.call('HMGET', m, unpack(uuids))
  for i = 1, count do
    local user = A[first + 2 * i - 1]
    if not known[i] or not is_later(known[i], gens[i]) then
      local value = gens[i] == '1' and node or node .. ';' .. gens[i]
      words[n + 1], words[n + 2] = uuids[i], user == '' and value or value .. ' ' .. user
      n = n + 2
    end
    if who and not known[i] then who[#who + 1], who[#who + 2] = uuids[i], user end
  end
  if n > 0 then redis.call('HSET', m, unpack(words)) end
end

-- A: cfg node watch (1: they ask for presence), then "<uuid>[ <generation>]" and user ('': none) of
-- each -> {epoch, offset}: the last message before them. A member of a later generation stays.
local function node_join(K, A)
  local k, watch = K[1], A[3]
  if #A % 2 == 0 or A[2] == '' or (watch ~= '0' and watch ~= '1') then
    return bad('cfg, node, watch (0 or 1), then uuid and user of each')
  end
  local state = read_state(k)
  local limits, new_cfg = choose_limits(state, A[1])
  if not limits then return bad(CFG_SHAPE) end
  local is_watched = watch == '1' or state[W]
  local who = is_watched and {} or nil
  for first = 4, #A, CHUNK do
    write_members(k .. ':m', A[2], A, first, math.min(first + CHUNK - 1, #A), who)
  end
  if new_cfg then
    remember_limits(k, state, new_cfg, limits)
    if limits.size == 0 then state[O] = false end
  end
  if watch == '1' and not state[W] then
    forget_state(k)
    redis.call('HSET', k, 'w', '1')
  end
  if not state[M] and (state[E] or state[CFG] or new_cfg or is_watched) then
    forget_state(k)
    redis.call('HSET', k, 'm', '1')
    redis.call('PERSIST', k)
  end
  if who and #who > 0 then publish_presence(k, true, who) end
  if not state[O] then return { '0', 0 } end
  return { state[E], tonumber(state[O]) }
end

-- Node and user of a member's value.
local function split_member(value)
  local node, user = string.match(value, '^([^ ;]+)[^ ]* ?(.*)$')
  return node or value, user or ''
end

-- Is it a member of this node?
local function is_of_node(value, node)
  if value == node then return true end
  if string.find(value, node, 1, true) ~= 1 then return false end
  local byte = string.byte(value, #node + 1)
  return byte == 32 or byte == 59 -- a space or a semicolon
end

-- Removes those of A[first..last] that are the node's; adds them to `who` if it is there.
local function remove_members(m, node, A, first, last, who)
  local values, mine, n = redis.call('HMGET', m, unpack(A, first, last)), {}, 0
  for i = 1, last - first + 1 do
    local value = values[i]
    if value and is_of_node(value, node) then
      n = n + 1
      mine[n] = A[first + i - 1]
      if who then
        local _, user = split_member(value)
        who[#who + 1], who[#who + 2] = mine[n], user
      end
    end
  end
  return n > 0 and redis.call('HDEL', m, unpack(mine)) or 0
end

-- A: node uuid... -> how many were this node's and are gone
local function node_leave(K, A)
  local k, m, node, removed = K[1], K[1] .. ':m', A[1], 0
  if node == '' then return bad('there is no node') end
  local who = redis.call('HGET', k, 'w') and {}
  for first = 2, #A, CHUNK do
    removed = removed + remove_members(m, node, A, first, math.min(first + CHUNK - 1, #A), who)
  end
  if who and removed > 0 then publish_presence(k, false, who) end
  if redis.call('EXISTS', m) == 0 and redis.call('HDEL', k, 'm', 'w') > 0 then
    forget_state(k)
    local limits = limits_of(redis.call('HGET', k, 'cfg') or DEFAULTS) or limits_of(DEFAULTS)
    redis.call('PEXPIRE', k, limits.keep)
  end
  return removed
end

-- One batch of HSCAN, or SSCAN: uuid -> value (of a set: itself), the uuids that `is_told` does not know,
-- the next batch's cursor; nil: `cursor` is none.
local function scan_batch(key, is_set, cursor, step, is_told)
  local reply = redis.pcall(is_set and 'SSCAN' or 'HSCAN', key, cursor, 'COUNT', step)
  if reply.err then return nil end
  local values, uuids, width = {}, {}, is_set and 1 or 2
  for i = 1, #reply[2], width do
    local uuid = reply[2][i]
    if not values[uuid] and not is_told(uuid) then uuids[#uuids + 1] = uuid end
    values[uuid] = reply[2][i + width - 1]
  end
  return values, uuids, reply[1]
end

-- Which members of a cursor's batch were told; `rest` is what follows its `mark` (page_uuids).
local function told_by(mark, rest)
  if mark == '-' then
    return function(uuid) return string.find(rest, string.sub(uuid, -TOLD_DIGITS), 1, true) end
  end
  return function(uuid) return mark ~= '' and uuid <= rest end
end

-- The cursor after `take` of the uuids of a batch that does not fit; nil: end the page before it. A bucket
-- of more than a cursor can name is told in the order of its uuids from its first page to its last.
local function split_batch(batch, is_whole, mark, rest, uuids, take, is_first)
  local most = math.floor((CURSOR_MAX - #batch) / (TOLD_DIGITS + 1))
  local is_ordered = mark == ':' or (mark == '' and #uuids > most)
  if not is_whole and not is_ordered then
    local told = mark == '-' and { rest } or {}
    for i = 1, take do told[#told + 1] = string.sub(uuids[i], -TOLD_DIGITS) end
    told = batch .. '-' .. table.concat(told, '-')
    if #told <= CURSOR_MAX then return told end
    if not is_first then return nil end
  end
  table.sort(uuids)
  return batch .. (is_whole and '.' or ':') .. uuids[take]
end

-- A batch that fits into `left`, or the smallest there is.
local function next_batch(key, is_set, batch, mark, rest, left)
  local is_told = told_by(mark, rest)
  if mark == '' or mark == '.' then
    local values, uuids, following = scan_batch(key, is_set, batch, SCAN_COUNT, is_told)
    if not values or #uuids <= left or (batch == '0' and following == '0') then
      return values, uuids, following
    end
  end
  return scan_batch(key, is_set, batch, 1, is_told)
end

-- {next cursor, then what `add` puts there of each uuid and value}; nil: `cursor` is none. A page never
-- has more than `count` members, though HSCAN and SSCAN give what is small whole and what is large by the
-- bucket. A cursor is
--   <batch>                 where the last one ended
--   <batch>.<uuid>          in a batch that is all there is: after `uuid` in their order
--   <batch>-<digits>-...    in a bucket: all but those whose uuids end so. The bucket gets more members
--                           when the table shrinks, and none of them may be passed over
--   <batch>:<uuid>          in a bucket of which more were told than a cursor can hold
local function page_uuids(key, is_set, cursor, count, add)
  if #cursor > CURSOR_MAX then return nil end
  local batch, mark, rest = string.match(cursor, '^(%d+)([.:-]?)([0-9a-f-]*)$')
  if not batch or (mark == '') ~= (rest == '') then return nil end
  local out, left = { '0' }, count
  repeat
    local values, uuids, following = next_batch(key, is_set, batch, mark, rest, left)
    if not values then return nil end
    local take, split = #uuids, nil
    if take > left then
      split = split_batch(batch, following == '0' and batch == '0', mark, rest, uuids, left, left == count)
      take = split and left or 0
      following = split or batch
    end
    for i = 1, take do add(out, uuids[i], values[uuids[i]]) end
    local is_full = take < #uuids or take == left
    batch, mark, rest, left = following, '', '', left - take
  until batch == '0' or is_full
  out[1] = batch
  return out
end

-- The same of a group's members: `add` gets uuid, node, user.
local function page_members(k, cursor, count, add)
  return page_uuids(k .. ':m', false, cursor, count, function(out, uuid, value)
    add(out, uuid, split_member(value))
  end)
end

local function add_triple(out, uuid, node, user)
  local n = #out
  out[n + 1], out[n + 2], out[n + 3] = uuid, node, user
end

-- A: cursor count -> {next cursor, uuid, node, user, ...}
local function node_members(K, A)
  if not is_count(A[2]) then return bad('count is a number') end
  return page_members(K[1], A[1], math.max(tonumber(A[2]), 1), add_triple) or bad('no such cursor')
end

register_for_nodes('cw_node_read', 'g', 4, node_read, 'no-writes')
register_for_nodes('cw_node_join', 'g', 5, node_join)
register_for_nodes('cw_node_leave', 'g', 2, node_leave, 'allow-oom')
register_for_nodes('cw_node_members', 'g', 2, node_members, 'no-writes')

