"""What `cmake --install` puts where, and what can be seen of the library from outside."""

import os
import re
import subprocess

from installed_case import InstalledCase, command
from support.case import main
from support.paths import SOURCE

# Headers of ISO C that public headers may include.
STANDARD = {"inttypes.h", "stdarg.h", "stdbool.h", "stddef.h", "stdint.h", "stdio.h", "string.h",
            "sys/types.h", "time.h"}
# Names of the libraries that Chanway is built from.
FOREIGN = re.compile(r"\b(lws|LWS_|libwebsockets|evutil|evbuffer|bufferevent|redis[A-Z]|REDIS_|SSL|"
                     r"EVP_|X509|msgpack|yyjson|jwt_|z_stream)\w*|\bstruct\s+(event|redis)\w*")


def without_comments(text):
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.DOTALL)
    return re.sub(r"//[^\n]*", " ", text)


class Installed(InstalledCase):

    def declared(self):
        """Functions that the headers declare public; not those that a module has to define."""
        names = set()
        for text in self.headers().values():
            code = without_comments(text)
            names.update(re.findall(r"\bCW_API\b[^;]*?\b(cw_\w+)\s*\(", code))
        return {name for name in names if not name.startswith("cw_module_")}

    def defined(self, *words):
        lines = command("nm", *words).splitlines()
        return {line.split()[-1] for line in lines if len(line.split()) == 3}

    def test_every_public_header_is_there(self):
        sources = {f"chanway/{path.name}" for folder in ("cluster", "gateway")
                   for path in (SOURCE / folder / "include/chanway").glob("*.h")}
        self.assertTrue(sources)
        self.assertEqual(set(self.headers()), sources)

    def test_programs_and_their_parts_are_there(self):
        version = re.search(r'CW_VERSION "([^"]+)"', self.headers()["chanway/version.h"]).group(1)
        programs = self.prefix / "bin"
        self.assertEqual(command(programs / "chanwayd", "--version"), f"chanwayd {version}\n")
        self.assertIn("chanway [--redis URL]", command(programs / "chanway", "--help"))
        redis = self.own_redis()
        script = [programs / "chanway", "--redis", redis.url]
        self.assertRegex(command(*script, "load"), r"^version \d+ loaded\n$")
        identity = command(*script, "publish", "chat", '{"hello":"all"}').strip()
        self.assertIn(identity, command(*script, "history", "chat"))

    def test_the_shared_library_shows_its_api_and_nothing_else(self):
        library = self.libraries / "libchanway.so"
        self.assertIn("cw_gateway_create", self.declared())
        self.assertEqual(self.defined("-D", "--defined-only", library), self.declared())
        self.assertEqual(os.readlink(library), "libchanway.so.0")
        self.assertIn("soname: [libchanway.so.0]", command("readelf", "-d", library))

    def test_so_does_the_static_one(self):
        library = self.libraries / "libchanway.a"
        self.assertEqual(self.defined("-g", "--defined-only", library), self.declared())

    def test_what_the_library_needs_is_named(self):
        dynamic = command("readelf", "-d", self.libraries / "libchanway.so")
        needed = set(re.findall(r"\(NEEDED\).*\[lib(.*?)\.so", dynamic))
        named = {word[2:] for word in self.pkg_config("--libs", "--static", "chanway")}
        self.assertLessEqual({re.sub(r"-\d+\.\d+$", "", name) for name in needed}, named | {"c"})
        # Those that the system has not are within, and none of their files is wanted.
        self.assertNotRegex(dynamic, r"RUNPATH|RPATH")
        for file in self.prefix.rglob("*.pc"), self.prefix.rglob("*.cmake"):
            for path in file:
                self.assertNotIn(".deps", path.read_text(encoding="utf-8"), path)

    def test_headers_show_only_our_own_types(self):
        for name, text in self.headers().items():
            code = without_comments(text)
            for included in re.findall(r'#\s*include\s*[<"]([^>"]+)', code):
                self.assertTrue(included.startswith("chanway/") or included in STANDARD,
                                f"{name} includes {included}")
            found = FOREIGN.search(code)
            self.assertIsNone(found, f"{name}: {found}")

    def test_all_headers_together_in_either_language(self):
        text = "".join(f"#include <{name}>\n" for name in sorted(self.headers()))
        for compiler, language, standard in (("CC", "c", "c11"), ("CXX", "c++", "c++17")):
            words = [os.environ.get(compiler, "cc" if language == "c" else "c++"), "-x", language,
                     f"-std={standard}", "-Wall", "-Wextra", "-Wpedantic", "-Werror",
                     "-fsyntax-only", "-I", str(self.prefix / "include"), "-"]
            done = subprocess.run(words, input=text + text, capture_output=True, text=True,
                                  timeout=50, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    main()
