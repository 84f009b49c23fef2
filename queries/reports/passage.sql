CREATE OR REPLACE MACRO passage(ref) AS TABLE
SELECT p.consumer_group, p.state, p.committed_offset, p.not_before, p.not_after FROM passages_of(CAST(ref AS VARCHAR)) p;

COMMENT ON MACRO TABLE passage IS 'One row for each group that reads the topic of an event: consumer_group, state (passed = committed beyond it, or finished beyond the committed offset as its client says; unknown = its client finishes records out of order and does not say which, or it is a share group and the record lies beyond its start offset; else not_reached), committed_offset on its partition, not_before and not_after (UTC; between which two samples it passed; not_before is NULL when it had passed before the first sample, and where only the client says that it passed).';
