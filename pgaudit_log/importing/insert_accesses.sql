-- insert_accesses: writes the events of a range of lines of logins and requests.
--   @lines@     the lines: see lines.sql; those from behind @after@ up to @up_to@
--   @records@   the peer's records; @context@ and @snapshot@ what is stored of each
--   @model@, @peer@, @table@, @import@  what they are, and where they came from
--   @lowest@    see values/past_ids.py
-- Reads no settings.
INSERT INTO pgaudit_log_event (
    id, created_at, txid, shape, model, obj_pk, label, operation, snapshot, refs, context, role, origin
)
OVERRIDING SYSTEM VALUE
SELECT
    line.id,
    line.created_at,
    @lowest@::bigint + (extract(epoch FROM line.created_at) * 1000000)::bigint,
    0,
    @model@,
    record.obj_pk,
    record.label,
    'M',
    @snapshot@,
    record.refs,
    @context@,
    '',
    jsonb_build_object(
        'peer', @peer@, 'table', @table@, 'id', record.source_id, 'import', @import@::bigint
    )
FROM @lines@ AS line
JOIN (@records@) AS record ON record.source_id = line.source_id
WHERE line.n > @after@ AND line.n <= @up_to@
ORDER BY line.n
