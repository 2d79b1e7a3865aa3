//! Addresses in networks: IP of both versions, and of devices.

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    ops::Range,
    sync::LazyLock,
};

use super::{
    Confirm, Match,
    near::{self, Label, Lexicon, Words},
};

/// The checks of this file.
pub const CHECKS: &[(&str, Confirm)] = &[
    ("ipv4", ipv4),
    ("ipv6", ipv6),
    ("mac", mac),
    ("mac_dotted", mac_dotted),
];

/// Words that call four numbers an address.
static ADDRESS: Lexicon = LazyLock::new(|| {
    Words::new(&[
        "ip",
        "ips",
        "ipv4",
        "ip address*",
        "ipaddr*",
        "address*",
        "addr",
        "host*",
        "server*",
        "client*",
        "src",
        "dst",
        "from",
        "source",
        "dest",
        "destination",
        "gateway",
        "dns",
        "nameserver",
        "ping*",
        "remote*",
        "peer",
        "proxy",
        "subnet",
        "visitor*",
        "login*",
        "logged in",
        "connect*",
        "listen*",
        "bind",
        "inet",
        "route",
        "x-forwarded-for",
        "ssh",
        "http",
        "https",
        "adresse*",
        "adres*",
        "dirección",
        "direccion",
        "indirizzo",
        "endereço",
        "адрес*",
    ])
});

/// Words that call four numbers something else.
static VERSION: Lexicon = LazyLock::new(|| {
    Words::new(&[
        "version*",
        "ver",
        "v",
        "release*",
        "released",
        "build*",
        "firmware",
        "driver*",
        "update*",
        "upgrade*",
        "upgrading",
        "downgrade*",
        "patch*",
        "revision",
        "rev",
        "changelog",
        "section*",
        "clause*",
        "chapter*",
        "paragraph*",
        "article",
        "appendix",
        "figure",
        "table",
        "oid",
        "oids",
        "snmp",
        "package*",
        "plugin*",
        "runtime",
        "sdk",
        "requires",
        "abschnitt*",
        "kapitel*",
        "versión",
        "versão",
        "versione",
        "versie",
        "wersj*",
        "chapitre",
        "artikel",
        "bios",
        "assemblyversion",
        "fileversion",
        "versie*",
        "верс*",
        "版本",
        "バージョン",
        "버전",
        "chrome",
        "edge",
    ])
});

/// An IPv4 address that is neither a version, nor a number of a section, nor one that every machine has.
fn ipv4(found: Match) -> Option<Range<usize>> {
    let address: Ipv4Addr = found.value().parse().ok()?;
    let octets = address.octets();
    if octets[0] == 0 || address.is_loopback() || octets[0] == 255 {
        return None;
    }
    let (before, after) = (found.before(), found.after());
    let left = before.as_bytes();
    let beside = match left {
        [.., last]
            if last.is_ascii_alphanumeric() || matches!(last, b'.' | b'_' | b'^' | b'~' | b'+') =>
        {
            true
        }
        // 1-2.3.4.5, name-1.2.3.4 and name_1.2.3.4, but -1.2.3.4 and --1.2.3.4.
        [.., digit, b'-'] => digit.is_ascii_alphanumeric(),
        [.., b'=' | b'>' | b'<' | b'~' | b'!', b'='] => true,
        // Chrome/120.0.0.0, but //1.2.3.4 and host/192.168.0.1.
        [.., letter, b'/'] => {
            letter.is_ascii_alphanumeric() && (octets[2..] == [0, 0] || octets[0] < 10)
        }
        _ => false,
    };
    if beside || goes_on(after) {
        return None;
    }
    let range = found.start..found.end;
    let follows = near::after(found.text, found.end, 20);
    let label = near::label(found.text, &range, &ADDRESS, &VERSION, 32);
    let version = label == Label::Against
        || label == Label::Silent && VERSION.any(follows) && !after.starts_with([',', ';', '\n']);
    (!version).then_some(range)
}

/// Whether what follows four numbers makes them part of something longer, or of a version.
fn goes_on(after: &str) -> bool {
    let bytes = after.as_bytes();
    match bytes {
        [b'.', next, ..] => next.is_ascii_alphanumeric() && !after.starts_with(".in-addr"),
        // 1.2.3.4-beta, 1.2.3.4-5, but the range 1.2.3.4-1.2.3.9.
        [b'-', next, ..] => {
            next.is_ascii_alphanumeric()
                && !after[1..]
                    .split(|c: char| !c.is_ascii_digit() && c != '.')
                    .next()
                    .is_some_and(|part| {
                        part.matches('.').count() == 3
                            || part.len() < 4 && !part.is_empty() && part.parse::<u8>().is_ok()
                    })
        }
        [first, ..] => first.is_ascii_alphanumeric() || *first == b'_' || *first == b'+',
        [] => false,
    }
}

