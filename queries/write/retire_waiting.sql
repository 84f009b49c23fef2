-- Events that still wait when they are deleted will never find their cause.
INSERT INTO settled_stage
SELECT e.ref, 5, 2, e.conversation, e.cause, e.evidence
FROM event_row e
JOIN pending_row p ON p.slice = e.slice AND p.ref = e.ref
WHERE p.slice IN (FROM retired_stage);
