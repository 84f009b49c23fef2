-- Whether retention deleted what was at topic $1, partition $2, offset $3, and until when all is gone.
SELECT d.cluster, d.last_seen
FROM deleted d
WHERE d.topic = $1 AND d.partition = $2 AND d.first_offset <= $3 AND d.next_offset > $3
ORDER BY d.incarnation DESC;
