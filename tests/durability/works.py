"""What writers do in one transaction; each work returns how many events that must leave.

Every row that can carry a text has the token of the transaction that wrote it last, and the token
is in the context too. So an event whose row and context name two transactions has the context of
another one.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tests.shop.models import Customer, Order, OrderLine, Parcel, Product

SHARED = 3
"""How many orders all writers change: few, so that they meet."""


def stock_the_shop() -> None:
    """Make what all writers share."""
    Product.objects.create(sku="disc", name="Disc", price=1)
    customer = Customer.objects.create(name="shared")
    Order.objects.bulk_create(
        Order(customer=customer, status="0", note="shared") for _ in range(SHARED)
    )


class Orders:
    """Customers order, change their minds, and leave with all that they had."""

    def __init__(self) -> None:
        self.customers: list[int] = []
        """Those whose transaction was acknowledged."""
        self._new: int | None = None
        self._gone: int | None = None

    def __call__(self, random: Random, token: str) -> int:
        self._gone = None
        customer = Customer.objects.create(name=token)
        self._new = customer.pk
        orders = Order.objects.bulk_create(
            Order(customer=customer, note=token) for _ in range(random.randrange(1, 8))
        )
        lines = OrderLine.objects.bulk_create(
            OrderLine(order=order, product_id="disc", quantity=random.randrange(1, 9))
            for order in orders
            for _ in range(random.randrange(3))
        )
        Parcel.objects.create(order=orders[0], weight=random.randrange(1, 900))
        events = 2 + len(orders) + len(lines)
        if self.customers:
            some = random.sample(self.customers, min(3, len(self.customers)))
            events += Customer.objects.filter(pk__in=some).update(name=token)
            events += Order.objects.filter(customer_id__in=some).update(note=token, status="paid")
            if random.random() < 0.5:
                self._gone = random.choice(self.customers)
                events += Customer.objects.get(pk=self._gone).delete()[0]
        return events

    def acknowledged(self) -> None:
        """Go on with what the last transaction made and left."""
        if self._gone is not None:
            self.customers.remove(self._gone)
        if self._new is not None:
            self.customers.append(self._new)

    def in_doubt(self) -> None:
        """Leave alone whatever the last transaction may have changed."""
        if self._gone is not None:
            self.customers.remove(self._gone)
        self._new = self._gone = None


class Contended:
    """Counts in one shared order, after looking at all: what SERIALIZABLE refuses at times."""

    def __call__(self, random: Random, token: str) -> int:
        orders = list(Order.objects.filter(customer__name="shared").order_by("pk"))
        order = random.choice(orders)
        order.status, order.note = str(int(order.status) + 1), token
        order.save(update_fields=["status", "note"])
        return 1

    def acknowledged(self) -> None:
        """Nothing is kept."""

    in_doubt = acknowledged


class Crossing(Contended):
    """Changes two shared orders, one after the other and in any order: a deadlock at times."""

    def __call__(self, random: Random, token: str) -> int:
        orders = random.sample(list(Order.objects.filter(customer__name="shared")), 2)
        return sum(Order.objects.filter(pk=order.pk).update(note=token) for order in orders)


Work = Orders | Contended
WORKS: dict[str, Callable[[], Work]] = {
    "orders": Orders,
    "contended": Contended,
    "crossing": Crossing,
}
