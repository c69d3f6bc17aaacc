# chanway.awk - what scripts/chanway prints: flat lists, one a line as redis-cli --json writes them.
#
#   mode      rows      each line is a list of rows with the fields `names` (by commas)
#             map       each line is a map, shown whole
#             maps      each line is a map, a row of its own; columns: the fields `names`
#             numbers   each line is a name and a number of one server; the sums, with the fields `names`, are one map
#             messages  each line is a list of id, type, from, payload
#             events    each line is a list of entries of a stream
#   json      1: as JSON; else for the eye
#   skip      rows: elements before the first row
#   label     maps: how the first field is called; what it has stands before each map and a tab
#   last      messages, events: the last id that is known; is written to the file `last_file` at the end
#   servers   numbers: of how many they are
#   wanted    messages: how many of the last ones are shown; 0: all
#   open_end  messages, events: as they come, an object a line in place of one list
#   name      begins what is said on standard error

function ends_escaped(text,    i) {
    for (i = length(text); i > 0 && substr(text, i, 1) == "\\"; i--) ;
    return (length(text) - i) % 2
}

function add_item(text, is_quoted) {
    item[++count] = text
    quoted[count] = is_quoted
}

function add_numbers(text) {
    while (match(text, /-?[0-9]+/)) {
        add_item(substr(text, RSTART, RLENGTH), 0)
        text = substr(text, RSTART + RLENGTH)
    }
}

