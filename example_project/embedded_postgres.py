"""Starts and stops a private PostgreSQL server that needs no installation and no rights.

`temporary()` is for tests: a fresh server, gone at the end. `persistent()` is for the example site:
a server that is found again, with its data, by the next command. Both listen on a Unix socket only,
in a directory closed to other accounts, and let in the account that started them by its own name
(`peer`); other roles need their password.

PostgreSQL refuses to run as root. Started by root, the server runs as `postgres` if there is such
an account, else as `nobody`; no account is created and no existing directory opened.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from urllib.parse import quote

from example_project.postgres_binaries import (
    EmbeddedPostgresError,
    find_binaries,
    for_everyone,
    is_open,
    major_version,
)

__all__ = ["EmbeddedPostgresError", "Server", "persistent", "temporary"]

ROLE = "postgres"
PORT = 5432  # names the socket file only; nothing listens on the network
TEMPORARY_PLACES = (Path("/tmp"), Path("/var/tmp"))  # for a TMPDIR that is too long or closed
LONGEST_SOCKET_PATH = 100  # Linux allows 107 bytes, macOS 103

# A test server may lose everything in a crash, so it never waits for the disk.
CARELESS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True, kw_only=True)
class Server:
    """One cluster: its directory, and the `bin` folder of the programs it runs on."""

    directory: Path
    binaries: Path

    @property
    def socket_directory(self) -> Path:
        """Where clients connect; libpq and Django take it as the host."""
        return self.directory / "run"

    @property
    def log(self) -> Path:
        """The server's log file."""
        return self.directory / "run" / "server.log"

    def url(self, database: str = ROLE) -> str:
        """Return a libpq URL; the host in it is the socket's directory, percent-encoded."""
        host = quote(str(self.socket_directory), safe="")
        return f"postgresql://{ROLE}@{host}:{PORT}/{quote(database, safe='')}"

    def is_running(self) -> bool:
        """Tell whether the socket answers; a process id in a stale file would prove nothing."""
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(str(self.socket_directory / f".s.PGSQL.{PORT}")) == 0

    def start(self, settings: Mapping[str, str] | None = None) -> None:
        """Create the cluster unless it exists, start it unless it runs, wait until it answers.

        `settings` are entries of postgresql.conf, such as `{"wal_level": "logical"}`; a running
        server keeps those it has. Two callers at once get the same server. Raises
        `EmbeddedPostgresError` with the last lines of the log.
        """
        with (self.directory / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self.is_running():
                return
            self.prepare()
            created = self.directory / "created"  # initdb has come to its end
            if not created.exists():
                self._create()
                created.touch()
            _write_configuration(self, settings or {})
            # After a crash the dead server's children may hold its shared memory for a moment, so
            # one refusal is not the last word.
            for attempt in range(3):
                try:
                    self._control("-l", str(self.log), "start")
                except EmbeddedPostgresError:
                    if attempt == 2:
                        raise
                    time.sleep(1)
                else:
                    return

    def prepare(self) -> None:
        """Make the directories of the cluster and of its socket, which belong to the account."""
        _let_the_account_in(self.directory)

    def stop(self, mode: str = "fast") -> None:
        """Stop the server, if it runs, and wait for its end; the modes are pg_ctl's."""
        if self.is_running():
            self._control("-m", mode, "stop")

    def delete(self) -> None:
        """Stop the server and remove the cluster, data included."""
        try:
            self.stop("immediate")
        finally:
            shutil.rmtree(self.directory, ignore_errors=True)

    def _create(self) -> None:
        """Run initdb. What an interrupted one left is removed first."""
        for left in (self.directory / "data").iterdir():
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        # C.UTF-8 sorts by code point and still knows upper from lower case; from 17 on PostgreSQL
        # brings its own.
        if major_version(self.binaries) >= 17:
            locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        else:
            locale = ["--locale=C.UTF-8" if sys.platform == "linux" else "--locale=C"]
        # initdb's own access rules are never read (see `_write_configuration`); these keep it from
        # offering `trust`.
        access = ["--auth-local=peer", "--auth-host=reject"]
        form = [f"--username={ROLE}", "--encoding=UTF8", "--no-sync", "--no-instructions"]
        self.run("initdb", "-D", str(self.directory / "data"), *form, *locale, *access)

    def _control(self, *arguments: str) -> None:
        self.run("pg_ctl", "-D", str(self.directory), "-t", "120", "-w", *arguments)

    def run(self, program: str, *arguments: str, password: str = "") -> None:
        """Run one of PostgreSQL's programs as the server's account.

        Raises `EmbeddedPostgresError` with what the program said.
        """
        owner = account()
        binaries = for_everyone(self.binaries, self.directory) if owner else self.binaries
        # PGPORT, PGDATA and their like would change what the programs do.
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("PG")
        }
        try:
            done = subprocess.run(
                [binaries / program, *arguments],
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                cwd=self.socket_directory,  # the caller's own may be closed to the account
                env={**environment, "LC_ALL": "C", "PGPASSWORD": password},
                umask=0o077,
                user=owner.pw_uid if owner else None,
                group=owner.pw_gid if owner else None,
                extra_groups=[] if owner else None,
            )
        except OSError as error:
            raise EmbeddedPostgresError(
                f"Cannot run {binaries / program} as "
                f"{owner.pw_name if owner else 'this account'}: {error}. "
                f"Set DATABASE_URL to a server of your own."
            ) from error
        if done.returncode != 0:
            said = done.stdout
            if program == "pg_ctl" and self.log.is_file():
                said += "".join(
                    self.log.read_text(errors="replace").splitlines(keepends=True)[-20:]
                )
            raise EmbeddedPostgresError(
                f"{program} failed (exit status {done.returncode}) for the cluster "
                f"{self.directory}.\n{said.rstrip()}\n"
                f"Correct what it says, or set DATABASE_URL to a server of your own."
            )


