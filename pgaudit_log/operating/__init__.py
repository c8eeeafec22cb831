"""Operating: what a log that is left running for years is asked."""

from pgaudit_log.operating.coverage import Coverage, coverage_of
from pgaudit_log.operating.findings import Finding, Place
from pgaudit_log.operating.health import status
from pgaudit_log.operating.roles import plan_hardening
from pgaudit_log.operating.settled import settled_until, wait_until_settled
from pgaudit_log.operating.verification import verify

__all__ = [
    "Coverage",
    "Finding",
    "Place",
    "coverage_of",
    "plan_hardening",
    "settled_until",
    "status",
    "verify",
    "wait_until_settled",
]
