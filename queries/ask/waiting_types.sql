FROM waiting_types($1, topic := $2);
