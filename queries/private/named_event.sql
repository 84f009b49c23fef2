-- Base columns and names side by side, where the dictionaries are too long for `named_event_listed`.
CREATE OR REPLACE VIEW named_event AS
SELECT
    e.*,
    p.cluster,
    p.topic,
    p.partition,
    p.base + (e.ref & 1099511627775) AS "offset",
    p.incarnation,
    f.type,
    f.source,
    f.version,
    f.convention,
    id_name(e.form & 3, e.id_hi, e.id_lo, e.id_text) AS id
FROM event_row e
JOIN partition p ON p.ordinal = e.ref >> 40
JOIN profile f ON f.profile = e.profile;
