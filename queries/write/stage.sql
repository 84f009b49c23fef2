-- Where small rows of one commit wait until one statement takes them over: DuckDB changes many rows at once far cheaper
-- than one by one. Empty between commits.
CREATE TEMP TABLE settled_stage (ref BIGINT, resolution TINYINT, orphan_reason TINYINT, conversation BIGINT);
CREATE TEMP TABLE retracted_stage (ref BIGINT, resolution TINYINT, orphan_reason TINYINT, conversation BIGINT);
CREATE TEMP TABLE failure_stage AS FROM failure_row LIMIT 0;
CREATE TEMP TABLE coverage_stage AS FROM coverage_row LIMIT 0;
CREATE TEMP TABLE progress_stage AS FROM progress_row LIMIT 0;
CREATE TEMP TABLE forgotten_stage (consumer_group VARCHAR, ordinal INTEGER);
CREATE TEMP TABLE type_stage AS FROM type_row LIMIT 0;
CREATE TEMP TABLE counter_stage AS FROM counter LIMIT 0;
