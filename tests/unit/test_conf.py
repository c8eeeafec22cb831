"""Settings are read each time, not when the package is imported."""

from __future__ import annotations

from typing import Any

from pgaudit_log.conf import settings as package_settings


def test_settings_are_read_when_they_are_asked_for(settings: Any) -> None:
    assert package_settings.PARTITIONS_AHEAD == 3
    settings.PGAUDIT_LOG_PARTITIONS_AHEAD = 9
    assert package_settings.PARTITIONS_AHEAD == 9
