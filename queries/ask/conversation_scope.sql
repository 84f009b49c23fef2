SELECT * FROM conversation_scope(conversation_of($1));
