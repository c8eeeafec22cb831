"""The models of a project whose database is looked at as a whole, and how to look at it."""

from __future__ import annotations

MODELS = """
from django.contrib.auth.models import User
from django.contrib.postgres.fields import ArrayField
from django.db import models

import pgaudit_log


@pgaudit_log.track()
class Item(models.Model):
    name = models.CharField(max_length=50)
    tags = ArrayField(models.TextField(), default=list)
    share = models.IntegerField(db_column="per%cent", default=0)
    parent = models.ForeignKey("self", models.CASCADE, db_column="of%", null=True, to_field="code")
    code = models.TextField(db_column="co%de", unique=True, null=True)
    friends = models.ManyToManyField("self")


pgaudit_log.track(
    pgaudit_log.UpdateEvent(
        "named",
        condition=pgaudit_log.Q(new__name__contains="%"),
    ),
    pgaudit_log.InsertEvent("rowly", level=pgaudit_log.Row),
    model_name="ItemNamed",
    obj_field=pgaudit_log.ObjForeignKey(related_name="named"),
)(Item)
pgaudit_log.track()(Item.friends.through)
"""

EVERYTHING = """
SELECT 'class', relname, relkind::text FROM pg_class
JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE nspname !~ '^pg_'
UNION ALL
SELECT 'function', proname, pronargs::text FROM pg_proc
JOIN pg_namespace ON pg_namespace.oid = pronamespace WHERE nspname !~ '^pg_'
UNION ALL
SELECT 'trigger', tgname, tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal
UNION ALL
SELECT 'type', typname, typtype::text FROM pg_type
JOIN pg_namespace ON pg_namespace.oid = typnamespace WHERE nspname !~ '^pg_'
"""

# By hand, because Django's own SQL does not double a percent sign in a name.
WRITES = """
from django.db import connection
from pgaudit_log.models import Events
before = Events.objects.count()
with connection.cursor() as cursor:
    cursor.execute('''INSERT INTO store_item (name, tags, "per%cent") VALUES ('a', '{x}', 5)''')
    cursor.execute('''UPDATE store_item SET name = '5%' WHERE name = 'a' ''')
print(Events.objects.count() - before)
"""
