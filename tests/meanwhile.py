"""Work on another connection, in a thread, and waiting until it waits for a lock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from django.db import connection

from tests.support import execute


class Meanwhile(threading.Thread):
    """Runs something on a connection of its own, and keeps what it raised."""

    def __init__(self, work: Callable[[], object]) -> None:
        super().__init__()
        self.work = work
        self.process: int | None = None
        """The server's process that serves its connection, once there is one."""
        self.result: object = None
        self.error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            connection.ensure_connection()
            self.process = connection.connection.info.backend_pid
            self.result = self.work()
        except BaseException as error:  # a thread's failure is the test's
            self.error = error
        finally:
            connection.close()

    def done(self) -> object:
        """Return its result, once it has one."""
        self.join(60)
        assert not self.is_alive()
        if self.error is not None:
            raise self.error
        return self.result


def until_it_waits(thread: Meanwhile) -> None:
    """Return when the thread's own session waits for what another has locked.

    Other sessions of the server, of other databases and other runs of these tests, may wait as they like.
    """
    for _ in range(1000):
        if execute("SELECT 1 FROM pg_locks WHERE NOT granted AND pid = %s", [thread.process]):
            return
        assert thread.is_alive(), f"it did not wait: {thread.result} {thread.error}"
        time.sleep(0.01)
    raise AssertionError("it does not wait")
