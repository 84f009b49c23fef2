CREATE OR REPLACE VIEW conversation_alias AS
SELECT old_id, current_id, merged_at FROM alias_row;

COMMENT ON VIEW conversation_alias IS 'Conversations that turned out to be one; old ids resolve for ever.';
COMMENT ON COLUMN conversation_alias.old_id IS 'Id that events may still carry.';
COMMENT ON COLUMN conversation_alias.current_id IS 'Id it belonged to when they merged; that one may have merged again.';
COMMENT ON COLUMN conversation_alias.merged_at IS 'When the tap saw that they are one, UTC.';
