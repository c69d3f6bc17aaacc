# shellcheck shell=bash
# chanway_redis.sh - where scripts/chanway finds its Redis, and which server it asks what: one server, the primary
# that Sentinels name, the masters of a Cluster, independent servers (shards). Sourced, never run.
#
# A key lives where its slot does: `ranges` says so for all of them, for one server as for many. What has no key,
# and lists, are of every server.
#
# The script has given `redis` (the URL), `prefix`, `name`, `here`, `stdin`, and warn and die.
# shellcheck disable=SC2154

kind=                       # one, sentinel, cluster, shards
given=()                    # "host port" of each that the URL names; empty: a unix socket
watched=                    # what the Sentinels call the primary
options=(--no-auth-warning) # redis-cli's words, whichever server it is
tls=()                      # those of them for TLS
servers=()                  # "host port" of each that has keys
ranges=()                   # "first last server": slots
asked=                      # how the server that is asked is called
connection=()               # redis-cli's words for it
key=                        # what the question is about
located=                    # the key that it was chosen for
up=()                       # those that answer
is_whole=true               # no server is missing
patience=10                 # seconds that a server has for an answer

# --- The address -------------------------------------------------------------------------------

percent_decoded() {
    local text=${1//\\/\\\\}
    printf '%b' "${text//%/\\x}"
}

read_tls() {
    tls=(--tls ${CHANWAY_REDIS_CA:+--cacert "$CHANWAY_REDIS_CA"} ${CHANWAY_REDIS_CERT:+--cert "$CHANWAY_REDIS_CERT"}
        ${CHANWAY_REDIS_KEY:+--key "$CHANWAY_REDIS_KEY"} ${CHANWAY_REDIS_SNI:+--sni "$CHANWAY_REDIS_SNI"})
    options+=("${tls[@]}")
}

# A password goes by the environment: options are seen by everybody.
read_credentials() {
    [ -z "${1%%:*}" ] || options+=(--user "$(percent_decoded "${1%%:*}")")
    REDISCLI_AUTH=$(percent_decoded "${1#*:}")
    export REDISCLI_AUTH
}

# read_hosts HOSTS PORT: those between commas, with the port that one without has.
read_hosts() {
    local host
    for host in ${1//,/ }; do
        [[ $host =~ ^(\[([0-9A-Fa-f:.]+)\]|([^]/:[]+))(:([0-9]{1,5}))?$ ]] ||
            die "--redis: '$host' is not host[:port]"
        given+=("${BASH_REMATCH[2]}${BASH_REMATCH[3]} ${BASH_REMATCH[5]:-$2}")
    done
    [ ${#given[@]} -gt 0 ] || die "--redis: the host is missing"
}

read_database() {
    [[ $1 =~ ^[0-9]{0,3}$ ]] || die "--redis: '$1' is no database"
    [ -z "$1" ] || options+=(-n "$1")
}

# What $redis says.
read_url() {
    local url=$redis rest path=
    if [ -z "$url" ] || [ "$url" = embedded ]; then
        url=redis://127.0.0.1:6379
        [ ! -S "$here/../run/redis.sock" ] || url=unix:$here/../run/redis.sock
    fi
    case $url in
    unix:?*) kind=one ;;
    redis://* | rediss://*) kind=one ;;
    redis+sentinel://* | rediss+sentinel://*) kind=sentinel ;;
    redis+cluster://* | rediss+cluster://*) kind=cluster && options+=(-c) ;;
    redis-shards://* | rediss-shards://*) kind=shards ;;
    *) die "--redis $url: use redis://host:port, redis+sentinel://host:port,.../NAME, redis+cluster://host:port,...," \
        "redis-shards://host:port,..., the same with rediss, or unix:PATH" ;;
    esac
    if [[ $url == unix:* ]]; then
        options+=(-s "${url#unix:}")
        given=('')
        return
    fi
    [[ $url != rediss* ]] || read_tls
    rest=${url#*://}
    if [[ $rest == *@* ]]; then
        read_credentials "${rest%@*}"
        rest=${rest##*@}
    fi
    if [[ $rest == */* ]]; then
        path=${rest#*/}
        rest=${rest%%/*}
    fi
    case $kind in
    one)
        [[ $rest != *,* ]] || die "--redis: '$rest' is not host[:port]; several servers are redis-shards://$rest"
        read_hosts "$rest" 6379
        read_database "$path"
        ;;
    sentinel)
        [[ $path =~ ^([^/]+)(/([0-9]*))?$ ]] || die "--redis: use redis+sentinel://host:port,.../NAME"
        watched=${BASH_REMATCH[1]}
        read_database "${BASH_REMATCH[3]}"
        read_hosts "$rest" 26379
        ;;
    cluster)
        [[ $path =~ ^0?$ ]] || die "--redis: a Cluster has no database '$path', only 0"
        read_hosts "$rest" 6379
        ;;
    shards)
        read_hosts "$rest" 6379
        [ -z "$(printf '%s\n' "${given[@]}" | sort | uniq -d)" ] || die "--redis: a server is named twice"
        read_database "$path"
        ;;
    esac
}

# --- Servers -----------------------------------------------------------------------------------

# connect_to "HOST PORT": whom is asked next; nothing: by the socket.
connect_to() {
    local host=${1% *} port=${1##* }
    located=
    connection=("${options[@]}")
    asked=${options[-1]}
    [ -n "$1" ] || return 0
    connection+=(-h "$host" -p "$port")
    [[ $host != *:* ]] || host="[$host]"
    asked=$host:$port
}

# use NUMBER: of one of `servers`.
use() { connect_to "${servers[$1]}"; }

# What the Sentinel that is asked names. 2: it wants a password.
primary_said() {
    if ! ask_here SENTINEL get-master-addr-by-name "$watched"; then
        [[ $problem != *NOAUTH* ]] || return 2
        return 1
    fi
    [[ $answer =~ ^\[\"([^\"]+)\",\"([0-9]+)\"\]$ ]] && printf '%s' "${BASH_REMATCH[1]} ${BASH_REMATCH[2]}"
}

find_primary() {
    local sentinel found rc patience=5
    for sentinel in "${given[@]}"; do
        connect_to "$sentinel"
        # Of Redis' words a Sentinel knows those for TLS. Many have no password, and refuse whoever says one.
        connection=(--no-auth-warning "${tls[@]}" "${connection[@]: -4}")
        rc=0
        found=$(unset REDISCLI_AUTH && primary_said) || rc=$?
        [ "$rc" -ne 2 ] || found=$(primary_said) || continue
        [ -n "$found" ] || continue
        servers=("$found")
        ranges=('0 16383 0')
        return
    done
    problem="none of the Sentinels names a primary of '$watched'"
    return 1
}

# Where the slots are, as one of the Cluster's servers says.
find_masters() {
    local member address host port first last found patience=5
    local -A number=()
    for member in "${given[@]}" "${servers[@]}"; do
        connect_to "$member"
        ask_here CLUSTER SLOTS || continue
        found=$(grep -oE '\[[0-9]+,[0-9]+,\[("[^"]*"|null),[0-9]+' <<<"$answer") || {
            problem="$asked: no server of this Cluster has a slot"
            continue
        }
        servers=()
        ranges=()
        while IFS='[],' read -r _ first last _ host port; do
            host=${host//\"/}
            [[ $host != null && -n $host ]] || host=${member% *} # it is where it was asked
            address="$host $port"
            if [ -z "${number[$address]:-}" ]; then
                number[$address]=${#servers[@]}
                servers+=("$address")
            fi
            ranges+=("$first $last ${number[$address]}")
        done <<<"$found"
        return
    done
    problem="none of the Cluster's servers answers: $problem"
    return 1
}

# Server i of n has the slots from i*16384/n on.
find_shards() {
    local i count=${#given[@]}
    servers=("${given[@]}")
    ranges=()
    for ((i = 0; i < count; i++)); do
        ranges+=("$((i * 16384 / count)) $(((i + 1) * 16384 / count - 1)) $i")
    done
}

# Fills `servers` and `ranges`; fails with `problem`, and they stay as they were.
find_servers() {
    case $kind in
    sentinel) find_primary ;;
    cluster) find_masters ;;
    *) find_shards ;;
    esac || return
    use 0
}

# The slot of a key, in `slot`: CRC16 (XMODEM) of its hash tag, if it has one.
slot_of() {
    local text=$1 i byte bit crc=0
    [[ ! $1 =~ ^[^{]*\{([^}]+)\} ]] || text=${BASH_REMATCH[1]}
    for ((i = 0; i < ${#text}; i++)); do
        printf -v byte %d "'${text:i:1}"
        ((crc ^= (byte & 255) << 8))
        for ((bit = 0; bit < 8; bit++)); do
            ((crc = (crc << 1 ^ (crc & 0x8000 ? 0x1021 : 0)) & 0xffff))
        done
    done
    slot=$((crc & 16383))
}

# Chooses the server that has `key`.
locate() {
    local slot range first last owner
    [ "$key" != "$located" ] || return 0
    slot=0
    [ ${#servers[@]} -eq 1 ] || slot_of "$key"
    for range in "${ranges[@]}"; do
        read -r first last owner <<<"$range"
        if [ "$first" -le "$slot" ] && [ "$slot" -le "$last" ]; then
            use "$owner"
            located=$key
            return
        fi
    done
    problem="no server has the slot $slot of $key"
    return 1
}

# --- Questions ---------------------------------------------------------------------------------

cli() { redis-cli "${connection[@]}" "$@"; }

# One question to the server that was chosen; `answer` is its JSON. Fails with `problem` set.
ask_here() {
    local rc=0
    local -a limit=()
    # Others have an answer where one stands still. A person may type what is read.
    [ "$kind" = one ] || [[ ${1:-} == -[xX] ]] || limit=(timeout --foreground "$patience")
    problem=
    answer=$("${limit[@]}" redis-cli "${connection[@]}" -e --json "$@" 2>&1) || rc=$?
    # redis-cli would go on without a password.
    [ "$rc" -ne 0 ] || [[ $answer == 'AUTH failed: '* ]] || return 0
    problem=${answer:-redis-cli failed}
    problem=${problem%%$'\n'*}
    case $problem in
    *"Function not found"*) problem="the function library is not loaded: run '$name load'" ;;
    esac
    [ "$rc" -ne 124 ] || problem="no answer from $asked within $patience s"
    return 1
}

# The same to the one that has `key`. While its slot is moved nothing is done there: it is asked again, but not what
# came from standard input.
ask() {
    local end=$((SECONDS + patience))
    until locate && ask_here "$@"; do
        [[ $problem == *TRYAGAIN* && $1 != -[xX] && $SECONDS -lt $end ]] || return
        sleep 0.1
    done
}

# call FUNCTION ARGUMENT..., look FUNCTION ARGUMENT...: about `key`; looking writes nothing.
call() { ask "${stdin[@]}" FCALL "$1" 1 "$key" "${@:2}"; }
look() { ask FCALL_RO "$1" 1 "$key" "${@:2}"; }

# `problem`, and whose it is where there are several.
told() {
    local text=$problem
    case $text in
    BADREQUEST* | RATELIMITED* | TOOMANYBANS* | BUSY*) ;; # the words of a function: it is about what was asked
    *) [ ${#servers[@]} -le 1 ] || [[ $text == *"$asked"* ]] || text="$asked: $text" ;;
    esac
    printf '%s' "$text"
}

fail() {
    local text
    text=$(told)
    # A Cluster refuses to serve anything because of one server.
    [[ $text != *CLUSTERDOWN* ]] || find_up || true
    die "$text"
}

# demand COMMAND...: the script ends when it fails.
demand() { "$@" || fail; }

# --- Every server ------------------------------------------------------------------------------

# Those that answer, in `up`; the others are named, and `is_whole` is false. Fails when there is none.
find_up() {
    local number patience=5
    up=()
    for number in "${!servers[@]}"; do
        use "$number"
        if ask_here PING; then
            up+=("$number")
        else
            is_whole=false
            warn "$(told)"
        fi
    done
    [ ${#up[@]} -gt 0 ]
}

# prepare_everywhere TEXT: the verb goes on with the servers that answer, if there are; of the others TEXT is said.
prepare_everywhere() {
    local range first last slots=0
    if [ ${#servers[@]} -eq 1 ]; then
        use 0
        demand ask_here PING
        up=(0)
    else
        find_up || exit 1
    fi
    for range in "${ranges[@]}"; do
        read -r first last _ <<<"$range"
        slots=$((slots + last - first + 1))
    done
    if [ "$slots" -lt 16384 ]; then
        is_whole=false
        warn "no server has $((16384 - slots)) of the slots"
    fi
    "$is_whole" || warn "$1"
}

# on_each COMMAND...: with each server that answers; fails unless it does well with every one.
on_each() {
    local number rc=0
    "$is_whole" || rc=1
    for number in "${up[@]}"; do
        use "$number"
        "$@" || rc=1
    done
    return "$rc"
}

# Whether slots go from one server of the Cluster to another, or have since `ranges` was filled: a server says itself
# what it has, and what is on its way from or to it. Then `ranges` is filled again.
are_slots_moving() {
    local number range first last owner had
    for number in "${up[@]}"; do
        had=
        for range in "${ranges[@]}"; do
            read -r first last owner <<<"$range"
            [ "$owner" -ne "$number" ] || [ "$first" -ne "$last" ] || had+=" $first"
            [ "$owner" -ne "$number" ] || [ "$first" -eq "$last" ] || had+=" $first-$last"
        done
        use "$number"
        ask_here CLUSTER NODES || continue
        [[ $answer =~ myself[^\\$'\n']*connected([^\\$'\n']*) ]] || continue
        [ "${BASH_REMATCH[1]}" = "$had" ] && continue
        find_servers || warn "$problem"
        return 0
    done
    return 1
}

# names_of KIND ENDING: in the keys of the server with that ending, each once. Keys that are no entity's are
# nobody's business.
names_of() {
    cli --scan --pattern "$prefix:{$1:*}$2" |
        sed -n "s/^$prefix:{$1:\([A-Za-z0-9_.:@=/-]*\)}$2\$/\1/p" | sort -u
}

# Of the commands on standard input, a line each. The names in them are of an alphabet that needs no quotes.
answers() { cli --json 2>&1 | sed '/^-> Redirected to slot/d'; }

# look_again FUNCTION KIND: one by one at those of `some` whose slots were being moved, as the answers in `said` say.
look_again() {
    local i
    for i in "${!said[@]}"; do
        [[ ${said[i]} != error:*TRYAGAIN* ]] || said[i]=$(
            key="$prefix:{$2:${some[i]}}"
            if look "$1"; then printf '%s' "$answer"; else printf '%s' "${said[i]}"; fi
        )
    done
}

# list_here FUNCTION KIND ENDING [PATTERN]: name, tab, answer of each entity of the server.
list_here() {
    local found rc=0
    local -a some said
    found=$(names_of "$2" "$3" | grep -E -- "${4:-}"; exit "${PIPESTATUS[0]}") || {
        warn "$asked: its keys could not be read to the end"
        rc=1
    }
    while mapfile -t -n 1000 some && [ "${some[*]}" != '' ]; do
        mapfile -t said < <(printf '%s\n' "${some[@]}" | sed "s/.*/FCALL_RO $1 1 $prefix:{$2:&}/" | answers)
        if [ ${#some[@]} -ne ${#said[@]} ]; then
            warn "$asked: ${#some[@]} questions, ${#said[@]} answers: ${said[-1]:-}"
            return 1
        fi
        [[ ${said[*]} != *TRYAGAIN* ]] || look_again "$1" "$2"
        paste <(printf '%s\n' "${some[@]}") <(printf '%s\n' "${said[@]}")
    done <<<"$found"
    return "$rc"
}

# list_all FUNCTION KIND ENDING [PATTERN]: the same of all servers, by name, each once; an answer before an error.
list_all() {
    {
        local rc=0
        on_each list_here "$@" || rc=1
        # What moves while it is listed may be with neither: then it is with one of them the second time.
        if [ "$kind" = cluster ] && are_slots_moving; then
            prepare_everywhere "what they have is missing here"
            on_each list_here "$@" || rc=1
        fi
        (exit "$rc")
    } | sort | awk -F '\t' '$1 != last { print; last = $1 }'
}
