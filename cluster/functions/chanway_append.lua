-- chanway_append.lua - what publishes to a group, and idempotency keys (chanway.lua has the log).

-- === Idempotency ====================================================================================

-- The id a key was used for before, or nil. It is written once more: WAIT waits for what its connection
-- wrote, and who retries is to wait for the first one's replicas.
local function find_key(k, key)
  local found = k .. ':k0'
  local id = redis.call('HGET', found, key)
  if not id then
    found = k .. ':k1'
    id = redis.call('HGET', found, key)
  end
  if not id then return nil end
  redis.call('HSET', found, key, id)
  return id
end

-- Nil, or the error if there is no room: a key is never forgotten early. The milliseconds in it say
-- when there will be.
local function check_key_room(k, limits)
  local used = redis.call('HLEN', k .. ':k0') + redis.call('HLEN', k .. ':k1')
  if used < limits.keys then return nil end
  local wait = redis.call('PTTL', k .. ':k1')
  if wait < 0 then wait = math.max(redis.call('PTTL', k .. ':k0'), 0) end
  return redis.error_reply(string.format('RATELIMITED %.0f ms: %.0f idempotency keys are remembered',
    wait, used))
end

-- A generation takes keys for KEY_MS and is kept for as long again: each is known for 1..2 KEY_MS.
local function save_key(k, key, id)
  local young = k .. ':k0'
  local left = redis.call('PTTL', young)
  if left > KEY_MS then
    redis.call('HSET', young, key, id)
    return
  end
  if left >= 0 then redis.call('RENAME', young, k .. ':k1') end -- that one has ended by now
  redis.call('HSET', young, key, id)
  redis.call('PEXPIRE', young, 2 * KEY_MS)
end

-- Publishes one body; `new_cfg` is nil if the group knows it already. {id, is_duplicate}, or an error
-- before anything is written.
local function publish(k, state, limits, new_cfg, body, key)
  if key then
    local id = find_key(k, key)
    if id then return { id, 1 } end
    local refusal = check_key_room(k, limits)
    if refusal then return refusal end
  end
  local id = append(k, state, limits, new_cfg, { body }, 1)
  if key then save_key(k, key, id) end
  return { id, 0 }
end

-- === Publishing, for nodes ==========================================================================

-- A: type flags from payload cfg key ('': none) -> {id, is_duplicate}
local function node_publish(K, A)
  if not is_kind(A[1]) or not is_kind(A[2]) then return bad('type and flags are numbers') end
  local k, key = K[1], A[6] ~= '' and A[6] or nil
  local state = known_state(k)
  local limits, new_cfg = choose_limits(state, A[5])
  if not limits then return bad(CFG_SHAPE) end
  return publish(k, state, limits, new_cfg, pack_body(A[1], A[2], A[3], A[4]), key)
end

-- A: cfg, then type flags from payload of each -> the last id
local function node_publish_many(K, A)
  local k, bodies = K[1], {}
  local state = known_state(k)
  local limits, new_cfg = choose_limits(state, A[1])
  if not limits or #A % 4 ~= 1 then return bad('cfg, then four arguments a message') end
  for i = 2, #A, 4 do
    if not is_kind(A[i]) or not is_kind(A[i + 1]) then return bad('type and flags are numbers') end
    bodies[#bodies + 1] = pack_body(A[i], A[i + 1], A[i + 2], A[i + 3])
  end
  return append(k, state, limits, new_cfg, bodies, 1)
end

-- The same with bodies that the node has packed: every string that a script makes costs Redis some five
-- cycles a byte, and a table as the answer more than an XADD.
-- A: cfg, then the bodies -> the last id
local function node_append(K, A)
  local state = known_state(K[1])
  local limits, new_cfg = choose_limits(state, A[1])
  if not limits then return bad(CFG_SHAPE) end
  return append(K[1], state, limits, new_cfg, A, 2)
end

register_for_nodes('cw_node_publish', 'g', 6, node_publish)
register_for_nodes('cw_node_publish_many', 'g', 5, node_publish_many)
register_for_nodes('cw_node_append', 'g', 2, node_append)
