SELECT p.consumer_group, p.state, p.committed_offset, p.not_before, p.not_after, p.ref FROM passages_of($1) p;
