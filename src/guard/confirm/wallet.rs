//! Addresses of crypto currencies: each has a checksum, which says more than its form.

use std::{ops::Range, sync::LazyLock};

use sha2::{Digest, Sha256, Sha512_256};

use super::{
    Confirm, Match,
    keccak::keccak256,
    near::{self, Label, Lexicon, Words},
};

/// The checks of this file.
pub const CHECKS: &[(&str, Confirm)] = &[
    ("wallet_base58", base58_any),
    ("wallet_bech32", bech32),
    ("wallet_cashaddr", cashaddr),
    ("wallet_ethereum", ethereum),
    ("wallet_monero", monero),
    ("wallet_base32", base32_any),
    ("wallet_ton", ton),
];

const BITCOIN: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const RIPPLE: &[u8; 58] = b"rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz";

/// Bytes that something in base 58 stands for. Time grows with the square of the length: for short texts.
fn base58(text: &str, alphabet: &[u8; 58]) -> Option<Vec<u8>> {
    if text.len() > 128 {
        return None;
    }
    let mut bytes: Vec<u8> = Vec::new();
    for sign in text.bytes() {
        let mut carry = alphabet.iter().position(|a| *a == sign)?;
        for byte in &mut bytes {
            carry += usize::from(*byte) * 58;
            *byte = (carry & 0xff) as u8;
            carry >>= 8;
        }
        if carry > 0 {
            bytes.push(carry as u8);
        }
    }
    bytes.extend(
        text.bytes()
            .take_while(|sign| *sign == alphabet[0])
            .map(|_| 0),
    );
    bytes.reverse();
    Some(bytes)
}

/// What is before the four bytes of a checksum, if they are right.
fn checked(mut bytes: Vec<u8>) -> Option<Vec<u8>> {
    let sum = bytes.split_off(bytes.len().checked_sub(4)?);
    let hash = Sha256::digest(Sha256::digest(&bytes));
    (hash[..4] == sum[..]).then_some(bytes)
}

/// Whether letters or digits stand beside, which make it a part of something longer.
fn alone(found: &Match) -> bool {
    let joins = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !found.before().ends_with(joins) && !found.after().starts_with(joins)
}

fn whole(found: &Match, right: bool) -> Option<Range<usize>> {
    (right && alone(found)).then_some(found.start..found.end)
}

/// Anything in base 58: each kind has a checksum, but for Solana, which needs a word.
fn base58_any(found: Match) -> Option<Range<usize>> {
    if !alone(&found) {
        return None;
    }
    match found.value().len() {
        25..=36 => base58check(found).or_else(|| ripple(found)),
        43 | 44 => solana(found),
        111 => base58check(found),
        _ => None,
    }
}

/// Anything in base 32.
fn base32_any(found: Match) -> Option<Range<usize>> {
    if found.value().len() == 58 {
        algorand(found)
    } else {
        stellar(found)
    }
}

/// Base58Check (Bitcoin wiki, "Base58Check encoding"): Bitcoin, Litecoin, Dogecoin, Dash, Tron, Zcash, Tezos, and
/// extended public keys (BIP 32). Versions as in the chain parameters of each project.
fn base58check(found: Match) -> Option<Range<usize>> {
    let payload = checked(base58(found.value(), BITCOIN)?)?;
    let known = match (payload.len(), payload.as_slice()) {
        (21, [version, ..]) => matches!(
            version,
            0x00 | 0x05 | 0x6f | 0xc4 | 0x30 | 0x32 | 0x1e | 0x16 | 0x4c | 0x10 | 0x41
        ),
        (22, [0x1c, 0xb8 | 0xbd | 0x25 | 0xba, ..]) => true,
        (23, [0x06, 0xa1, 0x9f | 0xa1 | 0xa4 | 0xa6, ..] | [0x02, 0x5a, 0x79, ..]) => true,
        // xpub, ypub, zpub.
        (
            78,
            [0x04, 0x88, 0xb2, 0x1e, ..]
            | [0x04, 0x9d, 0x7c, 0xb2, ..]
            | [0x04, 0xb2, 0x47, 0x46, ..],
        ) => true,
        _ => false,
    };
    whole(&found, known)
}

