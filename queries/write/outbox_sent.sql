UPDATE outbox_state SET sent_seq = $1, sent_ref = $2;
