
-- === For back ends and administrators ===============================================================
-- chanway_public.lua - the last part of the library (chanway.lua). Every answer is a flat list; what is
-- wrong with a call is said by an error beginning BADREQUEST, before anything is written.

-- What is wrong with A: type payload [FROM name] [KEY key], or nil, the kind and the options.
local function read_message(A, payload_max)
  local kind, payload = KINDS[A[1]], A[2]
  if not kind then return bad('the type is json, text or bytes') end
  if not payload then return bad('there is no payload') end
  local options, problem = read_options(A, 3, ' FROM KEY ')
  if not options then return problem end
  local fault = payload_fault(kind, payload, payload_max)
  if fault then return bad(fault) end
  return nil, kind, options
end

-- A: type payload [FROM name] [KEY key] -> id
local function public_publish(K, A)
  local k, problem = check_key(K, 'g')
  if not k then return problem end
  local state = known_state(k)
  local limits = choose_limits(state) or limits_of(DEFAULTS)
  local fault, kind, options = read_message(A, limits.payload)
  if fault then return fault end
  local body = pack_body(kind, 0, options.FROM or '', A[2])
  local published = publish(k, state, limits, nil, body, options.KEY)
  return published.err and published or published[1]
end

-- -> members n, epoch e, offset o, history n (messages kept)
local function public_group(K, A)
  local k, problem = check_key(K, 'g')
  if not k then return problem end
  if #A > 0 then return bad('there are no arguments') end
  local epoch, offset = log_tip(k)
  return { 'members', redis.call('HLEN', k .. ':m'), 'epoch', epoch, 'offset', offset,
    'history', redis.call('XLEN', k .. ':h') }
end

local function add_pair(out, uuid, node)
  local n = #out
  out[n + 1], out[n + 2] = uuid, node
end

-- A: [CURSOR c] [COUNT n] -> next cursor, uuid, node, ...
local function public_members(K, A)
  local k, problem = check_key(K, 'g')
  if not k then return problem end
  local options, fault = read_options(A, 1, ' CURSOR COUNT ')
  if not options then return fault end
  return page_members(k, options.CURSOR or '0', options.COUNT or COUNT_DEFAULT, add_pair) or
    bad('CURSOR has a value that is not allowed')
end

-- A: [SINCE id] [COUNT n] -> id, type, from, payload, ...: what came after `id`, oldest first
local function public_history(K, A)
  local k, problem = check_key(K, 'g')
  if not k then return problem end
  local options, fault = read_options(A, 1, ' SINCE COUNT ')
  if not options then return fault end
  local entries, out, n = {}, {}, 0
  read_page(k .. ':h', options.SINCE or '0-0', options.COUNT or COUNT_DEFAULT, nil, entries)
  for i = 1, #entries, 3 do
    local body = cmsgpack.unpack(entries[i + 2])
    out[n + 1], out[n + 2] = entries[i], KIND_NAMES[body[1]] or 'bytes'
    out[n + 3], out[n + 4] = body[3] ~= '' and body[3] or 'server', body[4]
    n = n + 4
  end
  return out
end

-- -> id, lease left (ms), channels of each live node
local function public_nodes(K, A)
  local prefix = #K == 1 and string.match(K[1], '^([A-Za-z0-9_.:-]+):nodes$')
  if not prefix or #prefix > PREFIX_MAX then
    return bad('one key: <prefix>:nodes')
  end
  if #A > 0 then return bad('there are no arguments') end
  local listed, now, out = redis.call('HGETALL', K[1]), now_ms(), {}
  for i = 1, #listed, 2 do
    local left, channels = split_listed(listed[i + 1], now)
    if left > 0 then add_triple(out, listed[i], left, channels) end
  end
  return out
end

-- -> uuid, node ('': away), type, created, expires, user, address, groups (with commas), queued
-- (messages kept for a resume, those that were delivered included), state
local function public_channel(K, A)
  local c, uuid = check_key(K, 'c')
  if not c then return uuid end
  if #A > 0 then return bad('there are no arguments') end
  local fields, groups = read_channel(c)
  if not fields.node then return no_channel() end
  table.sort(groups)
  local kind = fields.type or 'json'
  return {
    'uuid', uuid, 'node', fields.node, 'type', KIND_NAMES[tonumber(kind)] or kind,
    'created', tonumber(fields.created) or 0, 'expires', tonumber(fields.expires) or 0,
    'user', fields.user or '', 'address', fields.address or '', 'groups', table.concat(groups, ','),
    'queued', redis.call('LLEN', c .. ':q'), 'state', fields.node == '' and 'away' or 'connected',
  }
end

-- A: type payload [FROM name] [KEY key] -> delivered|queued
local function public_send(K, A)
  local c, problem = check_key(K, 'c')
  if not c then return problem end
  local payload_max = tonumber(redis.call('HGET', c, 'qpay') or INBOX_LIMITS.qpay)
  local fault, kind, options = read_message(A, payload_max)
  if fault then return fault end
  local sent = send(c, pack_body(kind, 0, options.FROM or '', A[2]), options.KEY)
  return sent.err and sent or sent[1]
end

-- A: [code] [reason] -> 1. One that is away is gone at once.
local function public_close(K, A)
  local c, problem = check_key(K, 'c')
  if not c then return problem end
  local code, reason = A[1] or '4004', A[2] or ''
  if #A > 2 or not is_close_code(code) then
    return bad('the code is 1000 or 3000 to 4999, then perhaps a reason')
  end
  if #reason > CLOSE_REASON_MAX or not is_utf8(reason) then
    return bad('the reason is not UTF-8 of at most ' .. CLOSE_REASON_MAX .. ' bytes')
  end
  local state = read_inbox(c)
  if not state[NODE] then return no_channel() end
  if state[NODE] ~= '' then return request(c, state, CLOSE, code .. ' ' .. reason) or 1 end
  local fields, _, every = read_channel(c)
  bury(c, fields, every)
  return 1
end

-- A: group -> 1 once the channel's node is asked
local function change_group(K, A, kind)
  local c, problem = check_key(K, 'c')
  if not c then return problem end
  local fault = group_fault(A[1]) or (#A > 1 and 'there is one argument, the group') or nil
  if fault then return bad(fault) end
  local state = read_inbox(c)
  if not state[NODE] then return no_channel() end
  return request(c, state, kind, A[1]) or 1
end

local function public_group_add(K, A) return change_group(K, A, ADD) end
local function public_group_remove(K, A) return change_group(K, A, REMOVE) end

register('cw_publish', public_publish)
register('cw_send', public_send)
register('cw_close', public_close, 'allow-oom')
register('cw_group_add', public_group_add)
register('cw_group_remove', public_group_remove)
register('cw_group', public_group, 'no-writes')
register('cw_members', public_members, 'no-writes')
register('cw_history', public_history, 'no-writes')
register('cw_nodes', public_nodes, 'no-writes')
register('cw_channel', public_channel, 'no-writes')
