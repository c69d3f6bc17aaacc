"""Every command in README.md and docs/, and what becomes of it: run here, run by another test, or why not."""

import re

RUN, TEST, NOT = "run", "test", "not"

_TAKES_PORTS = "builds, and takes the fixed ports of a machine; `.ci/run` builds the same by scripts/test"
_INSTALLS = "changes the machine that it runs on"
_NO_DOCKER = "needs docker, and images from the network"
_BY_CI = "is what continuous integration runs this test by"
_APPLICATIONS = "install/test_applications.py"
_PACKAGE = "install/test_package.py"
_INSTALL = "install/test_install.py"
_UP = "docs/test_up.py"
_BACKENDS = "docs/test_backends.py"
_SCRIPT = "integration/test_chanway_script_verbs.py"
_MINUTES = "measures for minutes, alone on its machine"

# command -> (what, a pattern of what it prints | the test that runs it | the reason)
TABLE = {
    # a cluster, and two terminals
    "scripts/up": (TEST, _UP),
    "scripts/up --demo": (TEST, _UP),
    "CHANWAY_EVENTS=connect,disconnect,message scripts/up": (TEST, _UP),
    "scripts/down": (TEST, _UP),
    "scripts/test": (NOT, _BY_CI),
    "scripts/rolling-restart": (NOT, _NO_DOCKER),
    "npx wscat -c 'ws://127.0.0.1:8000/ws?type=text&groups=chat&publish=chat'": (RUN, "a line of the chat"),
    "npx wscat -s chanway.v1.json -c ws://127.0.0.1:8000/ws": (RUN, '"op":"welcome"'),
    "redis-cli -p 6390 FCALL cw_publish 1 'cw:{g:chat}' text 'hello from the back end'": (RUN, r"^\d+-\d+$"),
    "redis-cli -p 6390 FCALL cw_publish 1 'cw:{g:chat}' json '{\"hello\":\"all\"}'": (RUN, r"^\d+-\d+$"),
    "redis-cli -p 6390 FCALL cw_publish 1 'cw:{g:user:alice}' text 'on all your devices'": (RUN, r"^\d+-\d+$"),
    "redis-cli -p 6390 FCALL cw_send 1 'cw:{c:CHANNEL}' text 'only for you' FROM shop": (RUN, "^delivered$"),
    "redis-cli -p 6390 FCALL cw_group_add 1 'cw:{c:CHANNEL}' lobby": (RUN, "^1$"),
    "redis-cli -p 6390 FCALL_RO cw_members 1 'cw:{g:chat}'": (RUN, "^CHANNEL$"),
    "redis-cli -p 6390 FCALL cw_close 1 'cw:{c:CHANNEL}' 4000 'see you'": (RUN, "^1$"),
    # the shell
    "scripts/chanway members chat": (RUN, "CHANNEL"),
    "scripts/chanway history chat": (RUN, ""),
    "scripts/chanway nodes": (RUN, "node2"),
    "scripts/chanway stats": (RUN, "connected"),
    "scripts/chanway --help": (RUN, "close-user USER"),
    "scripts/chanway load": (TEST, "integration/test_acl.py"),
    "scripts/chanway ban user:mallory --for 7d --reason 'spam'": (RUN, "^ok$"),
    "scripts/chanway bans": (RUN, "user:mallory"),
    "scripts/chanway unban user:mallory": (RUN, "^ok$"),
    "scripts/chanway close-user mallory": (TEST, "integration/test_chanway_script_bans.py"),
    # a node by itself
    "export CHANWAY_TOKEN_SECRET=$(openssl rand -hex 32) # then scripts/up, or a node": (RUN, ""),
    "build/release/chanwayd token --sub alice --join 'chat.*' --publish 'chat.*' --ttl 8h": (RUN, r"^ey\S+$"),
    "npx wscat -H \"Authorization: Bearer $TOKEN\" -s chanway.v1.json -c ws://127.0.0.1:8000/ws":
        (TEST, "integration/test_tokens.py"),
    "CHANWAY_TOKEN_SECRET=$(openssl rand -hex 32) chanwayd --check-config": (RUN, ""),
    "CHANWAY_TOKEN_SECRET=secret chanwayd token --sub alice --join 'chat.*' --publish 'chat.*' --ttl 1h":
        (RUN, r"^ey\S+$"),
    "chanwayd --config /etc/chanway/chanwayd.conf --check-config": (RUN, ""),
    "curl -s http://127.0.0.1:8000/readyz": (RUN, "ready"),
    "curl -s http://127.0.0.1:8001/metrics": (RUN, "^chanway_node_memory_bytes "),
    # back ends
    "python3 gateway/examples/backend/echo.py redis://127.0.0.1:6390": (TEST, _BACKENDS),
    "node gateway/examples/backend/echo.mjs redis://127.0.0.1:6390": (TEST, _BACKENDS),
    "php gateway/examples/backend/echo.php 127.0.0.1 6390": (TEST, _BACKENDS + ", where there is a php"),
    # building, installing
    "scripts/deps --build": (NOT, _INSTALLS),
    "scripts/deps --test": (NOT, _INSTALLS),
    "scripts/docs": (NOT, "scripts/lint docs runs it"),
    "scripts/check_docs": (TEST, "docs/test_links.py"),
    "scripts/check_docs --commands": (TEST, "docs/test_links.py"),
    "scripts/check_layers": (NOT, "scripts/lint layers runs it"),
    "scripts/check_settings": (NOT, "scripts/lint settings runs it"),
    "scripts/lint docs": (NOT, _BY_CI),
    "cmake --preset program && cmake --build --preset program": (NOT, "builds everything anew"),
    "cmake --preset dev && cmake --build --preset dev && ctest --preset unit": (NOT, "builds everything anew"),
    "sudo cmake --install build/release": (TEST, _INSTALL),
    "cc shout.c -o shout $(pkg-config --cflags --libs chanway libevent_core)": (TEST, _APPLICATIONS),
    "./shout & npx wscat -c 'ws://127.0.0.1:8000/ws?type=text'": (TEST, _APPLICATIONS),
    "cc -static shout.c -o shout $(pkg-config --static --cflags --libs chanway libevent_core)":
        (TEST, _APPLICATIONS),
    "pkg-config chanway": (TEST, _APPLICATIONS),
    "cpack --config build/release/CPackConfig.cmake -G DEB -B build": (TEST, _PACKAGE),
    "scripts/package/try build/chanway_*.deb": (TEST, _PACKAGE),
    "man chanwayd": (TEST, _PACKAGE),
}

