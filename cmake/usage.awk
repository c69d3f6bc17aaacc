# usage.awk - the comment that a script begins with, as the words of a man page.
NR == 1 { next }
!/^#/ { exit }
{
    sub(/^# ?/, "")
    gsub(/\\/, "\\e")
    gsub(/-/, "\\-")
    if (/^[.']/)
        $0 = "\\&" $0
    print
}
