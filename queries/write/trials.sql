UPDATE trial_row SET
    right_ones = trial_row.right_ones + s.right_ones,
    wrong_ones = trial_row.wrong_ones + s.wrong_ones,
    missed_ones = trial_row.missed_ones + s.missed_ones,
    claimed = trial_row.claimed + s.claimed
FROM trial_stage s
WHERE trial_row.from_ordinal = s.from_ordinal AND trial_row.from_profile = s.from_profile
  AND trial_row.to_ordinal = s.to_ordinal AND trial_row.to_profile = s.to_profile AND trial_row.evidence = s.evidence;

INSERT INTO trial_row
SELECT s.*
FROM trial_stage s
ANTI JOIN trial_row r
  ON r.from_ordinal = s.from_ordinal AND r.from_profile = s.from_profile
 AND r.to_ordinal = s.to_ordinal AND r.to_profile = s.to_profile AND r.evidence = s.evidence;

DELETE FROM trial_stage;