# Whatever begins so, unless the table knows it.
FAMILIES = [
    (r"(CHANWAY_\w+=\S+ )*scripts/up\b", (NOT, _TAKES_PORTS)),
    (r"docker(-compose)? ", (NOT, _NO_DOCKER)),
    (r"(systemctl|journalctl) ", (NOT, "needs a systemd that runs")),
    (r"(sudo )?(apt-get|npm install|pip) ", (NOT, _INSTALLS)),
    (r"scripts/bench\b", (NOT, _MINUTES)),
]


def row_of(words):
    """What becomes of a command; None: nobody has said."""
    for pattern, row in [] if words in TABLE else FAMILIES:
        if re.match(pattern, words):
            return row
    return TABLE.get(words)


_BLOCK = re.compile(r"(?:(?<=\n\n)|\A)((?:    [^\n]*\n)+)")
_SHELL = re.compile(r"^```(?:sh|bash|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_PROGRAMS = re.compile(r"(?:sudo |\w+=\S+ )*(?:scripts/[a-z_/]+|(?:docker-compose|systemctl|journalctl|apt-get|npx|"
                       r"npm|pip|cc|cmake|ctest|cpack|curl|man|redis-cli|chanwayd|pkg-config) [^`]+)(?: [^`]*)?")


class Command:
    def __init__(self, page, words):
        self.page = page
        self.words = words
        self.dialog = []  # lines said to it ("> ...") and by it ("< ...")


def of_page(page, text):
    """The commands of a page in their order: blocks of commands, then those within sentences."""
    found = []
    blocks = _SHELL.findall(text) + _BLOCK.findall(_FENCE.sub("", text))
    for block in blocks:
        for line in block.splitlines():
            line = re.sub(r"\s+", " ", line.strip())
            if line[:2] in ("> ", "< ") and found:
                found[-1].dialog.append(line)
            elif line and not line.startswith("#") and " = " not in line:  # a setting, a formula
                found.append(Command(page, line))
    prose = _BLOCK.sub("", _FENCE.sub("", text))
    for words in re.findall(r"`([^`]+)`", prose):
        words = re.sub(r"\s+", " ", words)
        if _PROGRAMS.fullmatch(words):
            found.append(Command(page, words))
    return found


def of_pages(root):
    found = []
    for path in [root / "README.md", *sorted((root / "docs").glob("*.md"))]:
        found += of_page(str(path.relative_to(root)), path.read_text(encoding="utf-8"))
    return found


def problems(root):
    found = of_pages(root)
    wrong = [f"{command.page}: tests/docs/commands.py does not know `{command.words}`"
             for command in found if row_of(command.words) is None]
    there = {command.words for command in found}
    wrong += [f"tests/docs/commands.py: `{words}` is on no page" for words in TABLE if words not in there]
    for words, (what, detail) in TABLE.items():
        test = detail.partition(",")[0]
        if what == TEST and not (root / "tests" / test).is_file():
            wrong.append(f"tests/docs/commands.py: `{words}`: there is no tests/{test}")
    return wrong


def listing(root):
    lines = []
    for title, kind in (("run by tests/docs/test_commands.py", RUN), ("run by another test", TEST),
                        ("not run", NOT)):
        lines.append(title + ":")
        for words in dict.fromkeys(command.words for command in of_pages(root)):
            what, detail = row_of(words) or (NOT, "not known")
            if what == kind:
                lines.append(f"    {words}" + ("" if kind == RUN else f"\n        {detail}"))
    return "\n".join(lines)


def summary(root):
    kinds = [(row_of(words) or (NOT,))[0] for words in {command.words for command in of_pages(root)}]
    return (f"{kinds.count(RUN)} commands run here, {kinds.count(TEST)} by other tests, "
            f"{kinds.count(NOT)} not (--commands)")
