
-- === Limits =========================================================================================
-- chanway_limits.lua - part of the library (chanway.lua): how many connections an address or a user has in
-- the whole cluster, and how fast they come. Redis' clock is the only one.
--
--   <p>:{l:a:A}, {l:u:U}  sorted set  seats: uuid of a connection -> when it ends (ms) unless its node renews it
--   ...:r                 list        when the last connections were let in (us), no more than the rate has
--
-- A node that dies renews no more, and its seats end. A refused connection leaves nothing behind. The
-- library has nearly as many locals as Lua allows: those of this part are its own.

do

local FULL, RATE, ADMITTED = 'full', 'rate', 'admitted'

-- In how many ms the window lets one more in; 0: now.
local function rate_wait(r, count, window_us, now)
  if redis.call('LLEN', r) < count then return 0 end
  local wait = redis.call('LINDEX', r, -count) + window_us - now
  if wait <= 0 then return 0 end
  if wait > window_us then -- the clock was put back: nobody waits for that
    redis.call('DEL', r)
    return 0
  end
  return math.ceil(wait / 1000)
end

local function remember(r, count, window_ms, now)
  local stamp = string.format('%.0f', now)
  redis.call('RPUSH', r, stamp)
  redis.call('LTRIM', r, -count, -1)
  redis.call('PEXPIRE', r, window_ms + 1) -- keys end by the millisecond: not before the last one's window
  return stamp
end

local function take_seats(k, ttl_ms, now_ms_, A, first)
  local ends = string.format('%.0f', now_ms_ + ttl_ms)
  for i = first, #A do redis.call('ZADD', k, ends, A[i]) end
  redis.call('PEXPIRE', k, ttl_ms)
end

-- In how many ms the first seat ends if it is not renewed, if all of `max` are taken; 0: there is one for
-- `uuid`, which keeps its own.
local function seat_wait(k, max, now, uuid)
  redis.call('ZREMRANGEBYSCORE', k, '-inf', string.format('%.0f', now))
  if redis.call('ZCARD', k) < max or redis.call('ZSCORE', k, uuid) then return 0 end
  return math.max(redis.call('ZRANGE', k, 0, 0, 'WITHSCORES')[2] - now, 1)
end

-- A: uuid ttl_ms max count window_ms (0: no such limit) -> 'admitted', the rate's stamp ('': no rate);
-- 'rate' or 'full', ms. Both limits are looked at before anything is written.
local function node_admit(K, A)
  local k, r, uuid = K[1], K[1] .. ':r', A[1]
  for i = 2, 5 do
    if not is_count(A[i]) then return bad('uuid, then milliseconds, seats, connections, milliseconds') end
  end
  local ttl_ms, max, count, window_ms = tonumber(A[2]), tonumber(A[3]), tonumber(A[4]), tonumber(A[5])
  if uuid == '' or ttl_ms == 0 or (count > 0) ~= (window_ms > 0) then return bad('uuid, ttl, or window') end
  local now, stamp = now_us(), ''
  local now_in_ms = math.floor(now / 1000)
  local wait = max > 0 and seat_wait(k, max, now_in_ms, uuid) or 0
  if wait > 0 then return { FULL, string.format('%.0f', wait) } end
  wait = count > 0 and rate_wait(r, count, window_ms * 1000, now) or 0
  if wait > 0 then return { RATE, string.format('%.0f', wait) } end
  if count > 0 then stamp = remember(r, count, window_ms, now) end
  if max > 0 then take_seats(k, ttl_ms, now_in_ms, { uuid }, 1) end
  return { ADMITTED, stamp }
end

-- A: ttl_ms uuid... -> 1: they go on, also those that Redis has lost
local function node_seats(K, A)
  if not is_count(A[1]) or A[1] == '0' then return bad('milliseconds, then uuids') end
  take_seats(K[1], tonumber(A[1]), now_ms(), A, 2)
  return 1
end

-- A: stamp uuid -> how many seats are free now. With a stamp (else '') the connection counts for the rate no more:
-- something else has refused it.
local function node_unseat(K, A)
  if A[1] ~= '' and not is_count(A[1], 17) then return bad('a stamp or nothing, uuid') end
  if A[1] ~= '' then redis.call('LREM', K[1] .. ':r', -1, A[1]) end
  return redis.call('ZREM', K[1], A[2])
end

register_for_nodes('cw_node_admit', 'l', 5, node_admit)
register_for_nodes('cw_node_seats', 'l', 2, node_seats, 'allow-oom')
register_for_nodes('cw_node_unseat', 'l', 2, node_unseat, 'allow-oom')

end
