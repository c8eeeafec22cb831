"""A replica answers all questions about the past, and goes on where it is promoted."""

from __future__ import annotations

from pathlib import Path

from tests.durability import standby
from tests.durability.extents import Extent
from tests.durability.judgement import judge
from tests.durability.servers import CONFIGURED, Copies, execute, shell
from tests.durability.writers import writing

QUESTIONS = """
from django.core.management import call_command
from pgaudit_log.models import Events
from pgaudit_log.timetravel import as_of
from tests.shop.models import Customer, Order

newest = Events.objects.latest("pgh_id")
middle = Events.objects.filter(pgh_id__lte=newest.pgh_id // 2).latest("pgh_id")
for moment in (middle, newest):
    print(sorted(Customer.objects.as_of(moment).values_list("pk", "name")))
    with as_of(moment):
        print(Order.objects.filter(customer__name__startswith="before").count())
order = Order.objects.latest("pk")
print([(event.pgh_id, event.pgh_label, event.note) for event in order.events.order_by("pgh_id")])
print(list(Events.objects.references(order).order_by("pgh_id").values_list("pgh_id", flat=True)))
call_command("pgaudit_log", "trail", "--limit=20", "--json")
call_command("pgaudit_log", "verify")
"""
"""Time travel of one table and of a block, typed events, references, and commands."""

NUMBERS = """
SELECT (SELECT count(DISTINCT number) FROM pgaudit_log_incarnation),
       count(*) - count(DISTINCT id),
       (SELECT count(*) FROM (
            SELECT txid FROM pgaudit_log_event GROUP BY txid
            HAVING count(DISTINCT context ->> 'token') > 1
        ) AS mixed)
FROM pgaudit_log_event
"""
"""The incarnations, the ids that were given twice, and transactions with the number of another."""


def test_a_promoted_replica_goes_on_with_the_log(
    copies: Copies, extent: Extent, tmp_path: Path
) -> None:
    """Streaming replica, promoted."""
    database = copies.copy()
    primary = copies.server
    with standby.following(primary) as replica:
        url, promoted = primary.url(database), replica.url(database)
        with writing(url, tmp_path / "before", count=extent.writers) as writers:
            writers.go_on(extent.transactions * extent.rounds)
            writers.end()
        # As autovacuum does sooner or later; a replica has its primary's statistics.
        execute(primary, "ANALYZE", database)
        standby.until_it_has_all(primary, replica)
        assert shell(promoted, QUESTIONS) == shell(url, QUESTIONS)
        before = writers.ledger()
        [(incarnations, *_)] = execute(primary, NUMBERS, database)

        primary.stop("immediate")
        try:
            replica.run("pg_ctl", "-D", str(replica.directory), "-w", "promote")
            with writing(promoted, tmp_path / "after", count=extent.writers) as writers:
                writers.go_on(extent.transactions)
                writers.end()
            judged = judge(promoted, before.joined(writers.ledger()))
            numbers = execute(replica, NUMBERS, database)
        finally:
            primary.start(CONFIGURED)
    extent.note("1 promotion", judged)
    assert numbers == [(incarnations, 0, 0)]
    assert judged.is_whole(), judged
