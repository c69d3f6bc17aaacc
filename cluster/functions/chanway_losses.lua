-- chanway_losses.lua - what Redis had acknowledged and does not have any more.
--
-- It came back with older data, or without any; a replica took over that was behind. Redis does not
-- know; the nodes that were sent what is lost do, and vouch for it before they do anything else. Whoever
-- knows the last id that is left would take the next epoch to follow it: so that epoch is said to
-- follow the last id that is lost, and whoever comes from before is told of a gap.

local function is_lost(losses, id)
  for from, to in string.gmatch(losses, '(%S+) (%S+)') do
    if is_before(from, id) and not is_before(to, id) then return true end
  end
  return false
end

-- Another loss, or the newest one goes further than was known.
local function add_loss(losses, from, to)
  local known, said, rest = string.match(losses, '^(%S+) (%S+) ?(.*)$')
  if known and not is_before(from, known) and not is_before(said, from) then
    from, losses = known, rest
  end
  local out, n = from .. ' ' .. to, 1
  for pair in string.gmatch(losses, '%S+ %S+') do
    if n == LOSSES_MAX then break end
    out, n = out .. ' ' .. pair, n + 1
  end
  return out
end

-- A: epoch offset -> 1 if Redis has lost that message, or what was before it; else 0.
local function node_vouch(K, A)
  if not is_count(A[1], 20) or not is_count(A[2], 20) then return bad('epoch and offset') end
  local k, id = K[1], A[1] .. '-' .. A[2]
  local epoch, offset, losses = log_tip(k)
  local from, is_tip = epoch .. '-' .. string.format('%.0f', offset), true
  losses = losses or ''
  if not is_before(from, id) then
    if is_lost(losses, id) then return 1 end
    if epoch == A[1] then return 0 end
    local after = redis.call('XRANGE', k .. ':h', '(' .. id, '+', 'COUNT', 1)[1]
    local previous = after and field_of(after[2], 'p')
    if not previous or not is_before(follows(losses, previous), id) then return 0 end
    from, is_tip = previous == '' and '0-0' or previous, false
  end
  local state = read_state(k)
  local limits, was_fresh = choose_limits(state), is_fresh(state)
  if limits.size == 0 then return 0 end
  redis.call('HSET', k, 'x', add_loss(losses, from, id))
  if is_tip then -- the next message opens an epoch
    redis.call('HSET', k, 'e', A[1], 'o', A[2])
    redis.call('HDEL', k, 'b')
  end
  settle(k, state, limits, was_fresh)
  return 1
end

register_for_nodes('cw_node_vouch', 'g', 2, node_vouch, 'allow-oom')
