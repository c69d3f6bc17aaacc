# shellcheck shell=bash
# lib.sh - what the scripts share: messages, root rights, apt, ports, processes. Sourced, never run.

set -euo pipefail
# haproxy is where only root looks by default.
PATH=$PATH:/usr/sbin:/sbin

# shellcheck disable=SC2034  # used by the scripts that source this file
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# Debian's interpreter: the test packages of apt are installed for this one, whatever PATH holds.
# shellcheck disable=SC2034  # used by the scripts that source this file
python=/usr/bin/python3

say() { printf '%s\n' "$*"; }
warn() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() {
    warn "$@"
    exit 1
}

is_between() {
    [[ $1 =~ ^[0-9]{1,9}$ ]] && [ "$1" -ge "$2" ] && [ "$1" -le "$3" ]
}

# --- root rights -------------------------------------------------------------------------------

# Run a command as root: directly, or through sudo.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo "$@"
    else
        die "this needs root rights and there is no sudo: run it as root, or install by hand: $*"
    fi
}

# --- packages ----------------------------------------------------------------------------------

# Prints those of its arguments that are not installed.
missing_packages() {
    local name
    local -A there=()
    while read -r name; do
        there[$name]=1
    done < <(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null |
        sed -n 's/^installed //p')
    for name in "$@"; do
        [ -n "${there[$name]:-}" ] || printf '%s\n' "$name"
    done
}

policy_file=/usr/sbin/policy-rc.d
policy_is_ours=false

# While the policy file is there, package scripts start no service. A machine's own one is kept.
forbid_service_starts() {
    [ -e "$policy_file" ] && return 0
    policy_is_ours=true
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy_file" >/dev/null
    as_root chmod 755 "$policy_file"
}

allow_service_starts() {
    "$policy_is_ours" || return 0
    policy_is_ours=false
    as_root rm -f "$policy_file"
}

# A service that came with a package just now is left neither running nor due at the next boot.
retire_service() {
    local unit=$1
    [ -d /run/systemd/system ] || return 0
    as_root systemctl disable --now "$unit" >/dev/null 2>&1 ||
        warn "could not disable $unit: run 'systemctl disable --now $unit' if you do not want it"
}

# apt_install LOG_FILE PACKAGE...: install with the lists at hand, and with fresh ones if that fails.
apt_install() {
    local log_file=$1 rc=0 service
    local -a services=()
    shift
    for service in redis-server haproxy; do
        case " $* " in *" $service "*) services+=("$service") ;; esac
    done

    local -a apt=(env DEBIAN_FRONTEND=noninteractive apt-get -y -q
        -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0
        -o Acquire::Retries=3 -o Acquire::http::Timeout=30)
    forbid_service_starts
    as_root "${apt[@]}" install --no-install-recommends "$@" >>"$log_file" 2>&1 </dev/null || {
        as_root "${apt[@]}" update >>"$log_file" 2>&1 </dev/null || true
        as_root "${apt[@]}" install --no-install-recommends "$@" >>"$log_file" 2>&1 </dev/null || rc=$?
    }
    allow_service_starts
    [ "$rc" -eq 0 ] || return "$rc"
    for service in "${services[@]}"; do
        retire_service "$service"
    done
}

# --- ports and processes -----------------------------------------------------------------------

# Is something listening on this TCP port, on any address?
port_is_taken() {
    local hex
    hex=$(printf ':%04X' "$1")
    awk -v port="$hex" 'FNR > 1 && $4 == "0A" && substr($2, length($2) - 4) == port { found = 1 }
        END { exit !found }' /proc/net/tcp /proc/net/tcp6 2>/dev/null
}

