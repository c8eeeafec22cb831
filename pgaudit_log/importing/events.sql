-- events: the events of a range of lines, as triggers would have written them.
--   @lines@     the lines: see lines.sql; those from behind @after@ up to @up_to@; @wanted@
--               which of them
--   @table@, @id@  the peer's table, and what tells its records apart
--   @row@       the columns of a record that are tracked, with their types of today
--   @other@     old or new: which of the two events do not have; @is_old@ the test for it
--   @captured_row@  the FROM item of the one that they have: see Statements
--   @snapshot@, @diff@, @refs@  as captures make them of the rows old and new; @known@ takes out what a
--               record does not know
--   @model@, @shape@, @label@, @context_id@, @context@, @joins@  what else an event has
--   @peer@, @peer_table@, @record_id@, @import@  where it came from
--   @txid@      the number of its transaction
-- Reads the settings under which values are written as text: see values/pinned_settings.py.
SELECT
    line.id,
    line.created_at,
    @txid@ AS txid,
    @shape@ AS shape,
    @model@ AS model,
    line.obj_pk,
    @label@ AS label,
    line.operation,
    to_jsonb(snapshot.*)@known@ AS snapshot,
    CASE WHEN line.operation = 'U' THEN
@diff@
    END AS diff,
    @refs@ AS refs,
    @context_id@ AS context_id,
    @context@ AS context,
    '' AS role,
    jsonb_build_object(
        'peer', @peer@, 'table', @peer_table@, 'id', @record_id@, 'import', @import@::bigint
    ) AS origin
FROM @lines@ AS line
JOIN @table@ AS source ON source.@id@ = line.source_id
@captured_row@
LEFT JOIN (
    SELECT @row@ FROM @table@ AS source
) AS @other@ ON @other@."pgaudit_log id" = line.@other@_id AND line.operation = 'U'
@joins@
@snapshot@
WHERE line.n > @after@ AND line.n <= @up_to@ AND line.is_old = @is_old@ AND @wanted@
ORDER BY line.n
