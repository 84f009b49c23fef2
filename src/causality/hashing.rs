//! Keyed hashes of ids, and the spreading of numbers that need no key.

use crate::event::Identifier;
use std::hash::{BuildHasherDefault, Hasher};

/// Secret numbers that keep hostile ids from being aimed at one slot.
#[derive(Debug, Clone, Copy)]
pub(super) struct Secret(pub u64, pub u64);

impl Secret {
    /// A hash of `id`, never zero.
    pub fn key(self, id: Identifier) -> u64 {
        let folded = u128::from(id.hi ^ self.0) * u128::from(id.lo ^ self.1);
        let mixed = (folded as u64) ^ ((folded >> 64) as u64) ^ id.hi.rotate_left(32) ^ id.lo.rotate_left(11);
        (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (mixed >> 29)).max(1)
    }

    /// Two different ids with the same hash.
    #[cfg(test)]
    pub fn collision(self) -> [Identifier; 2] {
        // Where a factor is zero, nothing but the two rotations is left, and one word can be solved for.
        let (hi, other_hi) = (self.0, 0x1234_5678_9abc_def0);
        let mixed = u64::rotate_left(other_hi, 32) ^ self.1.rotate_left(11);
        let lo = (mixed ^ hi.rotate_left(32)).rotate_right(11);
        let spelling = crate::event::Spelling::Uuid;
        [Identifier { hi, lo, spelling }, Identifier { hi: other_hi, lo: self.1, spelling }]
    }
}

/// Spreads numbers that are refs, ids or keyed hashes already, for maps that stay small.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }
    fn write_u64(&mut self, n: u64) {
        self.0 = spread(self.0 ^ n);
    }
    fn write_i64(&mut self, n: i64) {
        self.write_u64(n as u64);
    }
    fn write_isize(&mut self, n: isize) {
        self.write_u64(n as u64);
    }
}

/// Builds [`Spread`].
pub(super) type Spreading = BuildHasherDefault<Spread>;

/// Spreads a number that is a ref or a keyed hash already over 64 bits.
pub(super) const fn spread(n: u64) -> u64 {
    let folded = (n ^ 0x517c_c1b7_2722_0a95) as u128 * 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
    (folded as u64) ^ ((folded >> 64) as u64)
}

/// Where in `places` a hash belongs.
pub(super) const fn home(hash: u64, places: usize) -> usize {
    ((hash as u128 * places as u128) >> 64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_ids_have_keys_of_their_own() {
        let secret = Secret(0x1234_5678_9abc_def1, 0x0fed_cba9_8765_4321);
        let mut keys: Vec<u64> = (0..100_000u64)
            .map(|lo| secret.key(Identifier { hi: 7, lo, spelling: crate::event::Spelling::Uuid }))
            .collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), 100_000);
    }

    #[test]
    fn two_ids_can_be_made_to_collide_by_who_knows_the_secret() {
        let secret = Secret(0x1234_5678_9abc_def1, 0x0fed_cba9_8765_4321);
        let [one, other] = secret.collision();
        assert!(one != other && secret.key(one) == secret.key(other));
    }
}
