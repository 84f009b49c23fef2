DELETE FROM range_stage;
