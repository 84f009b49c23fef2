SELECT sent_seq, sent_ref, last_seq FROM outbox_state;
