-- Words for the numbers that the tables hold. The tests compare each list with the enum it stands for.

CREATE OR REPLACE MACRO kind_name(n) AS CASE n
    WHEN 0 THEN 'event' WHEN 1 THEN 'command' WHEN 2 THEN 'reply' WHEN 3 THEN 'retry' WHEN 4 THEN 'dead_letter'
    WHEN 5 THEN 'fault' WHEN 6 THEN 'forward' WHEN 7 THEN 'change' WHEN 8 THEN 'internal' END;

CREATE OR REPLACE MACRO resolution_name(n) AS CASE n
    WHEN 0 THEN 'root' WHEN 1 THEN 'caused' WHEN 2 THEN 'inferred' WHEN 3 THEN 'unlinked' WHEN 4 THEN 'waiting'
    WHEN 5 THEN 'orphaned' END;

CREATE OR REPLACE MACRO orphan_reason_name(n) AS CASE n
    WHEN 0 THEN 'before_start' WHEN 1 THEN 'not_tapped' WHEN 2 THEN 'retention' WHEN 3 THEN 'compaction'
    WHEN 4 THEN 'not_readable' WHEN 5 THEN 'other_cluster' WHEN 6 THEN 'read_uncommitted' WHEN 7 THEN 'never_seen'
    WHEN 8 THEN 'context_lost' WHEN 9 THEN 'ambiguous_id' WHEN 10 THEN 'malformed_id'
    WHEN 11 THEN 'barrier_blocked' END;

CREATE OR REPLACE MACRO evidence_name(n) AS CASE n
    WHEN 0 THEN 'failure_coordinates' WHEN 1 THEN 'causation_id' WHEN 2 THEN 'reply' WHEN 3 THEN 'parent_span'
    WHEN 4 THEN 'forward' WHEN 5 THEN 'depth' WHEN 6 THEN 'transaction' WHEN 7 THEN 'trace_order'
    WHEN 8 THEN 'same_value' END;

-- 0 declared, 1 transactional, 2 inferred: the larger, the weaker.
CREATE OR REPLACE MACRO evidence_rank(n) AS CASE n WHEN 6 THEN 1 WHEN 7 THEN 2 WHEN 8 THEN 2 ELSE 0 END;

CREATE OR REPLACE MACRO class_name(rank) AS CASE rank
    WHEN 0 THEN 'declared' WHEN 1 THEN 'transactional' WHEN 2 THEN 'inferred' END;

CREATE OR REPLACE MACRO gap_name(n) AS CASE n
    WHEN 0 THEN 'control' WHEN 1 THEN 'aborted' WHEN 2 THEN 'compacted' WHEN 3 THEN 'compacted_or_transactional'
    WHEN 4 THEN 'retention' WHEN 5 THEN 'not_readable' WHEN 6 THEN 'limit' WHEN 7 THEN 'corrupt'
    WHEN 8 THEN 'truncated' WHEN 9 THEN 'blocked_by_transaction' WHEN 10 THEN 'unknown_codec'
    WHEN 11 THEN 'seen_before' END;

CREATE OR REPLACE MACRO group_evidence_name(n) AS CASE n WHEN 0 THEN 'named' WHEN 1 THEN 'topic' WHEN 2 THEN 'ledger' END;

CREATE OR REPLACE MACRO healed_evidence_name(n) AS CASE n
    WHEN 0 THEN 'redrive' WHEN 1 THEN 'later_success' WHEN 2 THEN 'effects' END;

-- 64 bits as 16 lower-case hexadecimal digits.
CREATE OR REPLACE MACRO hex64(n) AS lower(lpad(to_hex(n), 16, '0'));

-- An id as its producer wrote it.
CREATE OR REPLACE MACRO id_name(spelling, hi, lo, own_text) AS CASE
    WHEN hi IS NULL THEN NULL
    WHEN spelling = 1 THEN CAST(CAST(hex64(hi) || hex64(lo) AS UUID) AS VARCHAR)
    WHEN spelling = 2 THEN upper(CAST(CAST(hex64(hi) || hex64(lo) AS UUID) AS VARCHAR))
    WHEN spelling = 3 THEN hex64(hi) || hex64(lo)
    ELSE own_text END;

-- A correlation id, which may repeat another id of its event.
CREATE OR REPLACE MACRO correlation_name(form, hi, lo, own_text, id, causation_id, trace_id) AS CASE (form >> 7) & 3
    WHEN 0 THEN id_name((form >> 4) & 3, hi, lo, own_text)
    WHEN 1 THEN id
    WHEN 2 THEN causation_id
    ELSE trace_id END;

-- Topic, partition and offset as people name a record.
CREATE OR REPLACE MACRO coordinates_name(topic, part, pos) AS
    topic || '/' || CAST(part AS VARCHAR) || '/' || CAST(pos AS VARCHAR);

-- A window is whole minutes: its start is rounded down, its end up; NULL has no bound.
CREATE OR REPLACE MACRO window_start(since) AS
    coalesce(date_trunc('minute', CAST(since AS TIMESTAMP)), '-infinity'::TIMESTAMP);
CREATE OR REPLACE MACRO window_end(until) AS
    coalesce(
        date_trunc('minute', CAST(until AS TIMESTAMP) - to_microseconds(1)) + to_minutes(1),
        'infinity'::TIMESTAMP
    );

-- Classes of topics that no headline counts: they are Kafka's own, or copies of state.
CREATE OR REPLACE MACRO is_plumbing(class) AS coalesce(class IN ('internal', 'changelog', 'repartition'), false);
