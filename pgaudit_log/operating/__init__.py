"""Operating: what looks after a log that is left running."""

from pgaudit_log.operating.health import status

__all__ = ["status"]
