-- Since when the events were seen that passes from entry $1 to $2 can speak of.
SELECT min(seen_from) FROM outbox_pass WHERE seq >= $1 AND seq <= $2;
