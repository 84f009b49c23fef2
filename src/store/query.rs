//! Every statement that headwater runs: named, with its text in `queries/`. Tests hold the folders and the lists together.

/// One statement, or one file of statements, with its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query {
    /// Its file name without `.sql`.
    pub name: &'static str,
    /// Its text.
    pub sql: &'static str,
}

macro_rules! queries {
    ($folder:literal, $(#[doc = $doc:literal] $constant:ident $name:literal),+ $(,)?) => {
        $(
            #[doc = $doc]
            pub const $constant: $crate::store::query::Query =
                $crate::store::query::Query { name: $name, sql: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/queries/", $folder, "/", $name, ".sql")) };
        )+
        /// All of this folder, in the order in which they are installed.
        pub const ALL: &[$crate::store::query::Query] = &[$($constant),+];
    };
}

/// The whole schema in one readable piece; [`migrate`] is what runs.
pub const SCHEMA: Query = Query { name: "schema", sql: include_str!("../../queries/schema.sql") };

/// What views and macros are made of.
pub mod private {
    queries! {
        "private",
        /// `words`, private to views and macros.
        WORDS "words",
        /// `any_edge`, private to views and macros.
        ANY_EDGE "any_edge",
        /// `named_event`, private to views and macros; for long dictionaries.
        NAMED_EVENT "named_event",
        /// `alias_link`, private to views and macros.
        ALIAS_LINK "alias_link",
        /// Where to look for an event, private to views and macros.
        SLICES "slices",
        /// Who is behind and which events wait, private to views and macros.
        BEHIND "behind",
        /// `failure_case`, private to views and macros.
        FAILURE_CASE "failure_case",
        /// How failures stand or stood, private to views and macros.
        FAILURE_STOOD "failure_stood",
        /// The events of a conversation, by where it lies.
        NODES_WITHIN "nodes_within",
        /// The edges into them.
        EDGES_WITHIN "edges_within",
        /// The failures among them.
        FAILURES_WITHIN "failures_within",
        /// The graph of a large conversation in few bytes, and some of its events.
        SKELETON "skeleton",
        /// Walks along edges.
        WALK "walk",
        /// What hangs on failures, private to macros.
        BLAST "blast",
        /// What should be given to its group again, private to macros.
        REDRIVE "redrive",
        /// How far groups have come, for several events.
        PASSAGES_OF "passages_of",
        /// `topic_coverage`, private to views and macros.
        TOPIC_COVERAGE "topic_coverage",
        /// Counts of a window, private to views and macros.
        WINDOW "window",
        /// What `audit` looks at.
        AUDITED "audited",
    }
}

/// The public table macros.
pub mod reports {
    queries! {
        "reports",
        /// Macro `ancestors`.
        ANCESTORS "ancestors",
        /// Macro `audit`.
        AUDIT "audit",
        /// Macro `totals`; others rest on it, so it comes before them.
        TOTALS "totals",
        /// Macro `business_cases`.
        BUSINESS_CASES "business_cases",
        /// Macro `business`.
        BUSINESS "business",
        /// Macro `business_flows`.
        BUSINESS_FLOWS "business_flows",
        /// Macro `barrier_of`.
        BARRIER_OF "barrier_of",
        /// Macro `conversation_events`.
        CONVERSATION_EVENTS "conversation_events",
        /// Macro `conversations`.
        CONVERSATIONS "conversations",
        /// Macro `counts`.
        COUNTS "counts",
        /// Macro `deleted_of`.
        DELETED_OF "deleted_of",
        /// Macro `duplicates`.
        DUPLICATES "duplicates",
        /// Macro `effects`.
        EFFECTS "effects",
        /// Macro `failed`.
        FAILED "failed",
        /// Macro `failures`.
        FAILURES "failures",
        /// Macro `failure_history`.
        FAILURE_HISTORY "failure_history",
        /// Macro `blast`.
        BLAST "blast",
        /// Macro `blast_of`.
        BLAST_OF "blast_of",
        /// Macro `redrive`.
        REDRIVE "redrive",
        /// Macro `parked`.
        PARKED "parked",
        /// Macro `find_coordinates`.
        FIND_COORDINATES "find_coordinates",
        /// Macro `find_key`.
        FIND_KEY "find_key",
        /// Macro `find_text`.
        FIND_TEXT "find_text",
        /// Macro `find_value`.
        FIND_VALUE "find_value",
        /// Macro `lag`.
        LAG "lag",
        /// Macro `orphans`.
        ORPHANS "orphans",
        /// Macro `passage`.
        PASSAGE "passage",
        /// Macro `passed`.
        PASSED "passed",
        /// Macro `received`.
        RECEIVED "received",
        /// Macro `rewinds`.
        REWINDS "rewinds",
        /// Macro `trace_edges`.
        TRACE_EDGES "trace_edges",
        /// Macro `trace_failures`.
        TRACE_FAILURES "trace_failures",
        /// Macro `trace_nodes`.
        TRACE_NODES "trace_nodes",
        /// Macro `waiting`.
        WAITING "waiting",
        /// Macro `waiting_types`.
        WAITING_TYPES "waiting_types",
    }
}

/// What the writer runs.
pub mod write {
    queries! {
        "write",
        /// Begins a transaction.
        BEGIN "begin",
        /// Adds business flow $1, started by $2, completed by $3, within $4 ms.
        BUSINESS_FLOW "business_flow",
        /// Takes all business flows away.
        BUSINESS_FLOWS_CLEARED "business_flows_cleared",
        /// Chooses the record that counts for each of the staged failures.
        CASES "cases",
        /// Stages failures whose record that counted is gone.
        CASES_LEFT "cases_left",
        /// Moves the log into the file.
        CHECKPOINT "checkpoint",
        /// Commits.
        COMMIT "commit",
        /// Notes the number $1 of a commit, where one was noted before.
        COMMIT_NUMBER "commit_number",
        /// Adds staged trials of conclusions.
        TRIALS "trials",
        /// Takes over staged counters.
        COUNTERS "counters",
        /// Takes over staged coverage.
        COVERAGE "coverage",
        /// Takes over staged failures.
        FAILURES "failures",
        /// Forgets progress of staged groups and partitions.
        FORGOTTEN "forgotten",
        /// Forbids further changes of settings.
        LOCK_CONFIGURATION "lock_configuration",
        /// Adds fact $1 with value $2 about the file.
        META "meta",
        /// Brings staged verdicts to events that were written before.
        LATE "late",
        /// Adds staged counts by minute, and what verdicts changed.
        MINUTES "minutes",
        /// `named_event`, for dictionaries that are short enough to be lists.
        NAMED_EVENT_LISTED "named_event_listed",
        /// Dictionaries as lists; its braces are filled in first.
        NAMES "names",
        /// Gives traces to those who can be told, and numbers to all that is told.
        OUTBOX "outbox",
        /// Looks up what was told since entry $1 of those that are wanted.
        OUTBOX_KNOWN "outbox_known",
        /// Notes that the outbox was sent up to $1, and of that up to ref $2.
        OUTBOX_SENT "outbox_sent",
        /// Takes over staged groups.
        GROUPS "groups",
        /// Forgets staged groups.
        GROUPS_GONE "groups_gone",
        /// Stages what leaves the pending table for the outbox.
        OUTBOX_SETTLED "outbox_settled",
        /// Takes staged rows into the outbox, and finds who can be told.
        OUTBOX_TAKE "outbox_take",
        /// Adds staged counts to what groups passed.
        PASSED "passed",
        /// Events as written in staged ranges: $1 the first ref of all, $2 the ref after the last.
        PASSED_WRITTEN "passed_written",
        /// Takes over staged positions of passing.
        PASSED_TO "passed_to",
        /// Takes over how long staged topics keep their records.
        POLICIES "policies",
        /// Takes over staged progress.
        PROGRESS "progress",
        /// Forgets the staged ranges.
        RANGES_READ "ranges_read",
        /// Deletes the staged slice, with all that only its events need.
        RETIRE "retire",
        /// Deletes merges before $1 that no event needs, at most $2.
        RETIRE_ALIASES "retire_aliases",
        /// Deletes failures before $1, at most $2.
        RETIRE_FAILURES "retire_failures",
        /// Deletes how failures stood until $1, at most $2.
        RETIRE_HISTORY "retire_history",
        /// Deletes counts by hour before $1, at most $2.
        RETIRE_HOURS "retire_hours",
        /// Deletes progress marks before $1, at most $2.
        RETIRE_MARKS "retire_marks",
        /// Deletes counts by minute before $1, at most $2.
        RETIRE_MINUTES "retire_minutes",
        /// Deletes told events up to entry $1, at most $2.
        RETIRE_OUTBOX_EVENT "retire_outbox_event",
        /// Deletes told links up to entry $1, at most $2.
        RETIRE_OUTBOX_LINK "retire_outbox_link",
        /// Deletes told passes up to entry $1, at most $2.
        RETIRE_OUTBOX_PASS "retire_outbox_pass",
        /// Deletes counts of passed events before $1, at most $2.
        RETIRE_PASSED "retire_passed",
        /// Deletes counts by hour of passed events before $1, at most $2.
        RETIRE_PASSED_HOURS "retire_passed_hours",
        /// Deletes rewinds before $1, at most $2.
        RETIRE_REWINDS "retire_rewinds",
        /// Stages slice $1 to be deleted.
        RETIRE_TAKE "retire_take",
        /// Stages verdicts on events that wait in the staged slice.
        RETIRE_WAITING "retire_waiting",
        /// Rolls back.
        ROLLBACK "rollback",
        /// Notes schema version $1.
        SCHEMA_VERSION "schema_version",
        /// Notes a closed slice: $1 its number, $2 its events, $3 and $4 when the first and the last was seen.
        SLICE "slice",
        /// Makes the staging tables of a connection.
        STAGE "stage",
        /// Adds staged edges between topics.
        TOPIC_FLOWS "topic_flows",
        /// Adds staged counts by topic and profile.
        TYPES "types",
        /// The events in the staged ranges, in order.
        UNPASSED "unpassed",
        /// Sums up no field over what waits.
        VALUE_CLEARED "value_cleared",
        /// Forgets which groups attend to nothing.
        NOT_ATTENDING_CLEARED "not_attending_cleared",
    }
}

/// What is asked.
pub mod ask {
    queries! {
        "ask",
        /// Conversation aliases.
        ALIASES "aliases",
        /// Macro `ancestors`: $1 ref.
        ANCESTORS "ancestors",
        /// Begins a transaction that refuses writes.
        BEGIN_READ_ONLY "begin_read_only",
        /// Macro `business`: $1 flow, $2 since, $3 until; NULL for all.
        BUSINESS "business",
        /// Macro `business_cases`: $1 flow, $2 since, $3 until; NULL for all.
        BUSINESS_CASES "business_cases",
        /// Macro `business_flows`.
        BUSINESS_FLOWS "business_flows",
        /// Macro `conversation_events`: $1 conversation.
        CONVERSATION_EVENTS "conversation_events",
        /// Number of the last commit that is in the file.
        COMMIT_NUMBER "commit_number",
        /// The tap's counters.
        COUNTERS "counters",
        /// Macro `counts`: $1 since, $2 until; NULL for no bound.
        COUNTS "counts",
        /// Where the conversation of an event lies: $1 ref.
        CONVERSATION_SCOPE "conversation_scope",
        /// Where a conversation lies: $1 its id.
        SCOPE_OF "scope_of",
        /// View `coverage`, by partition.
        COVERAGE "coverage",
        /// Coverage as stored.
        COVERAGE_ROWS "coverage_rows",
        /// Every failure record with the coordinates of itself, its origin and its root.
        DEMO_FAILURES "demo_failures",
        /// How far each group has come on each partition.
        DEMO_PASSED "demo_passed",
        /// How far each partition was read, and what was not seen of it.
        DEMO_SEEN "demo_seen",
        /// What stands before a question to be described.
        DESCRIBE "describe",
        /// Whether retention deleted topic $1, partition $2, offset $3.
        DELETED_AT "deleted_at",
        /// How many events retention deleted.
        DELETED_EVENTS "deleted_events",
        /// Macro `deleted_of`: $1 refs between commas.
        DELETED_OF "deleted_of",
        /// Macro `effects`: $1 ref.
        EFFECTS "effects",
        /// Edges of a conversation: $1, $2 where it lies.
        EDGES_WITHIN "edges_within",
        /// Edges into some events of a conversation: $1 refs between commas, $2 where it lies.
        EDGES_OF "edges_of",
        /// Failures of a conversation: $1, $2 where it lies, $3 is the limit; NULL for none.
        FAILURES_WITHIN "failures_within",
        /// Failures as stored: $1 is the limit.
        FAILURE_ROWS "failure_rows",
        /// Macro `failures`: $1 since, $2 until (NULL for all), $3 orphans only, $4 unattended only, $5 signature, $6 as of.
        FAILURES "failures",
        /// What happened to one failure, record by record: $1 one of its records, $2 is the limit.
        FAILURE_ATTEMPTS "failure_attempts",
        /// Macro `failure_history`: $1 ref.
        FAILURE_HISTORY "failure_history",
        /// What the failures of a signature have in common: $1 signature.
        SIGNATURE_FACTS "signature_facts",
        /// The latest failures of a signature: $1 signature, $2 is the limit.
        SIGNATURE_SAMPLES "signature_samples",
        /// Macro `blast_of`: $1 signature.
        BLAST_OF "blast_of",
        /// Macro `parked`.
        PARKED "parked",
        /// Macro `redrive`: $1 signature, $2 since; NULL for all.
        REDRIVE "redrive",
        /// Macro `failures`: $1 since, $2 until; NULL for no bound; $3 orphans only.
        FAILURES_IN "failures_in",
        /// Macro `find_coordinates`: $1 topic, $2 partition, $3 offset.
        FIND_COORDINATES "find_coordinates",
        /// Macro `find_key`: $1 keyed hash.
        FIND_KEY "find_key",
        /// Macro `find_value`: $1, $2 halves of the value.
        FIND_VALUE "find_value",
        /// View `progress` of $1 cluster, $2 group and $3 topic.
        GROUP_PARTITIONS "group_partitions",
        /// View `flow`.
        FLOWS "flows",
        /// View `progress` of $1 group and $2 topic; NULL for all its topics.
        GROUP_PROGRESS "group_progress",
        /// Macro `rewinds` of $1 group and $2 topic; NULL for all its topics.
        GROUP_REWINDS "group_rewinds",
        /// View `consumer_group` of $1 group.
        GROUP_STATES "group_states",
        /// Whether the file has a `meta` table, and any table at all.
        HAS_SCHEMA "has_schema",
        /// Key of the hashes of ids that are not their own value.
        ID_KEY "id_key",
        /// Binds $1 as one SELECT statement, by DuckDB's own parser, and runs nothing.
        IS_ONE_SELECT "is_one_select",
        /// Which of the keyed hashes $1, between commas, an event may have.
        KEYS_HELD "keys_held",
        /// Macro `audit` since $1 for topic $2.
        AUDIT "audit",
        /// Macro `lag`.
        LAG "lag",
        /// Further edges of a large conversation, packed: $1, $2 where it lies, $3 is the limit.
        LINKS_WITHIN "links_within",
        /// Bytes that DuckDB holds.
        MEMORY "memory",
        /// Facts about the file.
        META "meta",
        /// View `minute`: $1 since, $2 until; whole minutes, NULL for no bound.
        MINUTES "minutes",
        /// All that view `event` says of ref $1.
        EVENT_OF "event_of",
        /// What profiles and ordinals stand for: $1 and $2 between commas.
        NAMES_OF "names_of",
        /// Some events of a conversation: $1 refs between commas, $2 where it lies.
        NODES_OF "nodes_of",
        /// Events of a conversation: $1, $2 where it lies.
        NODES_WITHIN "nodes_within",
        /// Number of the slice that new events go into.
        OPEN_SLICE "open_slice",
        /// Macro `orphans`.
        ORPHANS "orphans",
        /// Entries of the outbox after ($1, $2) up to $3, whose passed events were seen since $4; $5 is the limit.
        OUTBOX_ENTRIES "outbox_entries",
        /// Links of the outbox's entries $1 to $2.
        OUTBOX_LINKS "outbox_links",
        /// Since when the events that the passes $1 to $2 speak of were seen.
        OUTBOX_SEEN "outbox_seen",
        /// The outbox's cursor and its end.
        OUTBOX_STATE "outbox_state",
        /// The dictionary of partitions.
        PARTITIONS "partitions",
        /// How far groups have come, for events: $1 refs between commas.
        PASSAGES_OF "passages_of",
        /// View `passed_minute`: $1 since, $2 until; whole minutes, NULL for no bound.
        PASSED_MINUTES "passed_minutes",
        /// Waiting events as stored.
        PENDING_ROWS "pending_rows",
        /// Cluster, topic, partition and offset of ref $1.
        PLACE_OF "place_of",
        /// Events of a large conversation, packed: $1, $2 where it lies, $3 is the limit.
        POINTS_WITHIN "points_within",
        /// The dictionary of producers.
        PRODUCERS "producers",
        /// The dictionary of profiles.
        PROFILES "profiles",
        /// How far each group was counted as passed.
        PASSED_TO_ROWS "passed_to_rows",
        /// Groups as stored.
        GROUP_ROWS "group_rows",
        /// Progress as stored.
        PROGRESS_ROWS "progress_rows",
        /// The events that carry one of the ids $1, $2.
        LOST_CAUSES "lost_causes",
        /// The requests that carry one of the correlation ids $1, $2.
        LOST_REQUESTS "lost_requests",
        /// When the oldest event was seen.
        OLDEST_SEEN "oldest_seen",
        /// What the failure $1 may repeat: see the file.
        SAME_SIZE "same_size",
        /// Sums by minute: $1 since, $2 until; NULL for no bound.
        PULSE "pulse",
        /// How many events there are, and up to when they were seen.
        REACH "reach",
        /// The last $1 settled events.
        RECENT_EVENTS "recent_events",
        /// Orphans among the last $1 settled events.
        RECENT_ORPHANS "recent_orphans",
        /// What retention deleted, in all.
        REPORT_DELETED "report_deleted",
        /// Completed business cases by the time they took: $1 flow, $2 since, $3 until; NULL for all.
        REPORT_DURATIONS "report_durations",
        /// What was not completed, by reason: $1 flow, $2 since, $3 until; NULL for all.
        REPORT_LOSSES "report_losses",
        /// What was not seen, by topic and reason.
        REPORT_NOT_SEEN "report_not_seen",
        /// Received, passed and failed over time: $1 since, $2 until, $3 begin of the first step, $4 seconds of a step.
        REPORT_SERIES "report_series",
        /// The last entry of the outbox that may go: $1 and $2 are the times since which sent ones and all are kept.
        RETIRED_OUTBOX "retired_outbox",
        /// The oldest slice that was seen before $1, and its events.
        RETIRED_SLICE "retired_slice",
        /// How many events a conversation has: $1, $2 where it lies.
        SIZE_WITHIN "size_within",
        /// The values of the events of slice $1.
        SLICE_ROWS "slice_rows",
        /// How the tap itself stands.
        STANDING "standing",
        /// Macro `totals`: $1 since, $2 until; NULL for no bound.
        TOTALS "totals",
        /// The public views.
        VIEWS "views",
        /// Macro `waiting`: $1 group, $2 topic (NULL for all), $3 is the limit.
        WAITING "waiting",
        /// Macro `waiting_types`: $1 group, $2 topic; NULL for all its topics.
        WAITING_TYPES "waiting_types",
    }
}

pub mod door;
pub mod erase;
pub mod export;
pub mod migrate;
pub mod proof;
pub mod views;
