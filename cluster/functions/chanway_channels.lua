-- === Channels and nodes, for nodes ==================================================================
-- chanway_channels.lua - the second part of the library (chanway.lua): who has a channel, and what of
-- its inbox ends when it does. Taking a channel is attach and nothing else; every other write of a node
-- compares the owner first.
--
-- A node that loses a channel, to another one or to a reaper, may have joins under way. Until its
-- memberships are surely left, by itself or by its reaper, it is in the channel's field `from`. While
-- that is so, the channel's hash names every group in which the node may be: a group that is left stays
-- as a mark, and a channel that ends stays as a grave, to be seen by detach alone.

local INBOX_LIMITS = { qmax = 100, qbytes = 1048576, qpay = PAYLOAD_MAX }
local INBOX_TEXTS = { qmax = '100', qbytes = '1048576', qpay = PAYLOAD_MAX .. '' }
local OLD_TOKEN_MS = 10000 -- how long a session's token holds after a resume, for a client that did not see it
local GRAVE_S = 60 -- how long that is so at most when a channel ends: a dead node is reaped well before
local LEFT = '-' -- the value of g:<group> if the group is left

local function no_channel()
  return redis.error_reply('NOCHANNEL there is no such channel')
end

-- A channel's fields as a map, its groups, and those with the groups it has left. The fields that all
-- channels have are there from the start, so that the map has room.
local function read_channel(c)
  local flat, groups, every, n = redis.call('HGETALL', c), {}, nil, 0
  local fields = { node = false, gen = false, type = false, created = false, expires = false,
    address = false, user = false, qe = false }
  for i = 1, #flat, 2 do
    local name, value = flat[i], flat[i + 1]
    if string.byte(name, 2) ~= 58 then -- no colon: no group
      fields[name] = value
    elseif value == LEFT then
      every = every or {}
      every[#every + 1] = string.sub(name, 3)
    else
      n = n + 1
      groups[n] = string.sub(name, 3)
    end
  end
  if not every then return fields, groups, groups end
  for i = 1, n do every[#every + 1] = groups[i] end
  return fields, groups, every
end

-- Tells a node something of a channel; '': it is away, its node will read it.
local function push(c, node, kind, text)
  if node == '' then return end
  local prefix, uuid = string.match(c, '^(.*):{c:(.*)}$')
  redis.call('PUBLISH', prefix .. ':n:' .. node, kind .. ' ' .. uuid .. ' ' .. text)
end

-- === An inbox ends with its channel =================================================================

-- `key` ends when the channel, which is away, can't be resumed any more.
local function end_with_channel(c, key)
  local ends = redis.call('PEXPIRETIME', c)
  if ends > 0 then redis.call('PEXPIREAT', key, string.format('%.0f', ends)) end
end

-- Idempotency keys end with the channel as well, but not early if it is resumed: `ke` remembers when.
local function cap_keys(c)
  local ends, words = redis.call('PEXPIRETIME', c), {}
  for i, key in ipairs({ c .. ':k0', c .. ':k1' }) do
    local own = redis.call('PEXPIRETIME', key)
    words[i] = string.format('%.0f', math.max(own, 0))
    if ends > 0 and own > ends then redis.call('PEXPIREAT', key, string.format('%.0f', ends)) end
  end
  if words[1] ~= '0' or words[2] ~= '0' then redis.call('HSET', c, 'ke', table.concat(words, ' ')) end
end

local function restore_keys(c, ke)
  local young, elder = string.match(ke or '', '^(%d+) (%d+)$')
  if not young then return end
  if young ~= '0' then redis.call('PEXPIREAT', c .. ':k0', young) end
  if elder ~= '0' then redis.call('PEXPIREAT', c .. ':k1', elder) end
  redis.call('HDEL', c, 'ke')
end

-- === Attach, mark, detach ===========================================================================

-- A list of names with spaces between them, without one, and with it at the end.
local function without(list, name)
  local rest = {}
  for other in string.gmatch(list or '', '%S+') do
    if other ~= name then rest[#rest + 1] = other end
  end
  return table.concat(rest, ' ')
end

local function with(list, name)
  local rest = without(list, name)
  return rest == '' and name or rest .. ' ' .. name
end

-- Ends a channel for good.
local function bury(c, fields, every)
  if fields.qe or fields.rs then redis.call('DEL', c .. ':q', c .. ':r', c .. ':k0', c .. ':k1') end
  if not fields.from then
    redis.call('DEL', c)
    return
  end
  for name in pairs(fields) do
    if name ~= 'gen' and name ~= 'from' then redis.call('HDEL', c, name) end
  end
  for i = 1, #every do redis.call('HSET', c, 'g:' .. every[i], LEFT) end
  redis.call('EXPIRE', c, GRAVE_S)
end

-- Ends a channel, or leaves it to be resumed for `resume_s`. `written`, from its fifth on: what the
-- connection that ends was written last, of direct messages, then group and position of each. Without it
-- that is not known: of direct messages those up to here may be lost.
local function retire(c, fields, every, resume_s, written)
  if resume_s == 0 then return bury(c, fields, every) end
  local words = { 'node', '' }
  if written and written[5] then
    words[3], words[4] = 'qw', written[5]
    for i = 6, #written, 2 do
      words[i - 1], words[i] = 'g:' .. written[i], written[i + 1]
    end
  else
    words[3], words[4] = 'qw', fields.qe and '?' .. fields.qe .. '-' .. (fields.qs or 0) or '0-0'
  end
  redis.call('HSET', c, unpack(words))
  redis.call('EXPIRE', c, fields.from and math.max(resume_s, GRAVE_S) or resume_s)
  if fields.qe then
    end_with_channel(c, c .. ':q')
    cap_keys(c)
  end
  if fields.rs then end_with_channel(c, c .. ':r') end
end

-- The memberships of a node that lost the channel are left.
local function finish(c, fields, every, node, resume_s)
  local rest = without(fields.from, node)
  if rest == (fields.from or '') then return end
  if rest ~= '' then
    redis.call('HSET', c, 'from', rest)
    return
  end
  fields.from = nil
  if not fields.node then
    redis.call('DEL', c)
    return
  end
  redis.call('HDEL', c, 'from')
  for i = 1, #every do
    if redis.call('HGET', c, 'g:' .. every[i]) == LEFT then redis.call('HDEL', c, 'g:' .. every[i]) end
  end
  if fields.node == '' and redis.call('PTTL', c) < 0 then retire(c, fields, every, resume_s) end
end

-- "<queue-max> <queue-bytes> [<payload-max>]" as three texts, or nil.
local function split_inbox_limits(text)
  local max, bytes, payload = string.match(text, '^(%d+) (%d+) ?(%d*)$')
  if not max or #text > 60 then return nil end
  return max, bytes, payload == '' and INBOX_TEXTS.qpay or payload
end

-- Remembers a limit that is not what the channel has already.
local function remember_limit(c, fields, name, value)
  if value ~= (fields[name] or INBOX_TEXTS[name]) then redis.call('HSET', c, name, value) end
end

-- What ends with a channel that is away ends no more; the node before has to finish.
local function keep(c, fields, node)
  redis.call('PERSIST', c)
  if fields.qe then
    redis.call('PERSIST', c .. ':q')
    restore_keys(c, fields.ke)
  end
  if fields.rs then redis.call('PERSIST', c .. ':r') end
  local from = without(fields.from, node)
  if fields.node and fields.node ~= '' and fields.node ~= node then
    from = with(from, fields.node)
  end
  if from ~= '' then
    redis.call('HSET', c, 'from', from)
  elseif fields.from then
    redis.call('HDEL', c, 'from')
  end
end

-- Takes a channel, new or another node's. A: node expectgen ('': any)[ the id it had before]
-- inbox_limits field value...
-- -> {gen, the node before, its groups, qe, qs}; {0, owner, {}, '0', 0} if another node has it in a
-- later generation. One that is gone is made anew, and one of an earlier generation is taken: Redis has lost
-- the later one, with the end of its log. Generations only grow. The node before is told.
local function node_attach(K, A)
  local c, node = K[1], A[1]
  local expected, earlier = string.match(A[2] or '', '^(%d+) (%S+)$')
  expected = expected or A[2]
  local max, bytes, payload = split_inbox_limits(A[3])
  if node == '' or not max or #A % 2 == 0 or not (expected == '' or is_count(expected)) then
    return bad('node, generation, "<queue-max> <queue-bytes>", then field and value of each')
  end
  local fields, groups = read_channel(c)
  local old, is_there = fields.node or '', fields.node or fields.gen
  local known = tonumber(fields.gen or 0)
  -- A later generation of the same node, by this id or the one before: an answer was lost.
  local is_own = old == node or (old ~= '' and old == earlier)
  if expected ~= '' and known > tonumber(expected) and not is_own then
    return { 0, old, {}, '0', 0 }
  end
  local gen = math.max(known, tonumber(expected) or 0) + 1
  local gen_text = string.format('%.0f', gen)
  redis.call('HSET', c, 'node', node, 'gen', gen_text, unpack(A, 4))
  remember_limit(c, fields, 'qmax', max)
  remember_limit(c, fields, 'qbytes', bytes)
  remember_limit(c, fields, 'qpay', payload)
  if not is_there then
    redis.call('UNLINK', c .. ':q', c .. ':r', c .. ':k0', c .. ':k1') -- of a hash that was lost
    return { gen, '', {}, '0', 0 }
  end
  keep(c, fields, node)
  -- The node's own id before: it may still listen there, and nobody has taken anything from it.
  if old ~= node and old ~= earlier then push(c, old, 'taken', gen_text) end
  return { gen, old, groups, fields.qe or '0', tonumber(fields.qs) or 0 }
end

-- === Sessions =======================================================================================
-- The hash keeps digests of tokens: s of the one that holds, so "<end ms> <digest>" of the one before.

local function holds(digest, s, so)
  if s == digest then return true end
  local ends = string.match(so or '', '^(%d+) ')
  return ends ~= nil and tonumber(ends) > now_ms() and string.sub(so, #ends + 2) == digest
end

-- A: digest user -> {type, created, expires, node}; {} if there is no such session
local function node_session(K, A)
  if A[1] == '' then return bad('digest, user') end
  local state = redis.call('HMGET', K[1], 'node', 's', 'so', 'user', 'type', 'created', 'expires')
  if not state[1] or (state[4] or '') ~= A[2] or not holds(A[1], state[2] or '', state[3] or nil) then
    return {}
  end
  return { state[5] or '', state[6] or '0', state[7] or '0', state[1] }
end

-- Takes a channel by its session. A: node digest new_digest user inbox_limits field value...
-- -> {gen, the node before, qe, qs, direct, then group and position of each}; {} if there is no such
-- session. Positions: what was written last to the connection before; '': not known; `direct` may begin
-- with '?': those up to there may be lost.
local function node_resume(K, A)
  local c, node, digest = K[1], A[1], A[2]
  local max, bytes, payload = split_inbox_limits(A[5])
  if node == '' or digest == '' or A[3] == '' or not max or #A % 2 == 0 then
    return bad('node, two digests, user, "<queue-max> <queue-bytes>", then field and value of each')
  end
  local fields, groups = read_channel(c)
  local old = fields.node
  if not old or (fields.user or '') ~= A[4] or not holds(digest, fields.s or '', fields.so) then return {} end
  local gen = string.format('%.0f', tonumber(fields.gen or 0) + 1)
  local direct = fields.qw or '?' .. (fields.qe or 0) .. '-' .. (fields.qs or 0)
  local out = { gen, old, fields.qe or '0', fields.qs or '0', direct }
  local words = { 'node', node, 'gen', gen, 's', A[3], 'so',
    string.format('%.0f ', now_ms() + OLD_TOKEN_MS) .. digest }
  for i = 1, #groups do
    local name = 'g:' .. groups[i]
    out[#out + 1], out[#out + 2] = groups[i], redis.call('HGET', c, name)
    words[#words + 1], words[#words + 2] = name, ''
  end
  for i = 6, #A do words[#words + 1] = A[i] end
  redis.call('HSET', c, unpack(words))
  if fields.qw then redis.call('HDEL', c, 'qw') end
  remember_limit(c, fields, 'qmax', max)
  remember_limit(c, fields, 'qbytes', bytes)
  remember_limit(c, fields, 'qpay', payload)
  keep(c, fields, node)
  if old ~= node then push(c, old, 'taken', gen) end
  return out
end

-- The client has its new token. A: node gen -> 1; 0: not this node's any more
local function node_settle(K, A)
  if A[1] == '' or not is_count(A[2]) then return bad('node, generation') end
  local state = redis.call('HMGET', K[1], 'node', 'gen')
  if state[1] ~= A[1] or state[2] ~= A[2] then return 0 end
  redis.call('HDEL', K[1], 'so')
  return 1
end

-- What a connection's end asks for, the commonest of all: true, false, or nil if it takes more than a look.
local function detach_own(c, A, resume_s)
  local node, gen = A[1], A[4]
  local state = redis.call('HMGET', c, 'node', 'from', 'qe', 'rs', 'gen')
  if state[1] ~= node then return nil end
  if gen and state[5] ~= gen then return false end
  if state[2] then return nil end
  if resume_s == 0 and not state[3] and not state[4] then
    redis.call('DEL', c)
  else
    retire(c, { qe = state[3], rs = state[4] }, {}, resume_s, A)
  end
  return true
end

-- A: node resume_s (0: for good) [reap|left|gone [gen [direct [group position]...]]] -> {owned, groups, user, gen}, all but `owned` also when
-- another node owns the channel now. The node's memberships are left. With reap they are not yet: the
-- channel is taken from the node, and stays until a second call without it. With left nobody asks for
-- the answer, which is {owned, {}, '', 0}: `gen` is the generation that the node knows, and positions as
-- retire has them may follow. With gone the answer is owned alone, the cheapest.
local function node_detach(K, A)
  local c, node, how, resume_s = K[1], A[1], A[3], tonumber(A[2])
  local is_left = how == 'left' or how == 'gone'
  local is_right = #A == 2 or (how == 'reap' and #A == 3) or
    (is_left and (#A == 3 or (is_count(A[4]) and (#A == 4 or #A % 2 == 1))))
  if node == '' or not is_count(A[2], 9) or not is_right then
    return bad('node, seconds, perhaps reap, or left or gone, a generation and positions')
  end
  local was_owned
  if is_left then was_owned = detach_own(c, A, resume_s) end
  if was_owned == nil then
    local fields, _, every = read_channel(c)
    local is_owner = fields.node == node
    if is_owner and how == 'reap' then
      redis.call('HSET', c, 'node', '', 'from', with(fields.from, node))
    elseif is_owner then
      retire(c, fields, every, resume_s, A)
    elseif how ~= 'reap' then
      finish(c, fields, every, node, resume_s)
    end
    if not is_left then return { is_owner and 1 or 0, every, fields.user or '', tonumber(fields.gen) or 0 } end
    was_owned = is_owner
  end
  if how == 'gone' then return was_owned and 1 or 0 end
  return { was_owned and 1 or 0, {}, '', 0 }
end

-- What a channel is about to join, or has left. A: node add|del group... -> 1; 0: not this node's
local function node_mark(K, A)
  local c, node, is_add, value = K[1], A[1], A[2] == 'add', ''
  if node == '' or not (is_add or A[2] == 'del') then return bad('node, add or del, groups') end
  if is_add then
    if redis.call('HGET', c, 'node') ~= node then return 0 end
  else
    local state = redis.call('HMGET', c, 'node', 'from')
    if state[1] ~= node then return 0 end
    value = state[2] and LEFT or nil
  end
  if #A == 3 then
    if value then redis.call('HSET', c, 'g:' .. A[3], value) else redis.call('HDEL', c, 'g:' .. A[3]) end
    return 1
  end
  local words, n = {}, 0
  for i = 3, #A do
    n = n + 1
    words[n] = 'g:' .. A[i]
    if value then
      n = n + 1
      words[n] = value
    end
  end
  if n > 0 then redis.call(value and 'HSET' or 'HDEL', c, unpack(words)) end
  return 1
end

-- === Nodes ==========================================================================================

-- A: ttl_ms ['new'|'' [what the node says of itself]] -> 1; 0: the lease has ended and was not asked to begin
local function node_renew(K, A)
  if not is_count(A[1]) then return bad('milliseconds, perhaps new, perhaps words') end
  if A[2] == 'new' then redis.call('HSETNX', K[1], 'since', redis.call('TIME')[1]) end
  local renewed = redis.call('PEXPIRE', K[1], A[1])
  if renewed == 1 and A[3] then redis.call('HSET', K[1], 'about', A[3]) end
  return renewed
end

-- A: id ttl_ms channels -> 1; A: id alone takes it off the list -> 0/1
local function node_list(K, A)
  if #A == 1 then return redis.call('HDEL', K[1], A[1]) end
  if #A ~= 3 or not is_count(A[2]) or not is_count(A[3]) then return bad('id, milliseconds, channels') end
  redis.call('HSET', K[1], A[1], string.format('%.0f %s', now_ms() + A[2], A[3]))
  return 1
end

-- The milliseconds that a node on the list has left, at most 0 if it is dead, and its channels.
local function split_listed(entry, now)
  local expiry, channels = string.match(entry, '^(%d+) (%d+)$')
  return expiry and tonumber(expiry) - now or 0, tonumber(channels)
end

-- -> ids of nodes whose entries have expired
local function node_dead(K)
  local listed, now, dead = redis.call('HGETALL', K[1]), now_ms(), {}
  for i = 1, #listed, 2 do
    if split_listed(listed[i + 1], now) <= 0 then dead[#dead + 1] = listed[i] end
  end
  return dead
end

-- The channels of a node's set, a page: those that are on their way in or out among them.
-- A: cursor count -> {next cursor, uuid, ...}
local function node_channels(K, A)
  if not is_count(A[2]) then return bad('count is a number') end
  local function add(out, uuid) out[#out + 1] = uuid end
  return page_uuids(K[1] .. ':c', true, A[1], math.max(tonumber(A[2]), 1), add) or bad('no such cursor')
end

register_for_nodes('cw_node_attach', 'c', 3, node_attach)
register_for_nodes('cw_node_session', 'c', 2, node_session, 'no-writes')
register_for_nodes('cw_node_resume', 'c', 5, node_resume)
register_for_nodes('cw_node_settle', 'c', 2, node_settle, 'allow-oom')
register_for_nodes('cw_node_detach', 'c', 2, node_detach, 'allow-oom')
register_for_nodes('cw_node_mark', 'c', 2, node_mark, 'allow-oom')
register_for_nodes('cw_node_channels', 'n', 2, node_channels, 'no-writes')
register_for_nodes('cw_node_renew', 'n', 1, node_renew, 'allow-oom')
register_for_nodes('cw_node_list', 'nodes', 1, node_list, 'allow-oom')
register_for_nodes('cw_node_dead', 'nodes', 0, node_dead, 'no-writes')

