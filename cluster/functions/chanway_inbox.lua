-- === What is sent to one channel ====================================================================
-- chanway_inbox.lua - the fourth part of the library (chanway.lua): direct messages, a log like a
-- group's over a list, and requests (close, add to a group, remove from one), which are kept until the
-- channel's node has done them. Both are pushed to the node that has the channel, on its own topic:
--
--   direct <uuid> <id><prev><body>      id, prev, body: MessagePack as in a group's messages
--   request <uuid> <n> <body>           n in digits; body of the type close, add or remove

local REQUESTS_MAX = 100 -- of one channel, waiting
local INBOX_PAGE = 16 -- entries read at a time

local NODE, QE, QS, QB, QN, QMAX, QBYTES, KE, RS = 1, 2, 3, 4, 5, 6, 7, 8, 9
local function read_inbox(c)
  return redis.call('HMGET', c, 'node', 'qe', 'qs', 'qb', 'qn', 'qmax', 'qbytes', 'ke', 'rs')
end

-- === Direct messages ================================================================================

-- Moves `state` to the next id; the first of an epoch comes with the id before ('' if there was none).
local function next_id(state)
  local prev
  if state[QB] == boot and boot and state[QE] then
    state[QS] = string.format('%.0f', state[QS] + 1)
  else
    prev = state[QE] and state[QE] .. '-' .. state[QS] or ''
    state[QE] = string.format('%.0f', math.max(now_us(), (tonumber(state[QE]) or 0) + 1))
    state[QS], state[QB] = '1', boot_token()
  end
  return state[QE] .. '-' .. state[QS], prev
end

-- Removes the oldest messages beyond the limits; the last stays whatever its size.
local function trim_inbox(q, length, bytes, state)
  local max, max_bytes = tonumber(state[QMAX]), tonumber(state[QBYTES])
  max, max_bytes = max or INBOX_LIMITS.qmax, max_bytes or INBOX_LIMITS.qbytes
  for _ = 1, TRIM_MAX do
    if length <= 1 or (length <= max and bytes <= max_bytes) then break end
    bytes = bytes - #redis.call('LPOP', q)
    length = length - 1
  end
  return bytes
end