/// XRP Ledger: base 58 with an alphabet of its own.
fn ripple(found: Match) -> Option<Range<usize>> {
    let payload = checked(base58(found.value(), RIPPLE)?)?;
    whole(&found, payload.len() == 21 && payload[0] == 0)
}

const BECH32: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

/// Bech32 and Bech32m (BIP 173, BIP 350): Bitcoin, Litecoin, Cardano, Cosmos and others.
fn bech32(found: Match) -> Option<Range<usize>> {
    let value = found.value();
    // Either all small or all capital.
    if value.bytes().any(|b| b.is_ascii_lowercase())
        && value.bytes().any(|b| b.is_ascii_uppercase())
    {
        return None;
    }
    let value = value.to_ascii_lowercase();
    let (name, data) = value.rsplit_once('1')?;
    let mut sum = 1u32;
    let mut add = |five: u8| {
        let top = sum >> 25;
        sum = (sum & 0x01ff_ffff) << 5 ^ u32::from(five);
        for (bit, generator) in [
            0x3b6a_57b2,
            0x2650_8e6d,
            0x1ea1_19fa,
            0x3d42_33dd,
            0x2a14_62b3,
        ]
        .into_iter()
        .enumerate()
        {
            if top >> bit & 1 == 1 {
                sum ^= generator;
            }
        }
    };
    name.bytes().for_each(|b| add(b >> 5));
    add(0);
    name.bytes().for_each(|b| add(b & 31));
    for sign in data.bytes() {
        add(BECH32.iter().position(|b| *b == sign)? as u8);
    }
    whole(&found, sum == 1 || sum == 0x2bc8_30a3)
}

/// Bitcoin Cash (CashAddr specification), with its prefix.
fn cashaddr(found: Match) -> Option<Range<usize>> {
    let value = found.value().to_ascii_lowercase();
    let (name, data) = value.split_once(':').unwrap_or(("bitcoincash", &value));
    let mut sum = 1u64;
    let mut add = |five: u8| {
        let top = sum >> 35;
        sum = (sum & 0x07_ffff_ffff) << 5 ^ u64::from(five);
        let generators = [
            0x98_f2bc_8e61u64,
            0x79_b76d_99e2,
            0xf3_3e5f_b3c4,
            0xae_2eab_e2a8,
            0x1e_4f43_e470,
        ];
        for (bit, generator) in generators.into_iter().enumerate() {
            if top >> bit & 1 == 1 {
                sum ^= generator;
            }
        }
    };
    name.bytes().for_each(|b| add(b & 31));
    add(0);
    for sign in data.bytes() {
        add(BECH32.iter().position(|b| *b == sign)? as u8);
    }
    whole(&found, sum == 1)
}

/// Words that say that 40 hexadecimal digits are code or a hash rather than somebody's account.
static CODE: Lexicon = LazyLock::new(|| {
    Words::new(&[
        "commit*",
        "hash*",
        "sha1",
        "sha-1",
        "digest*",
        "checksum*",
        "bytecode",
        "contract*",
        "token contract",
        "selector",
    ])
});

static WALLET: Lexicon = LazyLock::new(|| {
    Words::new(&[
        "wallet*",
        "address*",
        "eth",
        "ethereum",
        "send",
        "sent",
        "receive*",
        "pay*",
        "recipient",
        "donat*",
        "deposit*",
        "withdraw*",
        "transfer*",
        "account*",
        "sol",
        "solana",
        "phantom",
        "brieftasche",
        "billetera",
        "monedero",
        "portefeuille",
        "carteira",
        "portafoglio",
        "portemonnee",
        "portfel*",
        "кошел*",
        "钱包*",
        "ウォレット*",
        "지갑*",
    ])
});

/// Ethereum: 20 bytes; in mixed case the checksum of EIP-55 must be right. Not an account: zero and the usual sinks.
fn ethereum(found: Match) -> Option<Range<usize>> {
    let digits = found.value().get(2..)?;
    let mixed = digits.bytes().any(|b| b.is_ascii_lowercase())
        && digits.bytes().any(|b| b.is_ascii_uppercase());
    if mixed {
        let hash = keccak256(digits.to_ascii_lowercase().as_bytes());
        let right = digits.bytes().enumerate().all(|(n, digit)| {
            let nibble = hash[n / 2] >> (4 * (1 - n % 2)) & 15;
            !digit.is_ascii_alphabetic() || digit.is_ascii_uppercase() == (nibble >= 8)
        });
        if !right {
            return None;
        }
    }
    let nobody = digits.bytes().filter(|b| *b == b'0').count() >= 32;
    let range = found.start..found.end;
    let code = near::label(found.text, &range, &WALLET, &CODE, 32) == Label::Against;
    whole(&found, !nobody && !code)
}

