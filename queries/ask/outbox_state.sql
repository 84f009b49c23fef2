SELECT sent_seq, sent_ref, last_seq, salt FROM outbox_state;
