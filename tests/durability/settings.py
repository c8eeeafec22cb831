"""The settings of writers: those of the test suite, on a server that a test may crash."""

from __future__ import annotations

import os

from django.db.backends.postgresql.psycopg_any import IsolationLevel

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES

# Here, and not the names of test databases: what is written must be there after the process.
DATABASES = {"default": {**DATABASES["default"], "TEST": {}}}
DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] = True  # as poolers ask for
if os.environ.get("PGAUDIT_LOG_TEST_ISOLATION") == "serializable":
    DATABASES["default"]["OPTIONS"]["isolation_level"] = IsolationLevel.SERIALIZABLE
PGAUDIT_LOG_CONTEXT_CARRIER = os.environ.get("PGAUDIT_LOG_TEST_CARRIER", "auto")
