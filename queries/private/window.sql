-- Counts of a window, of whole minutes: whole hours are answered from hours, the two ends from minutes. `step_ms` is the
-- width of the bars that a chart shows; what is no whole number of hours is answered from minutes only.
CREATE OR REPLACE MACRO hours_begin(since, step_ms) AS CASE
    WHEN step_ms % 3600000 <> 0 THEN 'infinity'::TIMESTAMP
    ELSE coalesce(
        date_trunc('hour', date_trunc('minute', CAST(since AS TIMESTAMP)) + to_minutes(59)),
        '-infinity'::TIMESTAMP
    ) END;
CREATE OR REPLACE MACRO hours_end(until) AS coalesce(
    date_trunc('hour', date_trunc('minute', CAST(until AS TIMESTAMP) - to_microseconds(1)) + to_minutes(1)),
    'infinity'::TIMESTAMP
);

-- `step_ms` of bars of so many seconds, one of which begins at `begins`: whole hours only where that is one.
CREATE OR REPLACE MACRO bar_ms(begins, seconds) AS
    CASE WHEN epoch_us(CAST(begins AS TIMESTAMP)) % 3600000000 = 0 THEN CAST(seconds AS BIGINT) * 1000 ELSE 1 END;

-- Rows of `minute_row` and `hour_row`.
CREATE OR REPLACE MACRO seen_in(since, until, step_ms) AS TABLE
SELECT h.* RENAME (hour AS minute)
FROM hour_row h
WHERE h.hour >= hours_begin(since, step_ms) AND h.hour < hours_end(until)
UNION ALL
SELECT m.*
FROM minute_row m
WHERE m.minute >= window_start(since) AND m.minute < least(hours_begin(since, step_ms), window_end(until))
UNION ALL
SELECT m.*
FROM minute_row m
WHERE m.minute >= greatest(hours_begin(since, step_ms), hours_end(until)) AND m.minute < window_end(until);

-- Rows of `passed_row` and `passed_hour_row`.
CREATE OR REPLACE MACRO passed_in(since, until, step_ms) AS TABLE
SELECT h.hour AS minute, h.consumer_group, h.topic_number, h.profile, h.passed
FROM passed_hour_row h
WHERE h.hour >= hours_begin(since, step_ms) AND h.hour < hours_end(until)
UNION ALL
SELECT m.*
FROM passed_row m
WHERE m.minute >= window_start(since) AND m.minute < least(hours_begin(since, step_ms), window_end(until))
UNION ALL
SELECT m.*
FROM passed_row m
WHERE m.minute >= greatest(hours_begin(since, step_ms), hours_end(until)) AND m.minute < window_end(until);
