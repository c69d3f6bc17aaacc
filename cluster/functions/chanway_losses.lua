-- chanway_losses.lua - what Redis had acknowledged and does not have any more.
--
-- It came back with older data, or without any; a replica took over that was behind. Redis does not
-- know; the nodes that were sent what is lost do, and vouch for it before they do anything else. What
-- else was acknowledged then, after the last that any node was sent, nobody knows. So the next epoch is
-- said to follow an id that nobody can have: offset 0 of an epoch of its own, or of that epoch itself
-- if it was opened before the loss was known. Whoever comes from before is told of a gap.
--
-- A loss is "<last id that is left> <the id that is followed>".

-- The id that is followed, if `id` lies in a loss.
local function find_loss(losses, id)
  for from, to in string.gmatch(losses, '(%S+) (%S+)') do
    if is_before(from, id) and is_before(id, to) then return to end
  end
  return nil
end

local function as_position(id)
  local epoch, offset = string.match(id, '^(%d+)-(%d+)$')
  return { epoch, tonumber(offset) }
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

-- A: epoch offset -> epoch and offset to go on after, if Redis has lost that message or what was before
-- it; else '0' and 0.
local function node_vouch(K, A)
  if not is_count(A[1], 20) or not is_count(A[2], 20) then return bad('epoch and offset') end
  local k, id, nothing = K[1], A[1] .. '-' .. A[2], { '0', 0 }
  local epoch, offset, losses = log_tip(k)
  local from, to = epoch .. '-' .. string.format('%.0f', offset), nil
  losses = losses or ''
  if not is_before(from, id) then
    local known = find_loss(losses, id)
    if known then return as_position(known) end
    if epoch == A[1] then return nothing end
    local after = redis.call('XRANGE', k .. ':h', '(' .. id, '+', 'COUNT', 1)[1]
    local previous = after and field_of(after[2], 'p')
    if not previous or not is_before(follows(losses, previous), id) then return nothing end
    from, to = previous == '' and '0-0' or previous, string.match(after[1], '^%d+') .. '-0'
  end
  local state = read_state(k)
  local limits, was_fresh = choose_limits(state), is_fresh(state)
  if limits.size == 0 then return nothing end
  forget_state(k)
  if not to then -- the next message opens an epoch that follows this one
    local lost = string.format('%.0f', math.max(now_us(), tonumber(A[1]) + 1))
    to = lost .. '-0'
    redis.call('HSET', k, 'e', lost, 'o', '0')
    redis.call('HDEL', k, 'b')
  end
  redis.call('HSET', k, 'x', add_loss(losses, from, to))
  settle(k, state, limits, was_fresh)
  return as_position(to)
end

register_for_nodes('cw_node_vouch', 'g', 2, node_vouch, 'allow-oom')
