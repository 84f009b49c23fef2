SELECT old_id, current_id FROM alias_row;
