//! Record keys that are Protocol Buffers messages: the fields of one, without its schema.

use std::borrow::Cow;

/// Fields of a key that are looked at: messages in keys have a handful.
const MAX_FIELDS: usize = 32;

/// Bytes of a varint: ten groups of seven bits hold 64.
const MAX_VARINT: usize = 10;

/// The fields of the message `key`, integers in decimal digits. Ends where it is no message any more.
pub fn fields(key: &[u8]) -> impl Iterator<Item = (u32, Cow<'_, [u8]>)> {
    let mut rest = key;
    std::iter::from_fn(move || next(&mut rest)).take(MAX_FIELDS)
}

fn next<'k>(rest: &mut &'k [u8]) -> Option<(u32, Cow<'k, [u8]>)> {
    let tag = varint(rest)?;
    let number = u32::try_from(tag >> 3).ok()?;
    let value = match tag & 7 {
        0 => Cow::Owned((varint(rest)? as i64).to_string().into_bytes()),
        1 => Cow::Borrowed(take(rest, 8)?),
        2 => {
            let len = usize::try_from(varint(rest)?).ok()?;
            Cow::Borrowed(take(rest, len)?)
        }
        5 => Cow::Borrowed(take(rest, 4)?),
        _ => return None,
    };
    Some((number, value))
}

fn take<'k>(rest: &mut &'k [u8], len: usize) -> Option<&'k [u8]> {
    let (taken, after) = rest.split_at_checked(len)?;
    *rest = after;
    Some(taken)
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for at in 0..MAX_VARINT {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_a_message_come_in_order() {
        let key =
            [&[0x08, 3, 0x12, 6][..], b"orders", &[0x18, 2, 0x20, 0xac, 2, 0x31, 1, 2, 3, 4, 5, 6, 7, 8]].concat();
        let read: Vec<_> = fields(&key).map(|(n, value)| (n, value.into_owned())).collect();
        let expected = [(1, b"3".to_vec()), (2, b"orders".to_vec()), (3, b"2".to_vec()), (4, b"300".to_vec())];
        assert_eq!(read[..4], expected);
        assert_eq!(read[4], (6, vec![1, 2, 3, 4, 5, 6, 7, 8]));
    }

    #[test]
    fn what_is_no_message_ends() {
        for key in [&b"order-4711"[..], &[0x12, 200, 1], &[0xff; 40], &[]] {
            assert!(fields(key).count() <= MAX_FIELDS, "{key:?}");
        }
        assert_eq!(fields(&[0x12, 200, 1]).count(), 0);
    }
}
