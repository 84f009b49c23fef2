-- What ordinals and profiles stand for, as lists; each brace is filled in from the dictionaries. Made anew when one of
-- them has grown.
CREATE OR REPLACE MACRO partition_cluster(n) AS CAST({cluster} AS VARCHAR[])[{cluster_place}];
CREATE OR REPLACE MACRO partition_topic(n) AS CAST({topic} AS VARCHAR[])[{topic_place}];
CREATE OR REPLACE MACRO partition_number(n) AS CAST({partition} AS INTEGER[])[{partition_place}];
CREATE OR REPLACE MACRO partition_base(n) AS CAST({base} AS BIGINT[])[{base_place}];
CREATE OR REPLACE MACRO partition_incarnation(n) AS CAST({incarnation} AS INTEGER[])[{incarnation_place}];
CREATE OR REPLACE MACRO profile_type(n) AS CAST({type} AS VARCHAR[])[{type_place}];
CREATE OR REPLACE MACRO profile_source(n) AS CAST({source} AS VARCHAR[])[{source_place}];
CREATE OR REPLACE MACRO profile_version(n) AS CAST({version} AS VARCHAR[])[{version_place}];
CREATE OR REPLACE MACRO profile_convention(n) AS CAST({convention} AS VARCHAR[])[{convention_place}];
