"""Writers as a test has them: it starts them, kills some, ends the rest, and reads their ledgers."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.durability.servers import environment, kill, until
from tests.projects import ROOT


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """What writers know of their transactions, by token, with the events that each must leave."""

    acknowledged: dict[str, int]
    in_doubt: dict[str, int]
    """Those whose COMMIT was sent and never answered: they are there as a whole, or not at all."""
    failed: int
    retried: Counter[str]

    def joined(self, other: Ledger) -> Ledger:
        """Return the ledger of both, whose tokens are not the same."""
        return Ledger(
            acknowledged=self.acknowledged | other.acknowledged,
            in_doubt=self.in_doubt | other.in_doubt,
            failed=self.failed + other.failed,
            retried=self.retried + other.retried,
        )


class Writers:
    """Processes that write to one database."""

    def __init__(self, process: subprocess.Popen[str], folder: Path, work: str) -> None:
        self._process = process
        self._folder = folder
        self._work = work
        self._numbers = itertools.count(1)
        self._running: list[int] = []
        self._read: Counter[str] = Counter()
        """How much of each writer's notes has been read."""
        self._sent: dict[str, int] = {}
        self._acknowledged: dict[str, int] = {}
        self._retried: Counter[str] = Counter()
        self._failed = 0

    def start(self, count: int) -> None:
        """Start some more."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        for number in itertools.islice(self._numbers, count):
            name = f"{self._folder.name}-{number}"
            order = {"name": name, "work": self._work, "ledger": str(self._folder / name)}
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            self._running.append(int(self._process.stdout.readline()))

    def kill_one(self) -> None:
        """Kill the oldest, wherever it is in its work."""
        kill(self._running.pop(0))

    def end(self) -> None:
        """Let each finish its transaction, and wait for it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.wait(60) == 0

    def ledger(self) -> Ledger:
        """Return what all writers have noted so far."""
        for file in self._folder.iterdir():
            with file.open("rb") as notes:
                notes.seek(self._read[file.name])
                # A line that is being written is read the next time.
                new = notes.read().rpartition(b"\n")[0]
            self._read[file.name] += len(new) + 1 if new else 0
            for line in new.splitlines():
                self._take(json.loads(line))
        return Ledger(
            acknowledged=dict(self._acknowledged),
            in_doubt=dict(self._sent),
            failed=self._failed,
            retried=Counter(self._retried),
        )

    def _take(self, entry: dict[str, Any]) -> None:
        match entry:
            case {"sent": token, "events": events}:
                self._sent[token] = events
            case {"acknowledged": token}:
                self._acknowledged[token] = self._sent.pop(token)
            case {"retried": why}:
                self._retried[why] += 1
            case {"failed": _}:
                self._failed += 1

    def go_on(self, transactions: int) -> None:
        """Wait until so many more are acknowledged; however slowly they come, they have to come."""
        wanted = len(self.ledger().acknowledged) + transactions
        while (there := len(self.ledger().acknowledged)) < wanted:
            until(
                lambda before=there: len(self.ledger().acknowledged) > before,
                f"another transaction; {wanted - there} are still wanted",
            )


@contextmanager
def writing(
    url: str, folder: Path, *, count: int, work: str = "orders", **variables: str
) -> Iterator[Writers]:
    """Let writers write to a database during the block; they are ended behind it."""
    folder.mkdir()
    with subprocess.Popen(
        [sys.executable, "-m", "tests.durability.writer"],
        cwd=ROOT,
        env=environment(url, **variables),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        writers = Writers(process, folder, work)
        writers.start(count)
        try:
            yield writers
        finally:
            if process.poll() is None and process.stdin is not None and not process.stdin.closed:
                writers.end()