/// Monero: blocks of base 58, checksum by Keccak (Monero documentation, "Standard address").
fn monero(found: Match) -> Option<Range<usize>> {
    /// Bytes that a block of so many signs stands for.
    const BYTES: [usize; 12] = [0, 0, 1, 2, 0, 3, 4, 5, 0, 6, 7, 8];
    let mut bytes = Vec::new();
    for block in found.value().as_bytes().chunks(11) {
        let mut value = 0u128;
        for sign in block {
            value = value * 58 + BITCOIN.iter().position(|a| a == sign)? as u128;
        }
        let length = BYTES[block.len()];
        if length == 0 || value >> (8 * length) != 0 {
            return None;
        }
        bytes.extend_from_slice(&value.to_be_bytes()[16 - length..]);
    }
    let sum = bytes.split_off(bytes.len().checked_sub(4)?);
    whole(&found, keccak256(&bytes)[..4] == sum[..])
}

/// Bytes that something in base 32 of RFC 4648 stands for, without padding.
fn base32(text: &str) -> Option<Vec<u8>> {
    let (mut bits, mut count) = (0u32, 0);
    let mut bytes = Vec::new();
    for sign in text.bytes() {
        let value = match sign {
            b'A'..=b'Z' => sign - b'A',
            b'2'..=b'7' => sign - b'2' + 26,
            _ => return None,
        };
        bits = bits << 5 | u32::from(value);
        count += 5;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    Some(bytes)
}

/// CRC-16/XMODEM.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |sum, byte| {
        (0..8).fold(sum ^ u16::from(*byte) << 8, |sum: u16, _| {
            if sum >> 15 == 1 {
                sum << 1 ^ 0x1021
            } else {
                sum << 1
            }
        })
    })
}

/// Stellar (SEP-23, strkey): accounts begin with `G`.
fn stellar(found: Match) -> Option<Range<usize>> {
    let mut bytes = base32(found.value())?;
    let sum = bytes.split_off(bytes.len().checked_sub(2)?);
    whole(&found, crc16(&bytes).to_le_bytes()[..] == sum[..])
}

/// Algorand: a key and the last four bytes of its SHA-512/256 in base 32.
fn algorand(found: Match) -> Option<Range<usize>> {
    let bytes = base32(found.value())?;
    let (key, sum) = bytes.split_at_checked(32)?;
    whole(&found, Sha512_256::digest(key)[28..] == *sum)
}

/// TON, user-friendly form: tag, workchain, hash and CRC-16 in base 64 (TON documentation, "Smart contract addresses").
fn ton(found: Match) -> Option<Range<usize>> {
    use base64::{Engine, engine::general_purpose};
    let value = found.value().replace('+', "-").replace('/', "_");
    let mut bytes = general_purpose::URL_SAFE_NO_PAD.decode(value).ok()?;
    let sum = bytes.split_off(bytes.len().checked_sub(2)?);
    whole(&found, crc16(&bytes).to_be_bytes()[..] == sum[..])
}

/// Solana: 32 bytes in base 58 without a checksum, so a word must call it an address.
fn solana(found: Match) -> Option<Range<usize>> {
    static SOLANA: Lexicon = LazyLock::new(|| {
        Words::new(&[
            "sol",
            "solana",
            "phantom",
            "wallet*",
            "spl",
            "кошел*",
            "钱包*",
            "billetera",
            "portfel*",
        ])
    });
    let value = found.value();
    let kinds = [
        u8::is_ascii_digit,
        u8::is_ascii_lowercase,
        u8::is_ascii_uppercase,
    ];
    if !kinds.iter().all(|kind| value.as_bytes().iter().any(kind)) {
        return None;
    }
    let range = found.start..found.end;
    let called = near::label(found.text, &range, &SOLANA, &CODE, 40) == Label::For;
    whole(&found, called && base58(value, BITCOIN)?.len() == 32)
}
