//! The shapes of the rare answers. The protocol crate reserves memory for as many entries as an answer claims, before
//! it looks for the first: ten hostile bytes would ask for hundreds of gigabytes. So an answer is walked first, and is
//! decoded only when all that it claims is there.

use super::wire::Cursor;
use kafka_protocol::messages::ApiKey;

/// One field of an answer.
enum Field {
    /// So many bytes.
    Fixed(usize),
    /// A length and so many bytes.
    Text,
    /// A length of the width of a count, and so many bytes.
    Bytes,
    /// These fields.
    One(&'static [Ranged]),
    /// A count and so many entries of these fields.
    List(&'static [Ranged]),
    /// A count and so many bare values.
    Values(&'static Field),
}

/// A field and the versions that have it.
struct Ranged(i16, i16, Field);

use Field::{Bytes, Fixed, List, One, Text, Values};

const fn always(field: Field) -> Ranged {
    Ranged(0, i16::MAX, field)
}

const fn since(version: i16, field: Field) -> Ranged {
    Ranged(version, i16::MAX, field)
}

const NUMBERS: Field = Values(&Fixed(4));

const METADATA: &[Ranged] = &[
    since(3, Fixed(4)),
    always(List(&[always(Fixed(4)), always(Text), always(Fixed(4)), since(1, Text)])),
    since(2, Text),
    since(1, Fixed(4)),
    always(List(&[
        always(Fixed(2)),
        always(Text),
        since(10, Fixed(16)),
        since(1, Fixed(1)),
        always(List(&[always(Fixed(10)), since(7, Fixed(4)), always(NUMBERS), always(NUMBERS), since(5, NUMBERS)])),
        since(8, Fixed(4)),
    ])),
    Ranged(8, 10, Fixed(4)),
];

const LIST_OFFSETS: &[Ranged] =
    &[since(2, Fixed(4)), always(List(&[always(Text), always(List(&[always(Fixed(22)), since(4, Fixed(4))]))]))];

const LIST_GROUPS: &[Ranged] = &[
    since(1, Fixed(4)),
    always(Fixed(2)),
    always(List(&[always(Text), always(Text), since(4, Text), since(5, Text)])),
];

const COMMITS: &[Ranged] =
    &[always(Text), always(List(&[always(Fixed(12)), since(5, Fixed(4)), always(Text), always(Fixed(2))]))];

const OFFSET_FETCH: &[Ranged] = &[
    since(3, Fixed(4)),
    Ranged(0, 7, List(COMMITS)),
    Ranged(2, 7, Fixed(2)),
    since(8, List(&[always(Text), always(List(COMMITS)), always(Fixed(2))])),
];

const LOG_DIRS: &[Ranged] = &[
    always(Fixed(4)),
    since(3, Fixed(2)),
    always(List(&[
        always(Fixed(2)),
        always(Text),
        always(List(&[always(Text), always(List(&[always(Fixed(21))]))])),
        since(4, Fixed(16)),
    ])),
];

const DESCRIBE_GROUPS: &[Ranged] = &[
    since(1, Fixed(4)),
    always(List(&[
        always(Fixed(2)),
        since(6, Text),
        always(Text),
        always(Text),
        always(Text),
        always(Text),
        always(List(&[always(Text), since(4, Text), always(Text), always(Text), always(Bytes), always(Bytes)])),
        since(3, Fixed(4)),
    ])),
];

const ASSIGNMENT: &[Ranged] = &[always(List(&[always(Fixed(16)), always(Text), always(NUMBERS)]))];

const CONSUMER_GROUP_DESCRIBE: &[Ranged] = &[
    always(Fixed(4)),
    always(List(&[
        always(Fixed(2)),
        always(Text),
        always(Text),
        always(Text),
        always(Fixed(8)),
        always(Text),
        always(List(&[
            always(Text),
            always(Text),
            always(Text),
            always(Fixed(4)),
            always(Text),
            always(Text),
            always(Values(&Text)),
            always(Text),
            always(One(ASSIGNMENT)),
            always(One(ASSIGNMENT)),
            since(1, Fixed(1)),
        ])),
        always(Fixed(4)),
    ])),
];

const SHARE_GROUP_DESCRIBE: &[Ranged] = &[
    always(Fixed(4)),
    always(List(&[
        always(Fixed(2)),
        always(Text),
        always(Text),
        always(Text),
        always(Fixed(8)),
        always(Text),
        always(List(&[
            always(Text),
            always(Text),
            always(Fixed(4)),
            always(Text),
            always(Text),
            always(Values(&Text)),
            always(One(ASSIGNMENT)),
        ])),
        always(Fixed(4)),
    ])),
];

const SHARE_OFFSETS: &[Ranged] = &[
    always(Fixed(4)),
    always(List(&[
        always(Text),
        always(List(&[
            always(Text),
            always(Fixed(16)),
            always(List(&[always(Fixed(16)), since(1, Fixed(8)), always(Fixed(2)), always(Text)])),
        ])),
        always(Fixed(2)),
        always(Text),
    ])),
];

const DESCRIBE_CONFIGS: &[Ranged] = &[
    always(Fixed(4)),
    always(List(&[
        always(Fixed(2)),
        always(Text),
        always(Fixed(1)),
        always(Text),
        always(List(&[
            always(Text),
            always(Text),
            always(Fixed(2)),
            since(1, Fixed(1)),
            since(1, List(&[always(Text), always(Text), always(Fixed(1))])),
            since(3, Fixed(1)),
            since(3, Text),
        ])),
    ])),
];

const SASL_HANDSHAKE: &[Ranged] = &[always(Fixed(2)), always(Values(&Text))];

const SASL_AUTHENTICATE: &[Ranged] = &[always(Fixed(2)), always(Text), always(Values(&Fixed(1))), since(1, Fixed(8))];

/// Whether the body of an answer is all there: every list has the entries that it claims. An answer whose shape is not
/// known here is not decoded.
pub(super) fn is_whole(key: ApiKey, version: i16, body: &[u8]) -> bool {
    let (fields, flexible) = match key {
        ApiKey::Metadata => (METADATA, 9),
        ApiKey::ListOffsets => (LIST_OFFSETS, 6),
        ApiKey::ListGroups => (LIST_GROUPS, 3),
        ApiKey::OffsetFetch => (OFFSET_FETCH, 6),
        ApiKey::DescribeLogDirs => (LOG_DIRS, 2),
        ApiKey::DescribeGroups => (DESCRIBE_GROUPS, 5),
        ApiKey::ConsumerGroupDescribe => (CONSUMER_GROUP_DESCRIBE, 0),
        ApiKey::ShareGroupDescribe => (SHARE_GROUP_DESCRIBE, 0),
        ApiKey::DescribeShareGroupOffsets => (SHARE_OFFSETS, 0),
        ApiKey::DescribeConfigs => (DESCRIBE_CONFIGS, 4),
        ApiKey::SaslHandshake => (SASL_HANDSHAKE, i16::MAX),
        ApiKey::SaslAuthenticate => (SASL_AUTHENTICATE, 2),
        _ => return false,
    };
    walk(&mut Cursor::new(body), fields, version, version >= flexible).is_some()
}

fn walk(cursor: &mut Cursor<'_>, fields: &[Ranged], version: i16, flexible: bool) -> Option<()> {
    for Ranged(_, _, field) in fields.iter().filter(|field| (field.0..=field.1).contains(&version)) {
        step(cursor, field, version, flexible)?;
    }
    cursor.skip_tags(flexible)
}

fn step(cursor: &mut Cursor<'_>, field: &Field, version: i16, flexible: bool) -> Option<()> {
    match field {
        Fixed(length) => drop(cursor.take(*length)?),
        Text => {
            let length = if flexible { cursor.length(true)? } else { usize::try_from(cursor.i16()?).unwrap_or(0) };
            cursor.take(length)?;
        }
        Bytes => {
            let length = cursor.length(flexible)?;
            cursor.take(length)?;
        }
        One(fields) => walk(cursor, fields, version, flexible)?,
        List(fields) => {
            for _ in 0..cursor.length(flexible)? {
                walk(cursor, fields, version, flexible)?;
            }
        }
        Values(field) => {
            for _ in 0..cursor.length(flexible)? {
                step(cursor, field, version, flexible)?;
            }
        }
    }
    Some(())
}
