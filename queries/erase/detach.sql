CHECKPOINT rewritten;
DETACH rewritten;
