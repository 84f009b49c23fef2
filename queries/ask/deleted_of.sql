SELECT * FROM deleted_of($1);
