//! Keccak-256 as Ethereum and Monero use it: FIPS 202 with the padding that Keccak had before it was SHA-3.

const ROUNDS: usize = 24;
const RATE: usize = 136;

/// FIPS 202, 3.2.5: constants of iota.
const IOTA: [u64; ROUNDS] = [
    0x0000000000000001,
    0x0000000000008082,
    0x800000000000808a,
    0x8000000080008000,
    0x000000000000808b,
    0x0000000080000001,
    0x8000000080008081,
    0x8000000000008009,
    0x000000000000008a,
    0x0000000000000088,
    0x0000000080008009,
    0x000000008000000a,
    0x000000008000808b,
    0x800000000000008b,
    0x8000000000008089,
    0x8000000000008003,
    0x8000000000008002,
    0x8000000000000080,
    0x000000000000800a,
    0x800000008000000a,
    0x8000000080008081,
    0x8000000000008080,
    0x0000000080000001,
    0x8000000080008008,
];

/// The hash of a short text: an address.
pub fn keccak256(input: &[u8]) -> [u8; 32] {
    let mut state = [0u64; 25];
    let mut blocks = input.chunks_exact(RATE);
    for block in &mut blocks {
        absorb(&mut state, block);
    }
    let rest = blocks.remainder();
    let mut last = [0u8; RATE];
    last[..rest.len()].copy_from_slice(rest);
    last[rest.len()] = 1;
    last[RATE - 1] |= 0x80;
    absorb(&mut state, &last);
    let mut hash = [0u8; 32];
    for (part, lane) in hash.chunks_exact_mut(8).zip(state) {
        part.copy_from_slice(&lane.to_le_bytes());
    }
    hash
}

fn absorb(state: &mut [u64; 25], block: &[u8]) {
    for (lane, bytes) in state.iter_mut().zip(block.chunks_exact(8)) {
        *lane ^= bytes
            .iter()
            .rev()
            .fold(0, |value, byte| value << 8 | u64::from(*byte));
    }
    for constant in IOTA {
        round(state, constant);
    }
}

fn round(a: &mut [u64; 25], constant: u64) {
    // Theta.
    let mut parity = [0u64; 5];
    for (x, sum) in parity.iter_mut().enumerate() {
        *sum = (0..5).fold(0, |value, y| value ^ a[x + 5 * y]);
    }
    for (n, lane) in a.iter_mut().enumerate() {
        *lane ^= parity[(n + 4) % 5] ^ parity[(n + 1) % 5].rotate_left(1);
    }
    // Rho and pi: lane (x, y) goes to (y, 2x + 3y), turned by the triangular numbers.
    let mut b = [0u64; 25];
    b[0] = a[0];
    let (mut x, mut y) = (1, 0);
    for t in 0..24u32 {
        let turned = a[x + 5 * y].rotate_left((t + 1) * (t + 2) / 2 % 64);
        (x, y) = (y, (2 * x + 3 * y) % 5);
        b[x + 5 * y] = turned;
    }
    // Chi.
    for y in 0..5 {
        for x in 0..5 {
            a[x + 5 * y] = b[x + 5 * y] ^ (!b[(x + 1) % 5 + 5 * y] & b[(x + 2) % 5 + 5 * y]);
        }
    }
    a[0] ^= constant;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_has_the_known_hash() {
        let hash = keccak256(b"");
        assert_eq!(hash[..4], [0xc5, 0xd2, 0x46, 0x01]);
        assert_eq!(hash[28..], [0x5d, 0x85, 0xa4, 0x70]);
    }

    #[test]
    fn abc_has_the_known_hash() {
        assert_eq!(keccak256(b"abc")[..4], [0x4e, 0x03, 0x65, 0x7a]);
    }
}
