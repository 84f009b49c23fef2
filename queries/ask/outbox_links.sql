SELECT seq, cause, cause_seed, evidence, confidence
FROM outbox_link
WHERE seq >= $1 AND seq <= $2
ORDER BY seq, cause, evidence;
