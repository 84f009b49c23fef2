SELECT profile, coalesce(type, ''), coalesce(source, ''), coalesce(version, ''), coalesce(convention, '')
FROM profile
ORDER BY profile;
