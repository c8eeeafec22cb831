"""Writers as the command has them: their processes, and what they say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path

from example_project.load.latencies import Latencies

ROOT = Path(__file__).resolve().parent.parent.parent

APPLICATION = "shop writer"
"""What PostgreSQL calls their sessions."""


@dataclass(kw_only=True)
class Writers:
    """Some writers; :meth:`take` tells what they did since the last time."""

    failed: int = 0
    errors: list[str] = field(default_factory=list)
    """The first errors."""
    latencies: Latencies = field(default_factory=Latencies)
    _acknowledged: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _begun: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    _processes: list[subprocess.Popen[str]] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many have been started."""
        return len(self._processes)

    def begin(self, count: int, *, seed: str, rate: float) -> None:
        """Start so many, which do ``rate`` things a second together; return when all are at it, or dead."""
        for number in range(count):
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "example_project.load.writer"),
                    *("--number", str(number), "--writers", str(count)),
                    *("--interval", str(count / rate), "--seed", seed),
                ],
                cwd=ROOT,
                env={**os.environ, "PGAPPNAME": APPLICATION},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            thread = threading.Thread(target=self._listen, args=(process,), daemon=True)
            thread.start()
            self._processes.append(process)
            self._threads.append(thread)
        for _ in range(count):
            self._begun.acquire()

    def take(self) -> dict[str, int]:
        """Return what was acknowledged since the last time: tokens with the number of their events."""
        with self._lock:
            taken, self._acknowledged = self._acknowledged, {}
        return taken

    def are_running(self) -> bool:
        """Tell whether none has died."""
        return all(process.poll() is None for process in self._processes)

    def end(self) -> None:
        """Let each finish what it does, and wait for it."""
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.close()
        for process, thread in zip(self._processes, self._threads, strict=True):
            thread.join()
            if process.wait() != 0:
                self.failed += 1
                self.errors.append(f"A writer ended with the exit status {process.returncode}.")

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        has_begun = False
        for line in process.stdout:
            entry = json.loads(line)
            if "begun" in entry:
                has_begun = True
                self._begun.release()
                continue
            with self._lock:
                if "done" in entry:
                    self._acknowledged[entry["done"]] = entry["events"]
                elif "failed" in entry:
                    self.failed += 1
                    if len(self.errors) < 10:
                        self.errors.append(f"{entry['what']}: {entry['error']}")
                else:
                    self.latencies.join(entry["latencies"])
        if not has_begun:
            self._begun.release()