@contextlib.contextmanager
def temporary(
    version: int = 18, *, binaries: Path | None = None, settings: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Run a fresh server, of a major version or a `bin` folder, and delete it after the block."""
    with unstarted(binaries or find_binaries(version)) as server:
        server.start({**CARELESS, **(settings or {})})
        yield server


@contextlib.contextmanager
def unstarted(binaries: Path) -> Iterator[Server]:
    """Yield a server that has a directory and no cluster yet, and delete it after the block."""
    place = _room_for("pgaudit-12345678", [Path(tempfile.gettempdir()), *TEMPORARY_PLACES])
    server = Server(
        directory=Path(tempfile.mkdtemp(prefix="pgaudit-", dir=place)), binaries=binaries
    )
    try:
        yield server
    finally:
        server.delete()


def persistent(owner: Path, version: int = 18, *, binaries: Path | None = None) -> Server:
    """Return the server that belongs to a checkout; `start()` it to use it.

    Its data live in the account's own data directory (root: /var/lib), because a checkout may lie
    where a server cannot read or its socket's path would be too long.
    """
    binaries = binaries or find_binaries(version)
    mark = hashlib.sha256(os.fsencode(owner.resolve())).hexdigest()[:8]
    name = f"pgaudit-log-{major_version(binaries)}-{mark}"
    directory = _room_for(name, _lasting_places()) / name
    directory.mkdir(mode=0o700, exist_ok=True)
    if directory.is_symlink() or directory.stat().st_uid != os.geteuid():
        raise EmbeddedPostgresError(
            f"{directory} belongs to another account, so no server is started in it. "
            f"Remove it, or set DATABASE_URL to a server of your own."
        )
    return Server(directory=directory, binaries=binaries)


def main(arguments: list[str] | None = None) -> int:
    """Run a command with DATABASE_URL set to a temporary server; return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m example_project.embedded_postgres", description=main.__doc__
    )
    parser.add_argument(
        "--postgres", default="18", help="16, 18, or the bin folder of a server (default: 18)"
    )
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args(arguments)
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command:
        parser.error("which command? Write it after --")
    with stoppable(), chosen(options.postgres) as server:
        return subprocess.run(
            command, check=False, env={**os.environ, "DATABASE_URL": server.url()}
        ).returncode


