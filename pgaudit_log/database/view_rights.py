"""View rights: who owns a view, who may read it and what is said of it, kept while it is made anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.backends.utils import CursorWrapper

from pgaudit_log.values.quoting import quote_literal, quote_name

BARRIER = "security_barrier"


@dataclass(frozen=True, kw_only=True)
class Grant:
    """One privilege on a view, or on a column of it."""

    privilege: str
    column: str | None
    grantee: str
    """The role, as a quoted name; ``PUBLIC`` is everybody."""
    is_grantable: bool

    def sql(self, view: str) -> str:
        """Return the statement that gives it."""
        columns = f" ({quote_name(self.column)})" if self.column else ""
        option = " WITH GRANT OPTION" if self.is_grantable else ""
        return f"GRANT {self.privilege}{columns} ON {view} TO {self.grantee}{option}"


@dataclass(frozen=True, kw_only=True)
class Rights:
    """What a view has beside its definition."""

    owner: str
    grants: Sequence[Grant]
    options: Sequence[tuple[str, str]]
    """What stands in its WITH clause, but for the barrier, which is declared."""
    comment: str | None
    column_comments: Sequence[tuple[str, str]]


def of(cursor: CursorWrapper, view: str) -> Rights | None:
    """Return the rights of a view, given as its name in SQL; ``None`` if there is none."""
    cursor.execute(
        """
        SELECT
            pg_class.oid,
            quote_ident(pg_get_userbyid(relowner)::text),
            obj_description(pg_class.oid, 'pg_class'),
            ARRAY(
                SELECT ARRAY[option_name, option_value]
                FROM pg_options_to_table(reloptions)
                WHERE option_name <> %s
            )
        FROM pg_class
        WHERE oid = to_regclass(%s)
        """,
        [BARRIER, view],
    )
    row = cursor.fetchone()
    if row is None:
        return None
    oid, owner, comment, options = row
    cursor.execute(
        """
        SELECT
            given.privilege_type,
            held.name,
            CASE
                WHEN given.grantee = 0 THEN 'PUBLIC'
                ELSE quote_ident(pg_get_userbyid(given.grantee)::text)
            END,
            bool_or(given.is_grantable)
        FROM (
            SELECT NULL::text AS name, COALESCE(relacl, acldefault('r', relowner)) AS privileges
            FROM pg_class
            WHERE oid = %(view)s
            UNION ALL
            SELECT attname::text, attacl
            FROM pg_attribute
            WHERE attrelid = %(view)s AND attnum > 0 AND NOT attisdropped
        ) AS held
        CROSS JOIN aclexplode(held.privileges) AS given
        GROUP BY given.privilege_type, held.name, given.grantee
        ORDER BY 2 NULLS FIRST, 3, 1
        """,
        {"view": oid},
    )
    grants = [
        Grant(privilege=privilege, column=column, grantee=grantee, is_grantable=is_grantable)
        for privilege, column, grantee, is_grantable in cursor.fetchall()
    ]
    cursor.execute(
        """
        SELECT attname, description
        FROM pg_attribute
        JOIN pg_description ON objoid = attrelid AND classoid = 'pg_class'::regclass AND objsubid = attnum
        WHERE attrelid = %s AND NOT attisdropped
        ORDER BY attnum
        """,
        [oid],
    )
    return Rights(
        owner=owner,
        grants=tuple(grants),
        options=tuple((name, value) for name, value in options),
        comment=comment,
        column_comments=tuple(cursor.fetchall()),
    )


def give(cursor: CursorWrapper, view: str, rights: Rights) -> None:
    """Give a view that was made anew the owner, the privileges and the comments of the one before.

    What default privileges have given it is taken away. Who had got a privilege from another role than
    the owner has it from the owner now. Columns that are no more are left out.
    """
    made = of(cursor, view)
    assert made is not None
    if made.owner != rights.owner:
        cursor.execute(f"ALTER VIEW {view} OWNER TO {rights.owner}")
    for grantee in dict.fromkeys(grant.grantee for grant in made.grants):
        cursor.execute(f"REVOKE ALL ON {view} FROM {grantee}")
    cursor.execute(f"REVOKE ALL ON {view} FROM {rights.owner}")
    cursor.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0", [view]
    )
    columns = {name for (name,) in cursor.fetchall()}
    for grant in rights.grants:
        if grant.column is None or grant.column in columns:
            cursor.execute(grant.sql(view))
    for column, text in rights.column_comments:
        if column in columns:
            cursor.execute(
                f"COMMENT ON COLUMN {view}.{quote_name(column)} IS {quote_literal(text)}"
            )


def dependents(cursor: CursorWrapper, view: str) -> list[str]:
    """Return what would be lost, or stands in the way, if a view was dropped, as PostgreSQL calls it."""
    cursor.execute(
        """
        WITH own AS (
            SELECT pg_class.oid, reltype FROM pg_class WHERE oid = to_regclass(%s)
        )
        SELECT DISTINCT pg_describe_object(
            CASE WHEN reading.ev_class IS NULL THEN classid ELSE 'pg_class'::regclass END,
            COALESCE(reading.ev_class, objid),
            0
        )
        FROM own
        JOIN pg_depend
            ON refclassid = 'pg_class'::regclass AND refobjid = own.oid
            OR refclassid = 'pg_type'::regclass AND refobjid = own.reltype
        LEFT JOIN pg_rewrite AS reading
            ON classid = 'pg_rewrite'::regclass AND reading.oid = objid AND reading.ev_class <> own.oid
        LEFT JOIN pg_rewrite AS itself
            ON classid = 'pg_rewrite'::regclass AND itself.oid = objid AND itself.ev_class = own.oid
        LEFT JOIN pg_type ON classid = 'pg_type'::regclass AND pg_type.oid = objid
        WHERE COALESCE(itself.rulename, '') <> '_RETURN'
            -- The types that each view has.
            AND pg_type.oid IS NULL
        ORDER BY 1
        """,
        [view],
    )
    return [description for (description,) in cursor.fetchall()]
