"""Hardening: the application reads the log and writes its tables, and can neither forge nor erase."""

from pgaudit_log.database.hardening.plans import Plan, drift, mend, plan
from pgaudit_log.database.hardening.remembered import Hardened, hardened
from pgaudit_log.database.hardening.steps import Step

__all__ = ["Hardened", "Plan", "Step", "drift", "hardened", "mend", "plan"]