def chosen(server: str) -> contextlib.AbstractContextManager[Server]:
    """Return a temporary server as a command line names it: "16", "18", or a `bin` folder."""
    return (
        temporary(int(server)) if server.isdecimal() else temporary(binaries=Path(server).resolve())
    )


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C would, so that no temporary server outlives its run."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def account() -> pwd.struct_passwd | None:
    """Return the account that runs the server when we are root; None means our own."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise EmbeddedPostgresError(
        "PostgreSQL refuses to run as root, and there is neither an account `postgres` "
        "nor `nobody` to run it. "
        "Use an ordinary account, or set DATABASE_URL to a server of your own."
    )


def _let_the_account_in(directory: Path) -> None:
    """Make the directories that belong to the server; for root, let its account pass to them."""
    owner = account()
    if owner is not None:
        directory.chmod(0o711)
    for name in ("data", "run"):
        private = directory / name
        private.mkdir(mode=0o700, exist_ok=True)
        if owner is not None:
            os.chown(private, owner.pw_uid, owner.pw_gid)


def _write_configuration(server: Server, settings: Mapping[str, str]) -> None:
    """Write the three configuration files beside the data, where `pg_ctl -D` finds them."""
    entries = {
        "data_directory": str(server.directory / "data"),
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_directories": '"' + str(server.socket_directory).replace('"', '""') + '"',
        "unix_socket_permissions": "0700",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "default_text_search_config": "pg_catalog.english",
        **settings,
    }
    lines = "".join(
        "{} = '{}'\n".format(name, value.replace("'", "''")) for name, value in entries.items()
    )
    (server.directory / "postgresql.conf").write_text(lines)
    (server.directory / "pg_hba.conf").write_text(
        f"local all {ROLE} peer map=owner\n"
        "local all all scram-sha-256\n"
        "host all all 127.0.0.1/32 scram-sha-256\n"
        "host all all ::1/128 scram-sha-256\n"
        f"local replication {ROLE} peer map=owner\n"
        "local replication all scram-sha-256\n"
    )
    (server.directory / "pg_ident.conf").write_text(
        f'owner "{pwd.getpwuid(os.geteuid()).pw_name}" {ROLE}\n'
    )
    for name in ("postgresql.conf", "pg_hba.conf", "pg_ident.conf"):
        (server.directory / name).chmod(0o644)


def _lasting_places() -> list[Path]:
    """Return where a cluster may stay, best first; the last are for accounts without a home."""
    if os.geteuid() == 0:
        own = Path("/var/lib")
    else:
        own = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
        with contextlib.suppress(OSError):
            own.mkdir(parents=True, exist_ok=True)
    return [own, *reversed(TEMPORARY_PLACES)]


def _room_for(name: str, places: list[Path]) -> Path:
    """Return the first place that we may write, the account may pass, and a socket fits in."""
    for place in (place.absolute() for place in places):
        too_long = (
            len(os.fsencode(place / name / "run" / f".s.PGSQL.{PORT}.lock")) > LONGEST_SOCKET_PATH
        )
        # pg_ctl hands its paths to a shell in double quotes.
        if too_long or set(str(place)) & set('"$`\\') or not os.access(place, os.W_OK | os.X_OK):
            continue
        if account() is None or is_open(place.resolve()):
            return place
    raise EmbeddedPostgresError(
        f"No place for a PostgreSQL server: {', '.join(map(str, places))} cannot be written, "
        f"are closed to its account, or are longer than a socket's path may be. "
        f"Set TMPDIR to a short directory of your own."
    )


if __name__ == "__main__":
    sys.exit(main())