# Prints "NAME (pid N)" of the process that listens on a port, or "another process".
port_owner() {
    local hex inode fd pid
    hex=$(printf ':%04X' "$1")
    inode=$(awk -v port="$hex" 'FNR > 1 && $4 == "0A" && substr($2, length($2) - 4) == port {
        print $10; exit }' /proc/net/tcp /proc/net/tcp6 2>/dev/null)
    for fd in /proc/[0-9]*/fd/*; do
        if [ -n "$inode" ] && [ "$(readlink "$fd" 2>/dev/null)" = "socket:[$inode]" ]; then
            pid=${fd#/proc/}
            pid=${pid%%/*}
            printf '%s (pid %s)\n' "$(cat "/proc/$pid/comm" 2>/dev/null)" "$pid"
            return 0
        fi
    done
    printf 'another process\n'
}

# When a process started, in clock ticks since boot: with the pid it names a process for good.
process_start() {
    local stat
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    stat=${stat##*) } # the name may hold blanks and brackets
    # shellcheck disable=SC2086  # fields 3.. of stat(5)
    set -- $stat
    [ "$1" != Z ] || return 1
    printf '%s\n' "${20}"
}

# A pid file holds "PID START": remember a process, and know it again.
write_pid_file() {
    local file=$1 pid=$2 start
    start=$(process_start "$pid") || return 1
    printf '%s %s\n' "$pid" "$start" >"$file"
}

# Prints the pid if the process of the pid file still runs, and fails otherwise.
read_pid_file() {
    local pid start
    [ -f "$1" ] && read -r pid start <"$1" || return 1
    [ "$(process_start "$pid" 2>/dev/null)" = "$start" ] || return 1
    printf '%s\n' "$pid"
}

# Processes of a pid's group that run PROGRAM: what a killed parent may have left behind.
group_members() {
    local pid=$1 program=$2 dir stat member
    for dir in /proc/[0-9]*; do
        member=${dir#/proc/}
        stat=$(cat "$dir/stat" 2>/dev/null) || continue
        stat=${stat##*) }
        # shellcheck disable=SC2086  # fields 3.. of stat(5); the third of them is the group
        set -- $stat
        if [ "$3" = "$pid" ] && [ "$1" != Z ] &&
            [ "$(cat "$dir/comm" 2>/dev/null)" = "$program" ]; then
            printf '%s\n' "$member"
        fi
    done
}

# wait_until SECONDS COMMAND...: poll until the command succeeds; fails when time is up.
wait_until() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.05
    done
}

# --- HTTP and WebSocket, without a client program ------------------------------------------------

# http_status PORT PATH: prints the status code, or fails when nobody answers.
http_status() {
    local status
    {
        exec 5<>"/dev/tcp/127.0.0.1/$1" || return 1
    } 2>/dev/null
    printf 'GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n' "$2" >&5 2>/dev/null
    read -r -t 5 _ status _ <&5 || status=""
    exec 5>&-
    [ -n "$status" ] && printf '%s\n' "$status"
}

# ws_open PORT PATH: a raw channel; ws_fd is its connection. Fails unless the answer is 101.
ws_open() {
    local status line
    # The group is needed: a failing redirection of exec alone would end the shell.
    { exec {ws_fd}<>"/dev/tcp/127.0.0.1/$1"; } 2>/dev/null || return 1
    printf 'GET %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' \
        "$2" "$1" >&"$ws_fd"
    printf 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n' \
        >&"$ws_fd"
    read -r -t 5 _ status _ <&"$ws_fd" || status=""
    if [ "$status" != 101 ]; then
        ws_close "$ws_fd"
        return 1
    fi
    while read -r -t 5 line <&"$ws_fd" && [ "$line" != $'\r' ]; do :; done
}

# ws_send FD TEXT: one text frame of at most 125 bytes; a mask of zeros leaves the text as it is.
ws_send() {
    local length
    printf -v length '\\x%02x' $((${#2} | 0x80))
    # shellcheck disable=SC2059  # the format is made of the two bytes above
    { printf "\\x81$length\\x00\\x00\\x00\\x00" && printf '%s' "$2"; } 1>&"$1" 2>/dev/null
}

# ws_expect FD TEXT SECONDS: succeeds when a line with TEXT comes; 2 when the connection has ended.
ws_expect() {
    local line rc
    while :; do
        rc=0
        LC_ALL=C IFS= read -r -t "$3" line <&"$1" 2>/dev/null || rc=$?
        [ "$rc" -eq 0 ] || break
        case $line in *"$2"*) return 0 ;; esac
    done
    [ "$rc" -gt 128 ] && return 1
    return 2
}

ws_close() {
    local fd=$1
    printf '\x88\x80\x00\x00\x00\x00' 1>&"$fd" 2>/dev/null || true
    exec {fd}>&-
}