-- Keeps a message and hands it to the channel's node; returns its id.
local function append_direct(c, state, body)
  local q, id, prev = c .. ':q', next_id(state)
  local entry = id .. (prev and '<' .. prev or '') .. ' ' .. body
  local length = redis.call('RPUSH', q, entry)
  local bytes = trim_inbox(q, length, (tonumber(state[QN]) or 0) + #entry, state)
  bytes = string.format('%.0f', bytes)
  if prev then
    redis.call('HSET', c, 'qe', state[QE], 'qs', '1', 'qb', state[QB], 'qn', bytes)
  else
    redis.call('HSET', c, 'qs', state[QS], 'qn', bytes)
  end
  if state[NODE] == '' then end_with_channel(c, q) end
  push(c, state[NODE], 'direct', pack_id(id, prev) .. body)
  return id
end

local function save_inbox_key(c, state, key, id)
  if state[NODE] ~= '' then
    save_key(c, key, id)
    return
  end
  restore_keys(c, state[KE])
  save_key(c, key, id)
  cap_keys(c)
end

-- {delivered|queued, id, is_duplicate}, or an error before anything is written.
local function send(c, body, key)
  local state = read_inbox(c)
  if not state[NODE] then return no_channel() end
  local status = state[NODE] == '' and 'queued' or 'delivered'
  if key then
    local id = find_key(c, key)
    if id then return { status, id, 1 } end
    local refusal = check_key_room(c, limits_of(DEFAULTS))
    if refusal then return refusal end
  end
  local id = append_direct(c, state, body)
  if key then save_inbox_key(c, state, key, id) end
  return { status, id, 0 }
end

-- A: type flags from payload key ('': none) -> {delivered|queued, id, is_duplicate}
local function node_send(K, A)
  if not is_kind(A[1]) or not is_kind(A[2]) then return bad('type and flags are numbers') end
  return send(K[1], pack_body(A[1], A[2], A[3], A[4]), A[5] ~= '' and A[5] or nil)
end

-- Is the id a later one than (epoch, offset)?
local function is_after(id, epoch, offset)
  local e, o = split_id(id)
  return e > epoch or (e == epoch and o > offset)
end

-- The id, the id before (nil: not the first of its epoch) and the body of a list's entry.
local function split_direct(entry)
  local id, mark, prev, body = string.match(entry, '^(%d+%-%d+)(<?)([%d-]*) ()')
  return id or '', mark == '<' and prev or nil, body and string.sub(entry, body) or ''
end

-- Where to begin to look for what comes after a position: the entries of the last epoch are the last
-- of the list, without a hole.
local function first_after(q, state, epoch, offset)
  local last = tonumber(state[QE])
  if epoch < last then return 0 end
  return math.max(0, redis.call('LLEN', q) - (epoch == last and math.max(0, state[QS] - offset) or 0))
end

-- Appends a page of messages after a position to `out`; 1 if there are more.
local function read_direct(q, at, epoch, offset, count, max_bytes, out)
  local n, bytes = #out, 0
  while true do
    local entries = redis.call('LRANGE', q, at, at + INBOX_PAGE - 1)
    for i = 1, #entries do
      local id, prev, body = split_direct(entries[i])
      if is_after(id, epoch, offset) then
        if count == 0 or bytes >= max_bytes then return 1 end
        out[n + 1], out[n + 2], out[n + 3] = id, prev or false, body
        n, bytes, count = n + 3, bytes + #body, count - 1
      end
    end
    if #entries < INBOX_PAGE then return 0 end
    at = at + INBOX_PAGE
  end
end

-- Appends requests after `since` to `out`; how many there are.
local function read_requests(r, since, out)
  local entries, found = redis.call('LRANGE', r, 0, -1), 0
  for i = 1, #entries do
    local n, body = string.match(entries[i], '^(%d+) ()')
    if tonumber(n) > since then
      out[#out + 1], out[#out + 2] = tonumber(n), string.sub(entries[i], body)
      found = found + 1
    end
  end
  return found
end

-- A: node since_epoch since_offset since_request count max_bytes -> {tip_epoch, tip_offset, more,
-- requests, then n body of each, then id prev body of each message}; prev as in cw_node_read
local function node_inbox(K, A)
  local c = K[1]
  local is_right = A[1] ~= '' and is_count(A[2], 20) and is_count(A[3], 20)
  if not is_right or not is_count(A[4]) or not is_count(A[5]) or not is_count(A[6]) then
    return bad('node, epoch, offset, request, count, bytes')
  end
  local state = read_inbox(c)
  if state[NODE] ~= A[1] then return redis.error_reply('NOTOWNER another node has the channel') end
  local out = { state[QE] or '0', tonumber(state[QS]) or 0, 0, 0 }
  if state[RS] then out[4] = read_requests(c .. ':r', tonumber(A[4]), out) end
  if state[QE] then
    local epoch, offset = tonumber(A[2]), tonumber(A[3])
    local at = first_after(c .. ':q', state, epoch, offset)
    out[3] = read_direct(c .. ':q', at, epoch, offset, math.max(tonumber(A[5]), 1),
      math.max(tonumber(A[6]), 1), out)
  end
  return out
end

-- Messages that a client has for good. A: id -> how many up to it were dropped
local function node_trim(K, A)
  local c, q, dropped, bytes = K[1], K[1] .. ':q', 0, 0
  local epoch, offset = string.match(A[1], '^(%d+)%-(%d+)$')
  if not is_count(epoch, 20) or not is_count(offset, 20) then return bad('an id: <epoch>-<offset>') end
  local kept = redis.call('HGET', c, 'qn')
  if not kept then return 0 end
  epoch, offset = tonumber(epoch), tonumber(offset)
  while true do
    local entries, n = redis.call('LRANGE', q, 0, INBOX_PAGE - 1), 0
    while entries[n + 1] and not is_after(split_direct(entries[n + 1]), epoch, offset) do
      n = n + 1
      bytes = bytes + #entries[n]
    end
    if n > 0 then redis.call('LPOP', q, n) end
    dropped = dropped + n
    if n < INBOX_PAGE then break end
  end
  if dropped > 0 then redis.call('HSET', c, 'qn', string.format('%.0f', math.max(kept - bytes, 0))) end
  return dropped
end

-- === Requests =======================================================================================

-- Keeps a request to the channel's node; nil, or the error before anything is written.
local function request(c, state, kind, payload)
  local r = c .. ':r'
  if state[RS] and redis.call('LLEN', r) >= REQUESTS_MAX then
    return redis.error_reply(string.format('BUSY %d requests wait for the channel', REQUESTS_MAX))
  end
  local n = string.format('%.0f', (tonumber(state[RS]) or 0) + 1)
  local text = n .. ' ' .. pack_body(kind, 0, '', payload)
  redis.call('HSET', c, 'rs', n)
  redis.call('RPUSH', r, text)
  if state[NODE] == '' then end_with_channel(c, r) end
  push(c, state[NODE], 'request', text)
  return nil
end

-- Requests that are done. A: node n -> how many up to n were dropped; 0 too if not this node's
local function node_ack(K, A)
  local c, r = K[1], K[1] .. ':r'
  if A[1] == '' or not is_count(A[2]) then return bad('node, number of the request') end
  if redis.call('HGET', c, 'node') ~= A[1] then return 0 end
  local first = redis.call('LINDEX', r, 0)
  local done = first and tonumber(A[2]) - tonumber(string.match(first, '^%d+')) + 1 or 0
  return done > 0 and #redis.call('LPOP', r, string.format('%.0f', done)) or 0
end

register_for_nodes('cw_node_send', 'c', 5, node_send)
register_for_nodes('cw_node_inbox', 'c', 6, node_inbox, 'no-writes')
register_for_nodes('cw_node_ack', 'c', 2, node_ack, 'allow-oom')
register_for_nodes('cw_node_trim', 'c', 1, node_trim, 'allow-oom')

