SELECT * FROM conversation_events($1);
