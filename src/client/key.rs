//! The bytes that a typed key can stand for: producers write the same key in many ways.

/// Schema ids that are tried behind the Confluent prefix: registries number from 1, and key schemas come early.
const SCHEMA_IDS_MAX: u32 = 200;

/// One way to write a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reading {
    /// How, in words.
    pub how: String,
    /// The bytes on the record.
    pub bytes: Vec<u8>,
}

/// Every way in which `value` can have been written as a record key, the likeliest first.
pub(super) fn readings(value: &str) -> Vec<Reading> {
    let plain = plain(value);
    let mut behind_prefix = plain.clone();
    behind_prefix.push(("Avro string", avro_string(value)));
    if let Ok(number) = value.parse::<i64>() {
        behind_prefix.push(("Avro number", zigzag(number)));
    }
    let named = |how: &str, bytes: &[u8]| Reading { how: how.to_owned(), bytes: bytes.to_vec() };
    let mut readings: Vec<Reading> = plain.iter().map(|(how, bytes)| named(how, bytes)).collect();
    for id in 1..=SCHEMA_IDS_MAX {
        readings.extend(behind_prefix.iter().map(|(how, bytes)| Reading {
            how: format!("{how} behind the Confluent prefix, schema {id}"),
            bytes: [&[0u8], &id.to_be_bytes()[..], bytes].concat(),
        }));
    }
    readings
}

fn plain(value: &str) -> Vec<(&'static str, Vec<u8>)> {
    let mut plain = vec![("UTF-8 text", value.as_bytes().to_vec())];
    if let Ok(json) = serde_json::to_vec(value) {
        plain.push(("JSON string", json));
    }
    if let Ok(number) = value.parse::<i32>() {
        plain.push(("int32 big-endian", number.to_be_bytes().to_vec()));
    }
    if let Ok(number) = value.parse::<i64>() {
        plain.push(("int64 big-endian", number.to_be_bytes().to_vec()));
    }
    if let Some(bytes) = uuid(value) {
        plain.push(("UUID bytes", bytes.to_vec()));
    }
    plain
}

/// The 16 bytes of `8-4-4-4-12` hexadecimal digits.
fn uuid(text: &str) -> Option<[u8; 16]> {
    let dashes = [8, 13, 18, 23];
    if text.len() != 36 || !text.bytes().enumerate().all(|(at, b)| (b == b'-') == dashes.contains(&at)) {
        return None;
    }
    let digits = text.replace('-', "");
    let hexadecimal = digits.bytes().all(|b| b.is_ascii_hexdigit());
    hexadecimal.then(|| u128::from_str_radix(&digits, 16).ok().map(u128::to_be_bytes)).flatten()
}

/// Avro's binary form of a string: its length, then UTF-8.
fn avro_string(text: &str) -> Vec<u8> {
    let mut bytes = zigzag(i64::try_from(text.len()).unwrap_or(i64::MAX));
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

/// Avro's binary form of an int or long.
fn zigzag(number: i64) -> Vec<u8> {
    let mut rest = ((number << 1) ^ (number >> 63)) as u64;
    let mut bytes = Vec::new();
    loop {
        let low = (rest & 0x7f) as u8;
        rest >>= 7;
        if rest == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(value: &str, how: &str) -> Option<Vec<u8>> {
        readings(value).into_iter().find(|reading| reading.how == how).map(|reading| reading.bytes)
    }

    #[test]
    fn a_key_is_tried_in_every_way_it_can_be_written() {
        assert_eq!(bytes("4711", "UTF-8 text").unwrap(), b"4711");
        assert_eq!(bytes("4711", "JSON string").unwrap(), b"\"4711\"");
        assert_eq!(bytes("4711", "int32 big-endian").unwrap(), [0, 0, 0x12, 0x67]);
        assert_eq!(bytes("4711", "int64 big-endian").unwrap(), [0, 0, 0, 0, 0, 0, 0x12, 0x67]);
        assert_eq!(bytes("order", "int32 big-endian"), None);
        assert_eq!(bytes("9999999999", "int32 big-endian"), None);
        let id = "8b3e2f44-0c1d-4a6f-9b1e-2f3a4b5c6d7e";
        assert_eq!(bytes(id, "UUID bytes").unwrap()[..4], [0x8b, 0x3e, 0x2f, 0x44]);
        assert_eq!(bytes("+b3e2f44-0c1d-4a6f-9b1e-2f3a4b5c6d7e", "UUID bytes"), None);
    }

    #[test]
    fn the_confluent_prefix_stands_before_each_of_them() {
        let behind = |how: &str| bytes("ab", &format!("{how} behind the Confluent prefix, schema 7")).unwrap();
        assert_eq!(behind("UTF-8 text"), [0, 0, 0, 0, 7, b'a', b'b']);
        assert_eq!(behind("Avro string"), [0, 0, 0, 0, 7, 4, b'a', b'b']);
        assert_eq!(zigzag(-1), [1]);
        assert_eq!(zigzag(4711), [0xce, 0x49]);
        assert_eq!(zigzag(i64::MIN).len(), 10);
    }
}
