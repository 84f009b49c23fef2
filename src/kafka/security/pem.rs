//! Certificates and keys in PEM, as files of any tool and as values in one line of a properties file.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// One block: what it says it is, and its bytes. It may be a private key, so it is not printed.
pub(super) struct Block<'a> {
    pub label: &'a str,
    pub der: Vec<u8>,
    /// The key inside is encrypted in the way of old OpenSSL.
    pub encrypted: bool,
}

/// All blocks of `text`, whatever stands around them. `None` when one is cut short or no base64.
pub(super) fn blocks(text: &str) -> Option<Vec<Block<'_>>> {
    const BEGIN: &str = "-----BEGIN ";
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(BEGIN) {
        let (label, after) = rest[at + BEGIN.len()..].split_once("-----")?;
        let (body, end) = after.split_once("-----END ")?;
        rest = end.strip_prefix(label)?.strip_prefix("-----")?;
        // Headers stand before an empty line; they are found in encrypted keys only.
        let encrypted = body.contains("ENCRYPTED");
        let der = match encrypted {
            true => Vec::new(),
            false => STANDARD.decode(body.split_whitespace().collect::<String>()).ok()?,
        };
        blocks.push(Block { label, der, encrypted: encrypted || label.starts_with("ENCRYPTED") });
    }
    Some(blocks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_on_many_lines_and_on_one() {
        let lines = "Bag Attributes\n-----BEGIN CERTIFICATE-----\nAQID\nBAUG\n-----END CERTIFICATE-----\r\nx\n\
                     -----BEGIN PRIVATE KEY-----\nBw==\n-----END PRIVATE KEY-----\n";
        for text in [lines.to_owned(), lines.replace('\n', " "), lines.replace('\n', "")] {
            let found = blocks(&text).unwrap();
            let found: Vec<_> = found.iter().map(|block| (block.label, block.der.as_slice())).collect();
            assert_eq!(found, [("CERTIFICATE", &[1, 2, 3, 4, 5, 6][..]), ("PRIVATE KEY", &[7])]);
        }
        let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: x\n\nAQID\n-----END RSA PRIVATE KEY-----";
        assert!(blocks(old).unwrap()[0].encrypted);
    }

    #[test]
    fn what_is_cut_short_is_refused() {
        assert!(blocks("nothing").unwrap().is_empty());
        for text in
            ["-----BEGIN A-----AQID", "-----BEGIN A-----AQID-----END B-----", "-----BEGIN A-----!-----END A-----"]
        {
            assert!(blocks(text).is_none(), "{text}");
        }
    }
}
