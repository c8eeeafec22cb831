"""Attacks on the log, by who can send any SQL as the application's role.

What becomes of each stands in the table of ``docs/explanation/attacks.md``, once where the role owns
what it has migrated, and once where the database was hardened.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.support import copy_in, execute

FORGED = """
SELECT EXISTS (SELECT FROM public.pgaudit_log_event WHERE operation <> 'M' AND snapshot ->> 'name' = 'forged')
"""
"""There is an event of a change that nobody made."""

ERASED = "SELECT count(*) <> 1 FROM public.pgaudit_log_event WHERE snapshot ->> 'name' = 'victim'"
"""The event of a change that was made is gone, or says something else."""

HIDDEN = """
SELECT EXISTS (SELECT FROM public.shop_customer WHERE name = 'hidden')
    AND NOT EXISTS (SELECT FROM public.pgaudit_log_event WHERE snapshot ->> 'name' = 'hidden')
"""
"""A tracked table has a row of which no event tells."""

DONE = "SELECT true"
"""It does harm if it is not refused."""

NONE = "SELECT false"

WRITES = "INSERT INTO shop_customer (name) VALUES ('hidden')"
EVENT = "(model, obj_pk, label, operation, snapshot) VALUES ('shop.Customer', '1', 'insert', 'I', '{\"name\": \"forged\"}')"
MUTE = "CREATE FUNCTION pg_temp.mute() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"


GRANTED_VIEW = """
SELECT pgaudit_log_write_manual('pgaudit_log.Access', '1', 'secret', 0, '{{}}', NULL, false);
GRANT USAGE ON SCHEMA public TO {clerk};
GRANT SELECT ON shop_customerevent TO {clerk}
"""
LEAK = """
CREATE FUNCTION pg_temp.leak(label text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$
BEGIN
    PERFORM set_config('attack.seen', concat(current_setting('attack.seen', true), label), true);
    RETURN true;
END $$;
SET LOCAL enable_indexscan = off;
SET LOCAL enable_bitmapscan = off;
SELECT count(*) FROM shop_customerevent WHERE pg_temp.leak(pgh_label)
"""
LEAKED = "SELECT strpos(current_setting('attack.seen', true), 'secret') > 0"


@dataclass(frozen=True, kw_only=True)
class Attack:
    """What the application's role sends, and how harm is told."""

    sql: str
    """The names between braces are of the roles, of a capture function and of a partition."""
    harm: str = DONE
    before: str = ""
    """What somebody who may has done before."""
    rows: str | None = None
    """What a COPY sends."""
    by: str = "app"
    """Who sends it."""

    def send(self, names: dict[str, str]) -> None:
        """Send it."""
        sql = self.sql
        for name, value in names.items():
            sql = sql.replace("{" + name + "}", value)
        if self.rows is None:
            execute(sql)
        else:
            copy_in(sql, self.rows)


ATTACKS = {
    # Forging
    "`INSERT` into the event table": Attack(
        sql=f"INSERT INTO pgaudit_log_event {EVENT}", harm=FORGED
    ),
    "`INSERT` into a partition": Attack(
        sql="INSERT INTO {partition} (id, model, obj_pk, label, operation, snapshot) OVERRIDING SYSTEM VALUE"
        " VALUES (999999, 'shop.Customer', '1', 'insert', 'I', '{\"name\": \"forged\"}')",
        harm=FORGED,
    ),
    "`INSERT` with the id and the transaction of another": Attack(
        sql="INSERT INTO pgaudit_log_event (id, txid, model, obj_pk, label, operation, snapshot)"
        ' OVERRIDING SYSTEM VALUE SELECT 999999, txid, model, obj_pk, label, operation, \'{"name": "forged"}\''
        " FROM pgaudit_log_event LIMIT 1",
        harm=FORGED,
    ),
    "`COPY … FROM STDIN` into the event table": Attack(
        sql="COPY pgaudit_log_event (model, obj_pk, label, operation, snapshot) FROM STDIN",
        rows='shop.Customer\t1\tinsert\tI\t{"name": "forged"}\n',
        harm=FORGED,
    ),
    "`MERGE` into the event table": Attack(
        sql="MERGE INTO pgaudit_log_event USING (SELECT 1) AS one ON false WHEN NOT MATCHED THEN INSERT"
        f" {EVENT}",
        harm=FORGED,
    ),
    "`INSERT` into a view of typed events": Attack(
        sql="INSERT INTO shop_customerevent (pgh_label, name) VALUES ('insert', 'forged')",
        harm=FORGED,
    ),
    "a manual event with a label that nobody declared": Attack(
        sql="SELECT pgaudit_log_write_manual('shop.Customer', '1', 'forged', 0, '{}', NULL, false)"
    ),
    "a manual event of what operators do": Attack(
        sql="SELECT pgaudit_log_write_manual('pgaudit_log.Maintenance', NULL, 'retention', 0, '{}', NULL, false)"
    ),
    "a manual event with the shape of another table": Attack(
        sql="SELECT pgaudit_log_write_manual('shop.Customer', '1', 'insert',"
        " (SELECT max(id) FROM pgaudit_log_shape), '{}', NULL, false)"
    ),
    "a manual event with a tracker's label, of what did not happen": Attack(
        sql="SELECT pgaudit_log_write_manual('shop.Customer', '1', 'insert', 0, '{\"name\": \"forged\"}', NULL, false)",
        harm=FORGED,
    ),
    "calling a capture function": Attack(sql="SELECT {capture}()"),
    "a capture function on a table of its own": Attack(
        sql="CREATE TEMP TABLE mine (LIKE public.shop_customer INCLUDING ALL);"
        " CREATE TRIGGER mine AFTER INSERT ON mine REFERENCING NEW TABLE AS new_values"
        " FOR EACH STATEMENT EXECUTE FUNCTION {capture}();"
        " INSERT INTO mine (id, name) VALUES (1, 'forged')",
        harm=FORGED,
    ),
    "another's name in the context, by a setting": Attack(
        sql="SET LOCAL pgaudit_log.context = '{\"user\": 1}'; " + WRITES,
        harm="SELECT EXISTS (SELECT FROM pgaudit_log_event WHERE context ->> 'user' = '1')",
    ),
    "another's name in the context, by a comment, through Django": Attack(
        sql='/*pgaudit_log:00000000-0000-0000-0000-000000000001{"user": 1}*/ ' + WRITES,
        harm="SELECT EXISTS (SELECT FROM pgaudit_log_event WHERE context ->> 'user' = '1')",
    ),
    "another's role in the event, by `SET ROLE`": Attack(
        before="GRANT {clerk} TO {app}; GRANT USAGE ON SCHEMA public TO {clerk}; GRANT SELECT, INSERT ON"
        " shop_customer TO {clerk}; GRANT USAGE ON SEQUENCE shop_customer_id_seq TO {clerk}",
        sql="SET LOCAL ROLE {clerk}; " + WRITES,
        harm="SELECT EXISTS (SELECT FROM pgaudit_log_event WHERE snapshot ->> 'name' = 'hidden' AND role <> '{app}')",
    ),
    "another place in the order, by the setting of turns": Attack(
        sql="SET LOCAL pgaudit_log.turns = 'taken'; SELECT set_config('pgaudit_log.turn_1_'"
        " || 'shop_customer'::regclass::oid || '_insert', '1', true); " + WRITES,
        harm="SELECT EXISTS (SELECT FROM pgaudit_log_event WHERE turn = 1)",
    ),
    # Erasing
    "`UPDATE` of an event": Attack(
        sql='UPDATE pgaudit_log_event SET snapshot = \'{"name": "another"}\'', harm=ERASED
    ),
    "`DELETE` of an event": Attack(sql="DELETE FROM pgaudit_log_event", harm=ERASED),
    "`DELETE` from a partition": Attack(sql="DELETE FROM {partition}", harm=ERASED),
    "`TRUNCATE` of the event table": Attack(sql="TRUNCATE pgaudit_log_event", harm=ERASED),
    "`TRUNCATE` of a partition": Attack(sql="TRUNCATE {partition}", harm=ERASED),
    "`INSERT … ON CONFLICT DO UPDATE`": Attack(
        sql="INSERT INTO pgaudit_log_event OVERRIDING SYSTEM VALUE SELECT * FROM pgaudit_log_event"
        " ON CONFLICT (id, created_at) DO UPDATE SET snapshot = '{}'",
        harm=ERASED,
    ),
    "disabling the guards, then `DELETE`": Attack(
        sql="ALTER TABLE pgaudit_log_event DISABLE TRIGGER USER; DELETE FROM pgaudit_log_event",
        harm=ERASED,
    ),
    "replacing the function of the guards, then `DELETE`": Attack(
        sql="CREATE OR REPLACE FUNCTION pgaudit_log_refuse_change() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN RETURN OLD; END'; DELETE FROM pgaudit_log_event",
        harm=ERASED,
    ),
    "`DETACH PARTITION`": Attack(
        sql="ALTER TABLE pgaudit_log_event DETACH PARTITION {partition}", harm=ERASED
    ),
    "`DROP` of a partition": Attack(sql="DROP TABLE {partition}", harm=ERASED),
    "`DROP` of the event table": Attack(sql="DROP TABLE pgaudit_log_event CASCADE", harm=ERASED),
    "`DROP` of a column of it": Attack(
        sql="ALTER TABLE pgaudit_log_event DROP COLUMN snapshot CASCADE", harm=ERASED
    ),
    "`DROP SCHEMA … CASCADE`": Attack(sql="DROP SCHEMA public CASCADE", harm=ERASED),
    "`DROP` of a view of typed events": Attack(sql="DROP VIEW shop_customerevent CASCADE"),
    "changing what columns were called": Attack(
        sql="UPDATE pgaudit_log_column SET name = 'another' WHERE name = 'name'"
    ),
    "deleting what keys of events mean": Attack(sql="DELETE FROM pgaudit_log_shape"),
    # Hiding
    "`DISABLE TRIGGER`": Attack(
        sql="ALTER TABLE shop_customer DISABLE TRIGGER USER; " + WRITES, harm=HIDDEN
    ),
    "`DROP TRIGGER`": Attack(
        sql="DROP TRIGGER {capture} ON shop_customer; " + WRITES,
        harm=HIDDEN,
    ),
    "`session_replication_role = replica`": Attack(
        sql="SET LOCAL session_replication_role = replica; " + WRITES, harm=HIDDEN
    ),
    "`pgtrigger.ignore`": Attack(
        sql="SELECT set_config('pgtrigger.ignore', '{' || '{capture}' || '}', true); " + WRITES,
        harm=HIDDEN,
    ),
    "replacing a capture function": Attack(
        sql="CREATE OR REPLACE FUNCTION {capture}() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; "
        + WRITES,
        harm=HIDDEN,
    ),
    "a rule that swallows events": Attack(
        sql="CREATE RULE swallow AS ON INSERT TO pgaudit_log_event DO INSTEAD NOTHING; " + WRITES,
        harm=HIDDEN,
    ),
    "a trigger that swallows events": Attack(
        sql=MUTE + "; CREATE TRIGGER swallow BEFORE INSERT ON pgaudit_log_event FOR EACH ROW"
        " EXECUTE FUNCTION pg_temp.mute(); " + WRITES,
        harm=HIDDEN,
    ),
    "a trigger of its own on a tracked table": Attack(
        sql=MUTE + "; CREATE TRIGGER swallow BEFORE INSERT ON shop_customer FOR EACH ROW"
        " EXECUTE FUNCTION pg_temp.mute(); " + WRITES,
        harm=DONE,
    ),
    "a rule on a tracked table": Attack(
        sql="CREATE RULE elsewhere AS ON DELETE TO shop_customer DO INSTEAD NOTHING; " + WRITES
    ),
    "a child table, by `INHERITS`": Attack(
        sql="CREATE TEMP TABLE child () INHERITS (shop_customer); INSERT INTO child (id, name) VALUES (0, 'hidden')",
        harm=HIDDEN,
    ),
    "a temporary table with the name of the event table": Attack(
        sql="CREATE TEMP TABLE pgaudit_log_event (LIKE public.pgaudit_log_event INCLUDING ALL); "
        + WRITES,
        harm=HIDDEN,
    ),
    "a temporary table with the name of a tracked table": Attack(
        sql="CREATE TEMP TABLE shop_customer (LIKE public.shop_customer INCLUDING ALL); "
        "INSERT INTO shop_customer (id, name) VALUES (0, 'hidden')",
        harm=HIDDEN,
    ),
    "writing through a view of its own": Attack(
        sql="CREATE TEMP VIEW mine AS SELECT * FROM shop_customer; INSERT INTO mine (name) VALUES ('hidden')",
        harm=HIDDEN,
    ),
    "writing in a function or a `DO` block": Attack(
        sql=f"DO $$ BEGIN {WRITES}; END $$", harm=HIDDEN
    ),
    "writing with a prepared statement": Attack(
        sql=f"PREPARE mine AS {WRITES}; EXECUTE mine; DEALLOCATE mine", harm=HIDDEN
    ),
    "renaming a tracked table": Attack(
        sql="ALTER TABLE shop_customer RENAME TO another; INSERT INTO another (name) VALUES ('hidden');"
        " ALTER TABLE another RENAME TO shop_customer",
        harm=HIDDEN,
    ),
    "`ALTER TABLE … USING`, which writes all rows": Attack(
        sql="ALTER TABLE shop_customer ALTER COLUMN name TYPE varchar(100) USING 'hidden'",
        harm=HIDDEN,
    ),
    "a subscription, which writes as a replica": Attack(
        sql="CREATE SUBSCRIPTION mine CONNECTION 'dbname=none' PUBLICATION mine WITH (connect = false)"
    ),
    # Hijacking
    "an operator in `public` that fits better than PostgreSQL's": Attack(
        sql="CREATE FUNCTION public.joined(text[], text[]) RETURNS text[] LANGUAGE sql AS 'SELECT NULL::text[]';"
        " CREATE OPERATOR public.|| (leftarg = text[], rightarg = text[], function = public.joined);"
        " SET LOCAL search_path = public, pg_catalog; " + WRITES,
        harm=HIDDEN,
    ),
    "a function in `public` with the name of one of PostgreSQL's": Attack(
        sql="CREATE FUNCTION public.to_jsonb(anyelement) RETURNS jsonb LANGUAGE sql AS 'SELECT NULL::jsonb';"
        " SET LOCAL search_path = public, pg_catalog; " + WRITES,
        harm=HIDDEN,
    ),
    "temporary functions and types, and `search_path`": Attack(
        sql="CREATE DOMAIN pg_temp.jsonb AS text; CREATE FUNCTION pg_temp.now() RETURNS timestamptz LANGUAGE sql"
        " AS 'SELECT NULL::timestamptz'; SET LOCAL search_path = pg_temp, public, pg_catalog; "
        + WRITES,
        harm=HIDDEN,
    ),
    "a cast between types of PostgreSQL's": Attack(
        sql="CREATE FUNCTION pg_temp.cast_it(text) RETURNS jsonb LANGUAGE sql AS 'SELECT NULL::jsonb';"
        " CREATE CAST (text AS jsonb) WITH FUNCTION pg_temp.cast_it(text) AS ASSIGNMENT"
    ),
    "a function beside ours, with other arguments": Attack(
        sql="CREATE FUNCTION public.pgaudit_log_context(integer DEFAULT 1, OUT id uuid) LANGUAGE sql AS"
        " 'SELECT NULL::uuid'"
    ),
    "other settings for a capture function": Attack(
        sql="ALTER FUNCTION {capture}() SECURITY INVOKER; ALTER FUNCTION {capture}() SET search_path = public"
    ),
    "a schema with the owner's name, which is first in its path": Attack(
        sql='CREATE SCHEMA "{owner}"'
    ),
    "`ALTER TABLE … OWNER TO` itself": Attack(
        sql="ALTER TABLE pgaudit_log_event OWNER TO {app}; DROP TABLE pgaudit_log_event CASCADE",
        harm=ERASED,
    ),
    "`GRANT` to itself": Attack(
        sql=f"GRANT ALL ON pgaudit_log_event TO {{app}}; INSERT INTO pgaudit_log_event {EVENT}",
        harm=FORGED,
    ),
    "`SET ROLE` to the owner": Attack(sql="SET LOCAL ROLE {owner}"),
    "an event trigger": Attack(
        sql="CREATE FUNCTION pg_temp.on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';"
        " CREATE EVENT TRIGGER mine ON ddl_command_start EXECUTE FUNCTION pg_temp.on_ddl()"
    ),
    "taking an extension out": Attack(sql="DROP EXTENSION plpgsql CASCADE", harm=ERASED),
    # Sequences
    "`setval()` of the sequence of ids": Attack(
        sql="SELECT setval('pgaudit_log_event_id_seq', 1, false)"
    ),
    "`nextval()` of it": Attack(sql="SELECT nextval('pgaudit_log_event_id_seq')"),
    "`ALTER SEQUENCE … RESTART`": Attack(
        sql="ALTER SEQUENCE pgaudit_log_event_id_seq RESTART WITH 1"
    ),
    "another default for the transaction": Attack(
        sql="ALTER TABLE pgaudit_log_event ALTER COLUMN txid SET DEFAULT 1"
    ),
    # Row-level security
    "row-level security on the event table": Attack(
        sql="ALTER TABLE pgaudit_log_event ENABLE ROW LEVEL SECURITY"
    ),
    "writing a tracked table under row-level security": Attack(
        before="ALTER TABLE shop_customer ENABLE ROW LEVEL SECURITY; CREATE POLICY mine ON shop_customer"
        " USING (name = 'hidden') WITH CHECK (name = 'hidden')",
        sql=WRITES,
        harm=HIDDEN,
    ),
    "switching row-level security of a tracked table off": Attack(
        before="ALTER TABLE shop_customer ENABLE ROW LEVEL SECURITY",
        sql="ALTER TABLE shop_customer DISABLE ROW LEVEL SECURITY",
    ),
    # Views
    "a function that tells what it is given, in a query of the only view that a role was granted": Attack(
        by="clerk", before=GRANTED_VIEW, sql=LEAK, harm=LEAKED
    ),
    "the same, of a view with `security_barrier`": Attack(
        by="clerk",
        before=GRANTED_VIEW + "; ALTER VIEW shop_customerevent SET (security_barrier)",
        sql=LEAK,
        harm=LEAKED,
    ),
    "reading the event table with a grant on one view": Attack(
        by="clerk", before=GRANTED_VIEW, sql="SELECT * FROM pgaudit_log_event"
    ),
    # The server
    "`COPY … TO PROGRAM`": Attack(sql="COPY (SELECT 1) TO PROGRAM 'true'"),
    "`COPY … FROM` a file of the server": Attack(
        sql="CREATE TEMP TABLE lines (line text); COPY lines FROM '/etc/hostname'"
    ),
    "`pg_read_file()`": Attack(sql="SELECT pg_read_file('PG_VERSION')"),
    "large objects from files of the server": Attack(sql="SELECT lo_import('/etc/hostname')"),
    "`LISTEN` and `NOTIFY`": Attack(
        sql="LISTEN pgaudit_log; NOTIFY pgaudit_log, 'hidden'; UNLISTEN *", harm=NONE
    ),
    # In the way
    "a context of 5 MB": Attack(
        sql="SELECT set_config('pgaudit_log.context', '{\"x\": \"' || repeat('x', 5000000) || '\"}', true); "
        + WRITES,
        harm="SELECT EXISTS (SELECT FROM pgaudit_log_event WHERE octet_length(context::text) > 4500000)",
    ),
    "a lock on the event table": Attack(sql="LOCK TABLE pgaudit_log_event IN SHARE MODE"),
    "the advisory lock of operators": Attack(
        sql="SELECT pg_advisory_xact_lock(hashtextextended('public.pgaudit_log_event operators', 0))"
    ),
}
"""By what the docs call each."""
