
-- === For back ends and administrators ===============================================================
-- chanway_public.lua - the last part of the library (chanway.lua). Every answer is a flat list; what is
-- wrong with a call is said by an error beginning BADREQUEST, before anything is written.

-- A: type payload [FROM name] [KEY key] -> id
local function public_publish(K, A)
  local k, problem = check_key(K, 'g')
  if not k then return problem end
  local kind, payload = KINDS[A[1]], A[2]
  if not kind then return bad('the type is json, text or bytes') end
  if not payload then return bad('there is no payload') end
  local options, fault = read_options(A, 3, ' FROM KEY ')
  if not options then return fault end
  local state = read_state(k)
  local limits = choose_limits(state) or limits_of(DEFAULTS)
  fault = payload_fault(kind, payload, limits.payload)
  if fault then return bad(fault) end
  local body = pack_body(kind, 0, options.FROM or '', payload)
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
  read_page(k .. ':h', options.SINCE or '0-0', options.COUNT or COUNT_DEFAULT, entries)
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
  if #K ~= 1 or not string.find(K[1], '^[A-Za-z0-9_.:-]+:nodes$') then
    return bad('one key: <prefix>:nodes')
  end
  if #A > 0 then return bad('there are no arguments') end
  local listed, now, out = redis.call('HGETALL', K[1]), now_ms(), {}
  for i = 1, #listed, 2 do
    local expiry, channels = string.match(listed[i + 1], '^(%d+) (%d+)$')
    local left = expiry and tonumber(expiry) - now or 0
    if left > 0 then add_triple(out, listed[i], left, tonumber(channels)) end
  end
  return out
end

-- -> uuid, node ('': away), type, created, expires, user, address, groups (with commas), queued, state
local function public_channel(K, A)
  local c, uuid = check_key(K, 'c')
  if not c then return uuid end
  if #A > 0 then return bad('there are no arguments') end
  local fields = redis.call('HMGET', c, 'node', 'type', 'created', 'expires', 'user', 'address')
  if not fields[1] then return redis.error_reply('NOCHANNEL there is no such channel') end
  local groups = groups_of(c)
  table.sort(groups)
  local kind = fields[2] or 'json'
  return {
    'uuid', uuid, 'node', fields[1], 'type', KIND_NAMES[tonumber(kind)] or kind,
    'created', tonumber(fields[3]) or 0, 'expires', tonumber(fields[4]) or 0,
    'user', fields[5] or '', 'address', fields[6] or '', 'groups', table.concat(groups, ','),
    'queued', redis.call('LLEN', c .. ':q'), 'state', fields[1] == '' and 'away' or 'connected',
  }
end

register('cw_publish', public_publish)
register('cw_group', public_group, 'no-writes')
register('cw_members', public_members, 'no-writes')
register('cw_history', public_history, 'no-writes')
register('cw_nodes', public_nodes, 'no-writes')
register('cw_channel', public_channel, 'no-writes')
