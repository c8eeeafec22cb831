"""Operating: what a log that is left running for years is asked, and what is done to it."""

from pgaudit_log.operating.coverage import Coverage, coverage_of
from pgaudit_log.operating.findings import Finding, Place
from pgaudit_log.operating.health import status
from pgaudit_log.operating.holds import Hold, held_sql, hold, holds, release
from pgaudit_log.operating.maintenance import Maintained, maintain
from pgaudit_log.operating.partition_plans import Plan, Step
from pgaudit_log.operating.partitioning import plan_partitions
from pgaudit_log.operating.retention import plan_retention
from pgaudit_log.operating.roles import plan_hardening
from pgaudit_log.operating.settled import settled_until, wait_until_settled
from pgaudit_log.operating.verification import verify

__all__ = [
    "Coverage",
    "Finding",
    "Hold",
    "Maintained",
    "Place",
    "Plan",
    "Step",
    "coverage_of",
    "held_sql",
    "hold",
    "holds",
    "maintain",
    "plan_hardening",
    "plan_partitions",
    "plan_retention",
    "release",
    "settled_until",
    "status",
    "verify",
    "wait_until_settled",
]