# Fills item[1..count]: strings as they are between their quotes, numbers. opens[i]: a list begins with
# the string i.
function split_list(line,    parts, n, i, text) {
    count = 0
    n = split(line, parts, /"/)
    for (i = 1; i <= n; i++) {
        opens[count + 1] = index(parts[i], "[")
        add_numbers(parts[i])
        if (i == n)
            break
        text = parts[++i]
        while (i < n && ends_escaped(text))
            text = text "\"" parts[++i]
        add_item(text, 1)
    }
}

# The bytes of a JSON string; redis-cli writes \u only for control characters.
function decoded(text,    parts, n, i, out, first) {
    n = split(text, parts, /\\/)
    out = parts[1]
    for (i = 2; i <= n; i++) {
        first = substr(parts[i], 1, 1)
        if (first == "" && i < n)
            out = out "\\" parts[++i]
        else if (first == "u")
            out = out sprintf("%c", 16 * hex(substr(parts[i], 4, 1)) + hex(substr(parts[i], 5, 1))) \
                substr(parts[i], 6)
        else
            out = out (first in plain ? plain[first] : first) substr(parts[i], 2)
    }
    return out
}

function hex(digit) { return index("0123456789abcdef", tolower(digit)) - 1 }

function symbol(value) {
    return substr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", value + 1, 1)
}

function base64(bytes,    i, n, out, a, b, c) {
    n = length(bytes)
    for (i = 1; i <= n; i += 3) {
        a = ordinal[substr(bytes, i, 1)]
        b = i + 1 <= n ? ordinal[substr(bytes, i + 1, 1)] : 0
        c = i + 2 <= n ? ordinal[substr(bytes, i + 2, 1)] : 0
        out = out symbol(int(a / 4)) symbol(a % 4 * 16 + int(b / 16)) \
            (i + 1 <= n ? symbol(b % 16 * 4 + int(c / 64)) : "=") \
            (i + 2 <= n ? symbol(c % 64) : "=")
    }
    return out
}

# No payload of a stranger moves the terminal's cursor.
function harmless(text) {
    gsub(/[\001-\037\177]/, " ", text)
    return text
}

function shown(i) { return quoted[i] ? harmless(decoded(item[i])) : item[i] }
function as_json(i) { return quoted[i] ? "\"" item[i] "\"" : item[i] }

# --- rows ---------------------------------------------------------------------------------------

function print_object(text) {
    if (open_end)
        print text
    else
        printf "%s%s", printed++ ? ",\n " : "[", text
}

function set_cell(column, text) {
    cell[rows, column] = text
    if (length(text) > widest[column])
        widest[column] = length(text)
}

function add_row(start,    f, out) {
    for (f = 1; f <= width; f++) {
        if (json)
            out = out (f > 1 ? "," : "") "\"" field[f] "\":" as_json(start + f - 1)
        else
            set_cell(f, shown(start + f - 1))
    }
    if (json)
        print_object("{" out "}")
    rows++
}

function add_map(first,    i, out, column) {
    if (json)
        out = first == "" ? "" : "\"" label "\":\"" first "\""
    else if (first != "")
        set_cell(1, first)
    for (i = 1; i < count; i += 2) {
        if (json)
            out = out (out == "" ? "" : ",") as_json(i) ":" as_json(i + 1)
        else if (item[i] in column_of)
            set_cell(column_of[item[i]], shown(i + 1))
    }
    if (json)
        print_object("{" out "}")
    rows++
}

function print_table(    row, f, line) {
    for (row = 0; row < rows; row++) {
        line = ""
        for (f = 1; f <= width; f++)
            line = line (f < width ? sprintf("%-" (widest[f] + 2) "s", cell[row, f]) : cell[row, f])
        sub(/ +$/, "", line)
        print line
    }
}

function print_map(    i, out) {
    for (i = 1; i < count; i += 2) {
        if (json)
            out = out (i > 1 ? "," : "") as_json(i) ":" as_json(i + 1)
        else
            printf "%-10s %s\n", item[i], shown(i + 1)
    }
    if (json)
        print "{" out "}"
}

# --- numbers ------------------------------------------------------------------------------------

# Versions are not added up.
function add_number(known, value) {
    if (known != "redis")
        sum[known] = sprintf("%.0f", sum[known] + value)
    else if (!version[value]++)
        sum[known] = sum[known] (sum[known] == "" ? "" : ", ") value
}

function sized(bytes,    unit) {
    for (unit = 1; bytes >= 1024 && unit < 5; unit++)
        bytes /= 1024
    return sprintf(unit == 1 ? "%d%s" : "%.2f%s", bytes, substr("BKMGT", unit, 1))
}

# What nobody could say is not in it.
function print_numbers(    i) {
    if (servers > 1)
        add_number("servers", servers)
    if (!json && "memory" in sum)
        sum["memory"] = sized(sum["memory"])
    count = 0
    for (i = 1; i <= width; i++)
        if (field[i] in sum) {
            add_item(field[i], 1)
            add_item(sum[field[i]], field[i] == "redis")
        }
    print_map()
}

# --- messages -----------------------------------------------------------------------------------

# The field of an object for the payload that is item i.
function payload_json(type, i) {
    if (type == "json")
        return "\"data\":" harmless(decoded(item[i])) # only white space is changed by it
    if (type == "text")
        return "\"text\":" as_json(i)
    return "\"bytes\":\"" base64(decoded(item[i])) "\""
}

function payload_text(type, i) {
    return type == "json" || type == "text" ? shown(i) : "base64:" base64(decoded(item[i]))
}

function message_json(i) {
    return "{\"id\":" as_json(i) ",\"type\":" as_json(i + 1) ",\"from\":" as_json(i + 2) "," \
        payload_json(item[i + 1], i + 3) "}"
}

function message_text(i) {
    return item[i] "  " shown(i + 2) "  " payload_text(item[i + 1], i + 3)
}

function print_message(text) {
    if (json)
        print_object(text)
    else
        print text
}

function check_gap(id,    now, before, lost) {
    split(id, now, "-")
    split(last, before, "-")
    lost = now[1] == before[1] ? now[2] - before[2] - 1 : 0
    if (lost > 0)
        printf "%s: %d messages are gone: the history is shorter\n", name, lost > "/dev/stderr"
    last = id
}

function add_messages(    i, text) {
    for (i = 1; i + 3 <= count; i += 4) {
        check_gap(item[i])
        text = json ? message_json(i) : message_text(i)
        if (!wanted) {
            print_message(text)
        } else {
            kept[rows++] = text
            delete kept[rows - 1 - wanted]
        }
    }
}

# --- events -------------------------------------------------------------------------------------

# The fields of an entry are the items from `first` to `end`: names and values.
function event_json(id, type, first, end,    i, out) {
    out = "{\"id\":" as_json(id)
    for (i = first; i < end; i += 2)
        out = out "," (item[i] == "payload" ? payload_json(type, i + 1) : as_json(i) ":" as_json(i + 1))
    return out "}"
}

# Id, event, channel; then name=value, the payload last.
function event_text(id, type, first, end,    i, out, value, payload) {
    for (i = first; i < end; i += 2) {
        if (item[i] == "payload")
            payload = "  " payload_text(type, i + 1)
        else if (item[i] == "event" || item[i] == "channel")
            value[item[i]] = "  " shown(i + 1)
        else
            out = out (out == "" ? "  " : " ") shown(i) "=" shown(i + 1)
    }
    return item[id] value["event"] value["channel"] out payload
}

# An entry is its id and the list of its fields: two lists begin one after the other.
function add_events(    id, end, i, type) {
    for (id = 1; id < count; id = end + 1) {
        type = ""
        for (end = id + 1; end < count && !opens[end + 1]; end++) ;
        for (i = id + 1; i < end; i += 2)
            if (item[i] == "type")
                type = item[i + 1]
        print_message(json ? event_json(id, type, id + 1, end) : event_text(id, type, id + 1, end))
        last = item[id]
    }
}

# --------------------------------------------------------------------------------------------------

BEGIN {
    for (i = 0; i < 256; i++)
        ordinal[sprintf("%c", i)] = i
    plain["b"] = "\b"; plain["f"] = "\f"; plain["n"] = "\n"; plain["r"] = "\r"; plain["t"] = "\t"
    rows = 0
    width = split(names, field, ",")
    for (i = 1; i <= width; i++) {
        column_of[field[i]] = i
        if (!json)
            set_cell(i, field[i])
    }
    rows = !json && (mode == "rows" || mode == "maps")
}

mode == "maps" {
    tab = index($0, "\t")
    title = label == "" ? "" : substr($0, 1, tab - 1)
    $0 = substr($0, tab + 1)
}

mode == "numbers" {
    if (NF > 1)
        add_number($1, $2)
    next
}

/^error:"NOCHANNEL/ { next } # went while it was listed
/^error:/ { refused++; refusal = $0; next }

{
    split_list($0)
    if (mode == "map")
        print_map()
    else if (mode == "maps")
        add_map(title)
    else if (mode == "messages")
        add_messages()
    else if (mode == "events")
        add_events()
    else
        for (i = skip + 1; i + width - 1 <= count; i += width)
            add_row(i)
}

END {
    if (last_file != "")
        print last > last_file
    if (mode == "numbers")
        print_numbers()
    for (i = rows > wanted ? rows - wanted : 0; wanted && i < rows; i++)
        print_message(kept[i])
    if (json && mode != "map" && mode != "numbers" && !open_end)
        print printed ? "]" : "[]"
    if (!json && (mode == "rows" || mode == "maps"))
        print_table()
    if (refused) {
        printf "%s: %d could not be looked at: %s\n", name, refused, substr(refusal, 7) > "/dev/stderr"
        exit 1
    }
}
