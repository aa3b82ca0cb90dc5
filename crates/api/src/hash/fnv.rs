//! FNV-1a, 32 bits, and the alphabet that makes a name of it.

/// A hash under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fnv(u32);

/// No vowels, no digits that look like letters: names that spell nothing.
const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

impl Fnv {
    pub(crate) fn of(bytes: &[u8]) -> Fnv {
        let mut fnv = Fnv(0x811c_9dc5);
        fnv.write(bytes);
        fnv
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
        }
    }

    /// Each decimal digit of the hash, by way of its character code, as a letter of the alphabet.
    pub(crate) fn name(self) -> String {
        self.0
            .to_string()
            .bytes()
            .map(|digit| char::from(ALPHABET[usize::from(digit) % ALPHABET.len()]))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_become_letters() {
        assert_eq!(Fnv(2308479515).name(), "674d8cf959");
        assert_eq!(Fnv(2612747860).name(), "6b56c8cdb4");
    }
}
