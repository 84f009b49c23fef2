UPDATE meta SET value = CAST($1 AS VARCHAR) WHERE name = 'commits';
