"""`manage.py raise_prices "Karsh Kale"`: raises the prices of an artist's products by 10 cents."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db.models import F

from example_project.shop.models import Product
from pgaudit_log.jobs import AuditCommandMixin


class Command(AuditCommandMixin, BaseCommand):
    help = "Raises the prices of an artist's products by 10 cents."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("artist")

    def handle(self, *args: Any, **options: Any) -> None:
        products = Product.objects.filter(artist=options["artist"])
        products.update(price=F("price") + Decimal("0.10"))
