-- Stages failures whose record that counted is gone.
INSERT INTO case_stage
SELECT f.failure_case FROM failure_row f GROUP BY f.failure_case HAVING count(f.case_marks) = 0;
