SELECT * FROM conversation_scope($1);
