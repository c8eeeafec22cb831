"""`manage.py load_chinook`: fills the shop, once."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from example_project.shop import chinook
from example_project.shop.models import Order
from pgaudit_log.jobs import AuditCommandMixin
from pgaudit_log.models import Events


class Command(AuditCommandMixin, BaseCommand):
    help = "Loads the Chinook data into the shop, unless it has orders already."

    def handle(self, *args: Any, **options: Any) -> None:
        command = Events.objects.filter(pgh_context__command="load_chinook")
        if Order.objects.exists():
            self.stdout.write(
                f"The Chinook data are there. Loading left {command.count():,} events."
            )
            return
        loaded = chinook.load()
        self.stdout.write(f"Loaded {', '.join(loaded)}. That left {command.count():,} events.")
