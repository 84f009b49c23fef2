-- Base columns and names side by side, in one scan: names come from lists (`names`). Filters on base columns reach the
-- table, ORDER BY time with a LIMIT reads the newest rows only, and count(*) none.
CREATE OR REPLACE VIEW named_event AS
SELECT
    e.*,
    partition_cluster(e.ref >> 40) AS cluster,
    partition_topic(e.ref >> 40) AS topic,
    partition_number(e.ref >> 40) AS partition,
    partition_base(e.ref >> 40) + (e.ref & 1099511627775) AS "offset",
    partition_incarnation(e.ref >> 40) AS incarnation,
    profile_type(e.profile) AS type,
    profile_source(e.profile) AS source,
    profile_version(e.profile) AS version,
    profile_convention(e.profile) AS convention,
    id_name(e.form & 3, e.id_hi, e.id_lo, e.id_text) AS id
FROM event_row e;
