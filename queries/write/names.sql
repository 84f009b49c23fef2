-- What ordinals and profiles stand for, as lists; each brace is filled in from the dictionaries. Made anew when one of
-- them has grown. One text that is split is read eight times as fast as a list of as many texts.
CREATE OR REPLACE MACRO partition_cluster(n) AS nullif(string_split({cluster}, chr(31))[{cluster_place}], '');
CREATE OR REPLACE MACRO partition_topic(n) AS nullif(string_split({topic}, chr(31))[{topic_place}], '');
CREATE OR REPLACE MACRO partition_number(n) AS CAST(string_split({partition}, chr(31))[{partition_place}] AS INTEGER);
CREATE OR REPLACE MACRO partition_base(n) AS CAST(string_split({base}, chr(31))[{base_place}] AS BIGINT);
CREATE OR REPLACE MACRO partition_incarnation(n) AS CAST(string_split({incarnation}, chr(31))[{incarnation_place}] AS INTEGER);
CREATE OR REPLACE MACRO profile_type(n) AS nullif(string_split({type}, chr(31))[{type_place}], '');
CREATE OR REPLACE MACRO profile_source(n) AS nullif(string_split({source}, chr(31))[{source_place}], '');
CREATE OR REPLACE MACRO profile_version(n) AS nullif(string_split({version}, chr(31))[{version_place}], '');
CREATE OR REPLACE MACRO profile_convention(n) AS nullif(string_split({convention}, chr(31))[{convention_place}], '');
