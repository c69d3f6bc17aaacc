#!/usr/bin/python3
"""pick CONTROL_FILE - the few inputs that reach most of what a corpus does not.

Reads what libFuzzer writes when it merges (-merge_control_file): names, of which the first are the
corpus' own, then for each the features that it reaches. Eight features are one branch. Prints the
names that are worth keeping, the best first: those that reach the most branches more, 40 at most.
"""

import sys

PICKS_MAX = 40
BRANCHES_LEAST = 1


def read(path):
    """How many names are the corpus' own, all names, and what each reaches."""
    with open(path, encoding="utf-8") as file:
        lines = file.read().split("\n")
    count, own = int(lines[0]), int(lines[1])
    names = lines[2:2 + count]
    reached = [set() for _ in names]
    for line in lines[2 + count:]:
        words = line.split()
        if words and words[0] == "FT":
            reached[int(words[1])] = {int(feature) // 8 for feature in words[2:]}
    return own, names, reached


def main():
    own, names, reached = read(sys.argv[1])
    seen = set().union(*reached[:own]) if own else set()
    left = dict(zip(names[own:], reached[own:]))
    for _ in range(PICKS_MAX):
        best = max(left, key=lambda name: len(left[name] - seen), default=None)
        if best is None or len(left[best] - seen) < BRANCHES_LEAST:
            break
        seen |= left.pop(best)
        print(best)


if __name__ == "__main__":
    main()
