-- Retention takes slice $1.
INSERT INTO retired_stage VALUES ($1);
