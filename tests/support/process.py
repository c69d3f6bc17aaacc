"""Child processes that never outlive the test, however it ends."""

import atexit
import ctypes
import os
import re
import resource
import shutil
import signal
import subprocess

from .wait import until

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)
_running = []
folders_outside = []  # of the tests' own: removed with the processes that are left


def _raise_file_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


_raise_file_limit()


class Process:
    """One program with its output in a file."""

    def __init__(self, name, argv, folder, env=None, dies_by=signal.SIGKILL, stdin=None,
                 stdout=None, wrapped_limits=None):
        self.name = name
        self.argv = [str(word) for word in argv]
        self.folder = str(folder)
        self.log_path = os.path.join(self.folder, name + ".log")
        parent = os.getpid()

        def before_exec():
            # The kernel ends the child with its parent, also after a kill -9 of the parent.
            _libc.prctl(_PR_SET_PDEATHSIG, int(dies_by), 0, 0, 0)
            if os.getppid() != parent:
                os._exit(127)
            for what, value in (wrapped_limits or {}).items():
                resource.setrlimit(what, (value, value))

        with open(self.log_path, "ab") as log:
            self.log_start = log.tell()
            self.child = subprocess.Popen(
                self.argv, cwd=self.folder, env=env, preexec_fn=before_exec, stderr=log,
                stdin=stdin if stdin is not None else subprocess.DEVNULL,
                stdout=stdout if stdout is not None else log)
        self.pid = self.child.pid
        _running.append(self)

    def log(self):
        """What this run of the program has written so far."""
        with open(self.log_path, "rb") as file:
            file.seek(self.log_start)
            return file.read().decode("utf-8", "replace")

    def find_in_log(self, pattern):
        return re.search(pattern, self.log(), re.MULTILINE)

    def wait_for_log(self, pattern, timeout=15.0):
        def look():
            found = self.find_in_log(pattern)
            if not found and not self.is_running():
                raise AssertionError(f"{self.name} has ended with {self.child.returncode} without "
                                     f"saying {pattern!r}:\n{self.log()[-2000:]}")
            return found
        return until(look, f"{self.name} says {pattern!r}", timeout)

    def is_running(self):
        return self.child.poll() is None

    def stat(self):
        """The fields of /proc/<pid>/stat from the state on."""
        with open(f"/proc/{self.pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()

    def cpu_seconds(self):
        """What it has used so far, in itself and for itself in the kernel."""
        fields = self.stat()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def signal(self, number):
        """To a child that was not waited for: its pid can't be another's."""
        if self.is_running():
            os.kill(self.pid, number)

    def wait(self, timeout=15.0):
        """The exit code; negative: the signal that ended it."""
        try:
            return self.child.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} does not end within {timeout} s") from None

    def kill(self):
        self.signal(signal.SIGKILL)
        return self.wait()

    def stop(self, timeout=10.0):
        """Ends it, gently if it can be; for cleaning up."""
        if self.is_running():
            # Only to one that is stopped: LeakSanitizer stops the program with SIGSTOP when it ends
            # and waits for ever if a SIGCONT takes that away.
            if self.stat()[0] == "T":
                self.signal(signal.SIGCONT)
            self.signal(signal.SIGTERM)
            try:
                self.child.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()
        self.close_pipes()
        if self in _running:
            _running.remove(self)

    def close_pipes(self):
        for pipe in (self.child.stdin, self.child.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:
                    pass  # its reader is gone


def children_of(pid):
    """Pids whose parent is `pid`."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="ascii", errors="replace") as file:
                    fields = file.read().rpartition(")")[2].split()
            except OSError:
                continue
            if fields[0] != "Z" and int(fields[1]) == pid:
                found.append(int(entry))
    return found


def is_alive(pid):
    """Whether a process that need not be our child runs."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def kill_what_is_left():
    """Every process that a test has started and not ended."""
    for process in list(_running):
        if process.is_running():
            process.signal(signal.SIGKILL)
            process.child.wait()
    for folder in folders_outside:
        shutil.rmtree(folder, ignore_errors=True)


atexit.register(kill_what_is_left)
