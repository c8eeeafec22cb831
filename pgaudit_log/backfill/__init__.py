"""Backfill: events that no trigger writes: baselines of rows older than their tracking, and manual ones."""

from pgaudit_log.backfill.batches import BATCH_SIZE, Backfilled, abackfill, backfill

__all__ = ["BATCH_SIZE", "Backfilled", "abackfill", "backfill"]
