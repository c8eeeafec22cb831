"""The controller's side of the workers: starts them, asks them, ends them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.variants import Variant
from example_project.embedded_postgres import Server

ROOT = Path(__file__).absolute().parent.parent


class WorkerError(RuntimeError):
    """A worker could not do what it was asked for; the message has its traceback."""


class Worker:
    """A process that runs one variant on one database."""

    def __init__(self, variant: Variant, url: str) -> None:
        self.variant = variant
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker"],
            cwd=ROOT,
            env={
                **os.environ,
                "BENCHMARK_VARIANT": variant.name,
                "BENCHMARK_DATABASE_URL": url,
                "PYTHONHASHSEED": "0",
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def send(self, task: str, /, **arguments: Any) -> None:
        """Ask without waiting for the answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": task, "with": arguments}) + "\n")
        self._process.stdin.flush()

    def receive(self) -> Any:
        """Wait for the answer and return it.

        Raises:
            WorkerError: when the task failed, or the worker is gone.
        """
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        answer = json.loads(line) if line else {"error": "The process has ended."}
        if "error" in answer:
            raise WorkerError(f"The worker of {self.variant.title} failed:\n{answer['error']}")
        return answer["answer"]

    def ask(self, task: str, /, **arguments: Any) -> Any:
        """Ask, and return the answer."""
        self.send(task, **arguments)
        return self.receive()

    def end(self) -> None:
        """Hang up and wait for the process's end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def ask_all(workers: Iterable[Worker], task: str, /, **arguments: Any) -> list[Any]:
    """Ask all at once and return their answers, in order."""
    asked = list(workers)
    for worker in asked:
        worker.send(task, **arguments)
    return [worker.receive() for worker in asked]


@contextmanager
def running(server: Server, variants: Iterable[Variant], purpose: str) -> Iterator[list[Worker]]:
    """Run a worker for each variant, each with a fresh database that has its tables.

    The databases are dropped at the end; `purpose` is part of their names.
    """
    with ExitStack() as stack:
        workers = []
        for variant in variants:
            url = stack.enter_context(_database(server, f"{purpose}_{variant.name}"))
            workers.append(Worker(variant, url))
            stack.callback(workers[-1].end)
        ask_all(workers, "prepare")
        yield workers


@contextmanager
def more(server: Server, variant: Variant, purpose: str, number: int) -> Iterator[list[Worker]]:
    """Run more workers on the database that `running()` has made for a variant."""
    with ExitStack() as stack:
        url = server.url(f"{purpose}_{variant.name}")
        workers = []
        for _ in range(number):
            workers.append(Worker(variant, url))
            stack.callback(workers[-1].end)
        ask_all(workers, "connect")
        yield workers


@contextmanager
def _database(server: Server, name: str) -> Iterator[str]:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    try:
        yield server.url(name)
    finally:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
