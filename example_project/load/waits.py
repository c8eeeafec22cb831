"""Waits: the longest time that a session waited for a lock that another one held."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from django.db import connection

WAITING = """
SELECT extract(epoch FROM clock_timestamp() - lock.waitstart) * 1000,
       lock.mode || ' of ' || COALESCE(lock.relation::regclass::text, lock.locktype),
       lock.relation IS NOT NULL AND lock.locktype = 'relation'
FROM pg_locks AS lock
JOIN pg_stat_activity AS session USING (pid)
WHERE NOT lock.granted
  AND lock.waitstart IS NOT NULL
  AND session.datname = current_database()
  AND session.application_name = %s
"""

EVERY = 0.02
"""Seconds between two looks. A wait is seen if it is longer than that, and to that exact."""


@dataclass(kw_only=True)
class Waits:
    """Looks again and again, in a thread with a connection of its own."""

    application: str
    """What the sessions that are looked at call themselves."""
    longest: float = 0.0
    """In milliseconds."""
    what: str = ""
    longest_for_table: float = 0.0
    """The longest wait for a lock of a table, which is what looking after the log can cause."""
    table: str = ""
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _error: Exception | None = None

    def begin(self) -> None:
        """Look from now on."""
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Look no more.

        Raises:
            Exception: what ended the looking before, so that a wait may not have been seen.
        """
        self._over.set()
        if self._thread is not None:
            self._thread.join()
        if self._error is not None:
            raise self._error

    def _look(self) -> None:
        try:
            with connection.cursor() as cursor:
                while not self._over.wait(EVERY):
                    cursor.execute(WAITING, [self.application])
                    for milliseconds, what, is_table in cursor.fetchall():
                        self._add(float(milliseconds), what, is_table=is_table)
        except Exception as error:  # it is the caller's to know
            self._error = error
        finally:
            connection.close()

    def _add(self, milliseconds: float, what: str, *, is_table: bool) -> None:
        if milliseconds > self.longest:
            self.longest, self.what = milliseconds, what
        if is_table and milliseconds > self.longest_for_table:
            self.longest_for_table, self.table = milliseconds, what
