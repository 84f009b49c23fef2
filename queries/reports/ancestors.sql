CREATE OR REPLACE MACRO ancestors(ref) AS TABLE
FROM told_of(ref, false);

COMMENT ON MACRO TABLE ancestors IS 'All events that caused an event, directly or through others: ref, coordinates, time, kind, type, id, conversation (NULL for an event that was only named), class (the weakest step of the strongest way: declared, transactional or inferred), deleted (it was seen, and deleted since by retention). Inferred ways lead into other conversations: into one of them and on in it; further ones by their inferred steps only. The event itself is left out, also where it is reached again by a cycle.';
