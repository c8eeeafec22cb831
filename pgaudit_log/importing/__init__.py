"""Importing: the history that django-pghistory or django-simple-history has recorded becomes events."""

from pgaudit_log.importing.batches import WORKERS
from pgaudit_log.importing.comparisons import Comparison, Difference, compare
from pgaudit_log.importing.peers import PEERS
from pgaudit_log.importing.plans import Imported, KindCount, Plan, Step, plan
from pgaudit_log.importing.transfer import BATCH_SIZE
from pgaudit_log.importing.withdrawals import Withdrawal, plan_withdrawal

__all__ = [
    "BATCH_SIZE",
    "PEERS",
    "WORKERS",
    "Comparison",
    "Difference",
    "Imported",
    "KindCount",
    "Plan",
    "Step",
    "Withdrawal",
    "compare",
    "plan",
    "plan_withdrawal",
]
