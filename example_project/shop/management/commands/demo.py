"""`manage.py demo`: loads the data, changes them in many ways, and prints the trail of that."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.urls import reverse
from rich.console import Console
from rich.table import Table
from rich.text import Text

import pgaudit_log
from example_project.shop import changes, going_back, trail
from example_project.shop.models import Order
from pgaudit_log.models import Events

P = ParamSpec("P")
R = TypeVar("R")

SITE = "http://127.0.0.1:8000"
WIDEST = 120  # columns of the terminal


class Command(BaseCommand):
    help = "Loads the data, changes them in many ways, and prints the trail of that."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write("Preparing the database.")
        call_command("migrate", verbosity=0)
        call_command("load_chinook", stdout=self.stdout)
        with pgaudit_log.context(command="demo", reason="accounts for the site"):
            admin = _user("admin", is_superuser=True)
            clerk = _user("anna")

        self.stdout.write(
            "\nThe changes of example_project/shop/changes.py in the trail (times: UTC)\n"
        )
        self.console = Console(file=self.stdout)  # type: ignore[arg-type]
        self.console.width = min(self.console.width, WIDEST)
        self.console.print(_table(show_header=True))
        order = self.show(changes.take_order, clerk)
        self.show(changes.raise_prices)
        self.show(changes.double_quantities, order, clerk)
        self.show(changes.leave_note, order)
        self.show(changes.ship, order, clerk)
        self.show_diff(order)
        self.show_past()
        self.show(changes.cancel, order, clerk)
        self.show(going_back.undo_request, order, clerk)
        key = order.pk
        self.show(changes.delete, order, clerk)
        self.show(going_back.restore_order, key, clerk)
        order = Order.objects.get(pk=key)
        deleted = self.show(changes.delete_twin, clerk)
        self.show(changes.form_team, clerk, admin)

        self.stdout.write(
            f"""
Open the site:   {_run("runserver")}
                 {SITE}{reverse("front_page")}
                 {SITE}{order.get_absolute_url()}  (the order above)
                 {SITE}{reverse("order", args=[deleted])}  (the deleted one)
                 {SITE}{reverse("admin:index")}  (user admin, password admin)
                 {SITE}{reverse("admin:pgaudit_log_events_changelist")}  (all of this in the admin)
                 {SITE}{reverse("admin:shop_order_audit", args=[order.pk])}  (the order there)
                 {SITE}{reverse("audit-event-list")}  (all of this as JSON, for those who have logged in)
Once more:       {_run()}"""
        )

    def show(self, change: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Make a change, print the events that it left, and return what it returns."""
        before = Events.objects.latest("pgh_id").pgh_id
        result = change(*args, **kwargs)
        entries = trail.read(Events.objects.filter(pgh_id__gt=before))
        self.console.print(f"\n[bold]{change.__doc__}")
        self.console.print(_table(*entries))
        return result

    def show_diff(self, order: Order) -> None:
        """Print what is different about an order since it was taken."""
        self.console.print("\n[bold]Diff: the order as it was taken, and now.")
        table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
        for field in going_back.compare(order).values():
            table.add_row(field.verbose_name, Text(f"{field.old_text} → {field.new_text}"))
        self.console.print(table)

    def show_past(self) -> None:
        """Print the shop as it was when its data were loaded."""
        self.console.print("\n[bold]As of: the shop when its data were loaded.")
        table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
        for then, now in going_back.prices():
            table.add_row(Text(then.name), f"price: {then.price}, now {now.price}")
        self.console.print(table)
        total, invoices = going_back.revenue()
        self.console.print(f"All orders: {total}. The data's own invoices: {invoices}.")


def _user(name: str, *, is_superuser: bool = False) -> User:
    """Return the user of a name, who is made if need be with the name as password."""
    found = User.objects.filter(username=name).first()
    return found or User.objects.create_user(
        name, password=name, is_staff=is_superuser, is_superuser=is_superuser
    )


def _table(*entries: trail.Entry, show_header: bool = False) -> Table:
    """Return the entries under each other, in columns that are the same in all tables."""
    table = Table(box=None, expand=True, padding=(0, 2, 0, 0), show_header=show_header)
    table.add_column("When", width=8)
    table.add_column("Who", ratio=19)
    table.add_column("Object", ratio=19)
    table.add_column("What", width=6)
    table.add_column("Old → new", ratio=20)
    for entry in entries:
        table.add_row(
            f"{entry.when:%H:%M:%S}",
            Text.assemble(entry.who, (f"\n{entry.why}".rstrip(), "dim")),
            Text.assemble(entry.object, (f"\n{entry.name}".rstrip(), "dim")),
            entry.what,
            Text("\n".join(entry.changes)),
        )
    return table


def _run(*arguments: str) -> str:
    """Return the command line that runs the example from the current directory."""
    return shlex.join(["python3", os.path.relpath(settings.BASE_DIR / "run.py"), *arguments])