/// An IPv6 address, and no time, path of C++ or Rust, or address of a device.
fn ipv6(found: Match) -> Option<Range<usize>> {
    let bytes = found.text.as_bytes();
    let (mut start, mut end) = (found.start, found.end);
    // The pattern begins and ends at borders of words or with colons.
    if start > 0
        && (bytes[start - 1].is_ascii_alphanumeric()
            || matches!(bytes[start - 1], b'_' | b':' | b'.'))
    {
        return None;
    }
    let value = found.value();
    let (address, zone) = value
        .split_once('%')
        .map_or((value, None), |(a, z)| (a, Some(z)));
    let mut address = address;
    // A colon or a point of the sentence.
    if zone.is_none() && address.ends_with(':') && !address.ends_with("::") {
        address = &address[..address.len() - 1];
        end = start + address.len();
    }
    if bytes
        .get(end)
        .is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'<'))
        || bytes.get(end) == Some(&b':')
            && bytes
                .get(end + 1)
                .is_some_and(|b| b.is_ascii_alphanumeric() || *b == b':')
    {
        return None;
    }
    let parsed: Ipv6Addr = address.parse().ok()?;
    if parsed.is_loopback() || parsed.is_unspecified() {
        return None;
    }
    let groups: Vec<&str> = address.split(':').filter(|g| !g.is_empty()).collect();
    let short = address.contains("::");
    // Eight pairs are the address of a device (EUI-64).
    if !short && groups.iter().all(|g| g.len() == 2) {
        return None;
    }
    let digits = groups.iter().any(|g| g.bytes().any(|b| b.is_ascii_digit()));
    let first = groups.first()?;
    // In use are 2000::/3, fc00::/7, fe80::/10, ff00::/8, and ::ffff:0:0/96 (IANA, IPv6 address space); a path such as
    // std::cafe or a1::b2 is none of them.
    let assigned = address.starts_with("::") && (groups.len() >= 2 || first.contains('.'))
        || first.len() == 4 && matches!(first.as_bytes()[0], b'2' | b'3')
        || first.len() == 4 && first.as_bytes()[0].eq_ignore_ascii_case(&b'f') && digits
        || first.eq_ignore_ascii_case("64") && address.to_ascii_lowercase().starts_with("64:ff9b:");
    if (short && (!assigned || !digits)) || groups.len() < 2 {
        return None;
    }
    if zone.is_some() {
        end = found.end;
    }
    // [2001:db8::1] without its brackets.
    start = start.max(found.start);
    Some(start..end)
}

/// Words that call twelve digits the address of a device.
static DEVICE: Lexicon = LazyLock::new(|| {
    Words::new(&[
        "mac",
        "macaddr*",
        "mac address*",
        "mac-address*",
        "hwaddr",
        "ether",
        "hardware address*",
        "physical address*",
        "bssid",
        "lladdr",
        "arp",
        "ethernet",
        "bluetooth",
        "mac-adresse*",
        "adresse mac",
        "dirección mac",
        "indirizzo mac",
        "endereço mac",
        "mac-adres",
        "adres mac",
        "wlan*",
        "wifi",
        "nic",
        "dhcp",
        "lease",
        "device",
        "station",
    ])
});

static NO: Lexicon = LazyLock::new(|| {
    Words::new(&[
        "fingerprint*",
        "sha*",
        "md5",
        "hash*",
        "uuid",
        "guid",
        "serial*",
        "commit",
    ])
});

/// The address of a device in pairs: EUI-48, or EUI-64 (IEEE 802).
fn mac(found: Match) -> Option<Range<usize>> {
    let bytes = found.text.as_bytes();
    let value = found.value();
    let mark = value.as_bytes()[2];
    // One separator; and not a part of a fingerprint.
    if value.bytes().skip(2).step_by(3).any(|b| b != mark) {
        return None;
    }
    let beside = |b: Option<&u8>, next: Option<&u8>| {
        b.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_')
            || b == Some(&mark) && next.is_some_and(u8::is_ascii_alphanumeric)
    };
    let before = found.start.checked_sub(1).map(|n| &bytes[n]);
    let further = found.start.checked_sub(2).map(|n| &bytes[n]);
    if beside(before, further) || beside(bytes.get(found.end), bytes.get(found.end + 1)) {
        return None;
    }
    let pairs: Vec<&str> = value.split(mark as char).collect();
    // Nobody's: all the same, such as broadcast.
    if pairs
        .windows(2)
        .all(|two| two[0].eq_ignore_ascii_case(two[1]))
        && matches!(pairs[0], "00" | "ff" | "FF")
    {
        return None;
    }
    let range = found.start..found.end;
    let decimal = !value.bytes().any(|b| b.is_ascii_alphabetic());
    // Pairs of decimal digits with dashes are as well a date and a time, or a number of some sort.
    let counts = match near::label(found.text, &range, &DEVICE, &NO, 40) {
        Label::For => true,
        Label::Silent => !decimal || mark != b'-' && pairs.len() == 6,
        Label::Against => false,
    };
    counts.then_some(range)
}

/// The address of a device as Cisco writes it.
fn mac_dotted(found: Match) -> Option<Range<usize>> {
    let bytes = found.text.as_bytes();
    let joined = |b: Option<&u8>, next: Option<&u8>| {
        b.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_')
            || b == Some(&b'.') && next.is_some_and(u8::is_ascii_alphanumeric)
    };
    let before = found.start.checked_sub(1).map(|n| &bytes[n]);
    let further = found.start.checked_sub(2).map(|n| &bytes[n]);
    if joined(before, further) || joined(bytes.get(found.end), bytes.get(found.end + 1)) {
        return None;
    }
    let range = found.start..found.end;
    let mixed = found.value().bytes().any(|b| b.is_ascii_alphabetic())
        && found.value().bytes().any(|b| b.is_ascii_digit());
    let counts = match near::label(found.text, &range, &DEVICE, &NO, 40) {
        Label::For => true,
        Label::Silent => mixed,
        Label::Against => false,
    };
    counts.then_some(range)
}
