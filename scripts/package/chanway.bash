# shellcheck shell=bash
# chanway(1): completion for bash. Verbs, their options, and what the cluster knows: groups, channels, bans.

_chanway_options=(--redis --prefix --json --help)
_chanway_verbs="add ban bans channel channels close close-user events groups history load members nodes publish
remove send stats tail unban"

# _chanway_ask VERB FIELD: a column of what the cluster has, by the same --redis and --prefix; nothing if it
# does not answer.
_chanway_ask() {
    timeout 3 "${words[0]}" "${_chanway_connection[@]}" "$1" 2>/dev/null | awk -v field="$2" 'NR > 1 { print $field }'
}

# _chanway_offer WORD...: those that begin as the current word does.
_chanway_offer() { mapfile -t COMPREPLY < <(compgen -W "$*" -- "$current"); }

# What fits at argument `at` of `verb`.
_chanway_reply() {
    case $before in
    --redis | --prefix | --from | --key | --reason | --since) return ;;
    --type) _chanway_offer json text bytes && return ;;
    --for) _chanway_offer 90s 30m 1h 7d && return ;;
    esac
    if [ -z "$verb" ]; then
        _chanway_offer "${_chanway_options[*]}" "$_chanway_verbs"
        return
    fi
    if [[ $current == -* ]]; then
        case $verb in
        publish | send) _chanway_offer --type --from --key ;;
        tail | events) _chanway_offer --since ;;
        ban) _chanway_offer --for --reason ;;
        esac
        return
    fi
    case $verb:$at in
    members:0 | publish:0 | history:0 | tail:0 | add:1 | remove:1) _chanway_offer "$(_chanway_ask groups 1)" ;;
    channel:0 | send:0 | add:0 | remove:0 | close:0) _chanway_offer "$(_chanway_ask channels 1)" ;;
    close:1) _chanway_offer 1000 4000 4004 ;;
    unban:0) _chanway_offer "$(_chanway_ask bans 1)" ;;
    esac
}

_chanway() {
    local current before verb='' at=0 i break whole
    local -a words _chanway_connection=()
    # Bash ends words at colons and the like as well, of which names of groups have some.
    read -ra words <<<"${COMP_LINE:0:COMP_POINT}"
    [[ ${COMP_LINE:0:COMP_POINT} != *[[:space:]] ]] || words+=('')
    current=${words[-1]}
    before=${words[-2]-}
    COMPREPLY=()
    for ((i = 1; i < ${#words[@]} - 1; i++)); do
        case ${words[i]} in
        --redis | --prefix)
            _chanway_connection+=("${words[i]}" "${words[i + 1]}")
            i=$((i + 1))
            ;;
        --type | --from | --key | --since | --for | --reason) i=$((i + 1)) ;;
        -*) ;;
        *) if [ -z "$verb" ]; then verb=${words[i]}; else at=$((at + 1)); fi ;;
        esac
    done
    _chanway_reply
    # What stands before the last of those ends is not to be put there once more.
    for break in : =; do
        [[ $COMP_WORDBREAKS == *$break* && $current == *$break* ]] || continue
        whole=${current%"${current##*"$break"}"}
        COMPREPLY=("${COMPREPLY[@]#"$whole"}")
    done
}

complete -F _chanway chanway
