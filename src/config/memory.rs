//! How much memory the search of causes may take: `--memory`, or `[memory]`.

use super::{ConfigError, word};
use serde::Deserialize;

/// Some 13 million events: 40 minutes at 5,000 events a second. It is taken as it fills.
pub const DEFAULT_MEMORY: &str = "1GiB";

/// [`DEFAULT_MEMORY`] in bytes.
pub const DEFAULT_MEMORY_BYTES: u64 = 1 << 30;

/// With less there would be no horizon to speak of.
const MEMORY_MIN: u64 = 16 << 20;

const EXPECTED: &str = "bytes such as 512MiB or 4GiB";

/// `[memory]`, before it means anything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct MemoryWords {
    /// The budget of the search of causes.
    pub causality: Option<String>,
}

/// A number of bytes: `MiB` and `GiB` are powers of 1024, `MB` and `GB` of 1000.
pub(super) fn memory(text: &str) -> Result<u64, ConfigError> {
    const UNITS: [(&str, u64); 8] = [
        ("gib", 1 << 30),
        ("mib", 1 << 20),
        ("kib", 1 << 10),
        ("gb", 1_000_000_000),
        ("mb", 1_000_000),
        ("g", 1 << 30),
        ("m", 1 << 20),
        ("b", 1),
    ];
    let lower = text.trim().to_ascii_lowercase();
    let unit = UNITS.iter().find_map(|(unit, bytes)| Some((lower.strip_suffix(unit)?, *bytes)));
    let (number, unit) = unit.unwrap_or((&lower, 1));
    let bytes = number.trim().parse::<u64>().ok().and_then(|n| n.checked_mul(unit));
    match bytes {
        None => Err(word("memory", text, "it is not a number of bytes", EXPECTED)),
        Some(bytes) if bytes < MEMORY_MIN => {
            Err(word("memory", text, "below 16MiB causes would be forgotten within seconds", EXPECTED))
        }
        Some(bytes) => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_a_number_of_bytes_with_a_unit() {
        let read = |text| memory(text).unwrap();
        assert_eq!(
            [read("1GiB"), read(" 512 MiB "), read("2g"), read("20000000")],
            [1 << 30, 512 << 20, 2 << 30, 20_000_000]
        );
        assert_eq!(read(DEFAULT_MEMORY), DEFAULT_MEMORY_BYTES);
        assert_eq!(read("4GB"), 4_000_000_000);
        for bad in ["", "much", "1MiB", "-1GiB", "1.5GiB", "99999999999GiB"] {
            assert!(memory(bad).is_err(), "{bad}");
        }
    }
}
