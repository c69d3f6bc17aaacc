# settings.awk - gateway/settings.def as the settings' part of the man page (form=man), or as a file of
# settings in which every line is a comment (form=conf).

# A row is MACRO(name, TYPE, "default", "min", "max", "help").
/^(SETTING|RELOADABLE|PER_GROUP)\(/ {
    split($0, quoted, "\"")
    split(quoted[1], words, /[(, ]+/)
    macro = words[1]
    name = words[2]
    type = words[3]
    gsub(/_/, "-", name)
    standard = quoted[2]
    least = quoted[4]
    most = quoted[6]
    help = quoted[8]
    if (form == "man")
        man()
    else
        conf()
}

function plain(text) {
    gsub(/\\/, "\\e", text)
    gsub(/-/, "\\-", text)
    gsub(/`/, "", text)
    return text
}

function choices(   list) {
    list = least
    gsub(/\|/, ", ", list)
    return list
}

function allowed() {
    if (type == "ENUM")
        return "One of " choices() "."
    if (type == "WORDS")
        return "Any of " choices() ", separated by commas."
    if (type == "RATE")
        return "0, or from " least " to " most "."
    if (least != "" && most != "")
        return "From " least " to " most "."
    return ""
}

function man() {
    print ".TP"
    printf ".B \\-\\-%s\n", plain(name)
    printf "%s.\n", toupper(substr(help, 1, 1)) plain(substr(help, 2))
    if (allowed() != "")
        print plain(allowed())
    print (standard == "") ? "Default: none." : "Default: " plain(standard) "."
    if (macro == "PER_GROUP")
        printf "By group: %s.GLOB.\n", plain(name)
    if (macro != "SETTING")
        print "Read again on SIGHUP."
}

function conf() {
    printf "\n# %s.%s\n", help, (allowed() == "") ? "" : " " allowed()
    printf "# %s =%s\n", name, (standard == "") ? "" : " " standard
}
