//! URLs whose host only this side of the firewall can reach: server-side request forgery.

use std::net::{Ipv4Addr, Ipv6Addr};

/// URLs of one text that are looked at, at most.
const MOST_URLS: usize = 32;

/// Schemes that a fetcher of web pages has no business with (<https://owasp.org/www-community/attacks/Server_Side_Request_Forgery>).
const SCHEMES: &[&str] = &[
    "file",
    "gopher",
    "dict",
    "ldap",
    "ldaps",
    "tftp",
    "sftp",
    "scp",
    "jar",
    "netdoc",
    "phar",
    "expect",
    "php",
    "glob",
    "zlib",
    "compress.zlib",
    "compress.bzip2",
    "ogg",
    "rar",
    "zip",
    "ssh2.exec",
    "ssh2.shell",
    "ssh2.tunnel",
    "ssh2.sftp",
    "ssh2.scp",
    "smb",
    "rmi",
    "iiop",
    "corbaname",
    "nis",
    "vbscript",
    "telnet",
    "imap",
    "pop3",
    "smtp",
    "rtsp",
    "mms",
    "view-source",
    "unc",
    "local_file",
    "ssh",
    "svn",
    "redis",
    "mysql",
    "ftps",
];

/// Addresses that answer with a cloud's credentials, from the providers' pages: AWS, GCP, Azure and others at
/// 169.254.169.254, AWS ECS at 169.254.170.2, Alibaba at 100.100.100.200, Oracle at 192.0.0.192, Azure's 168.63.129.16.
const METADATA: &[[u8; 4]] = &[
    [169, 254, 169, 254],
    [169, 254, 170, 2],
    [100, 100, 100, 200],
    [192, 0, 0, 192],
    [168, 63, 129, 16],
];

/// Whether a field of this name says where the operator's own services are, or where a browser goes next; there
/// addresses of this machine or of the own network are usual.
pub(super) fn is_endpoint(name: &str) -> bool {
    let last = name
        .rsplit(['.', ' ', '/'])
        .next()
        .unwrap_or(name)
        .to_ascii_lowercase();
    [
        "base_url",
        "baseurl",
        "api_base",
        "endpoint",
        "upstream",
        "redirect_uri",
        "redirect_uris",
        "redirect_url",
        "callback",
        "callback_url",
        "return_to",
        "return_url",
        "returnurl",
        "post_logout_redirect_uri",
        "origin",
        "allowed_origins",
        "referer",
        "address",
        "addresses",
        "hosts",
    ]
    .contains(&last.as_str())
}

/// What is to be said about URLs in a text. With `whole` the text is one URL that will be fetched.
pub(super) fn facts(text: &str, whole: bool, facts: &mut Vec<&'static str>) {
    let mut rest = text;
    let mut before = "";
    for _ in 0..MOST_URLS {
        let Some(at) = rest.find("//").or_else(|| rest.find(":\\\\")) else {
            break;
        };
        let head = &rest[..at];
        let scheme = head
            .strip_suffix(':')
            .or_else(|| head.strip_suffix(":\\"))
            .map(|head| {
                let start = head
                    .rfind(|c: char| !(c.is_ascii_alphanumeric() || "+.-_".contains(c)))
                    .map_or(0, |n| {
                        n + head[n..].chars().next().map_or(1, char::len_utf8)
                    });
                &head[start..]
            });
        let authority = rest[at..].trim_start_matches(['/', '\\', ':']);
        // `//host` without a scheme counts at the beginning only.
        let relative = before.is_empty() && head.trim().is_empty();
        if scheme.is_some() || relative {
            url(scheme.unwrap_or("http"), authority, facts);
        }
        before = rest;
        rest = authority;
    }
    if whole && before.is_empty() {
        match text.split_once(':') {
            Some((scheme, _)) if SCHEMES.iter().any(|s| s.eq_ignore_ascii_case(scheme)) => {
                facts.push("ssrf_scheme")
            }
            _ => host(text.split(['/', '?', '#']).next().unwrap_or(text), facts),
        }
    }
}

fn url(scheme: &str, authority: &str, facts: &mut Vec<&'static str>) {
    let scheme = scheme.rsplit(['+']).next().unwrap_or(scheme);
    if SCHEMES.iter().any(|s| s.eq_ignore_ascii_case(scheme)) {
        facts.push("ssrf_scheme");
    }
    let end = authority.find(|c: char| "/?#\\\"'<>)},;|`".contains(c) || c.is_whitespace());
    let authority = &authority[..end.unwrap_or(authority.len())];
    let name = match authority.rsplit_once('@') {
        Some((user, name)) => {
            // `http://trusted.example@evil.example`
            if user.contains('.') || user.contains("//") {
                facts.push("url_userinfo_host");
            }
            name
        }
        None => authority,
    };
    host(name, facts);
}

fn host(name: &str, facts: &mut Vec<&'static str>) {
    if let Some(inside) = name.strip_prefix('[') {
        let inside = inside.split(']').next().unwrap_or_default();
        match inside
            .split('%')
            .next()
            .unwrap_or_default()
            .parse::<Ipv6Addr>()
        {
            Ok(address) => facts.extend(six(address)),
            Err(_) if inside.contains('%') || inside.is_empty() => facts.push("ssrf_odd_number"),
            Err(_) => {}
        }
        return;
    }
    let name = match name.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => name,
    };
    let name: String = name
        .chars()
        .map(plain)
        .collect::<String>()
        .to_ascii_lowercase();
    let name = name.trim_end_matches('.');
    if name.is_empty() || name.len() > 255 {
        return;
    }
    if let Some((address, odd)) = four(name) {
        if odd {
            facts.push("ssrf_odd_number");
        }
        facts.extend(range(address).or(Some("url_number")));
        return;
    }
    if let Ok(address) = name.parse::<Ipv6Addr>() {
        facts.extend(six(address));
        return;
    }
    let is_below =
        |zone: &str| name == zone || name.strip_suffix(zone).is_some_and(|n| n.ends_with('.'));
    if [
        "localhost",
        "localhost.localdomain",
        "ip6-localhost",
        "ip6-loopback",
        "loopback",
        "broadcasthost",
    ]
    .iter()
    .any(|zone| is_below(zone))
    {
        facts.push("ssrf_loopback");
    } else if [
        "metadata.google.internal",
        "metadata.goog",
        "metadata",
        "instance-data",
        "metadata.azure.com",
        "metadata.azure.internal",
        "instance-data.ec2.internal",
        "rancher-metadata",
        "metadata.packet.net",
    ]
    .contains(&name)
    {
        facts.push("ssrf_metadata");
    } else if [
        "internal",
        "svc",
        "svc.cluster.local",
        "cluster.local",
        "local",
        "localdomain",
        "intranet",
        "corp",
        "home.arpa",
        "lan",
    ]
    .iter()
    .any(|zone| is_below(zone))
    {
        facts.push("ssrf_private");
    } else if [
        "nip.io",
        "sslip.io",
        "xip.io",
        "localtest.me",
        "lvh.me",
        "vcap.me",
        "lacolhost.com",
        "rbndr.us",
        "1u.ms",
        "make-127.0.0.1.rr.nu",
        "spoofed.burpcollaborator.net",
    ]
    .iter()
    .any(|zone| is_below(zone))
    {
        facts.push("ssrf_rebinding");
    }
}

/// Digits in circles, full-width forms and the ideographic full stop, which IDNA maps to ASCII (UTS 46).
fn plain(c: char) -> char {
    match c {
        '\u{3002}' | '\u{ff0e}' | '\u{ff61}' => '.',
        '\u{24ea}' => '0',
        '\u{2460}'..='\u{2468}' => char::from(b'1' + (c as u32 - 0x2460) as u8),
        '\u{24b6}'..='\u{24cf}' => char::from(b'a' + (c as u32 - 0x24b6) as u8),
        '\u{24d0}'..='\u{24e9}' => char::from(b'a' + (c as u32 - 0x24d0) as u8),
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        _ => c,
    }
}

/// An address as `inet_aton` reads it: one to four numbers in base 10, 8 or 16; and whether it is written oddly.
fn four(name: &str) -> Option<(Ipv4Addr, bool)> {
    let mut odd = false;
    let mut numbers = Vec::with_capacity(4);
    for part in name.split('.') {
        let number = if let Some(digits) = part.strip_prefix("0x") {
            odd = true;
            u64::from_str_radix(digits, 16).ok()?
        } else if part.len() > 1
            && part.starts_with('0')
            && part.bytes().all(|b| b.is_ascii_digit())
        {
            odd = true;
            // Some read a nine here as decimal; either way it is no way to write an address.
            u64::from_str_radix(part, 8)
                .or_else(|_| part.parse())
                .ok()?
        } else {
            part.bytes()
                .all(|b| b.is_ascii_digit())
                .then(|| part.parse().ok())??
        };
        numbers.push(number);
        if numbers.len() > 4 {
            return None;
        }
    }
    let (last, front) = numbers.split_last()?;
    odd |= numbers.len() != 4 || front.iter().any(|n| *n > 255);
    let mut value: u64 = 0;
    for (n, number) in front.iter().enumerate() {
        value |= (number & 255) << (24 - 8 * n);
    }
    // Small numbers alone are numbers, not hosts.
    if numbers.len() == 1 && *last < 1 << 16 {
        return (*last == 0).then_some((Ipv4Addr::UNSPECIFIED, true));
    }
    value |= last & 0xffff_ffff;
    Some((Ipv4Addr::from(value as u32), odd))
}

/// What a range is for: IANA's registry of special-purpose addresses
/// (<https://www.iana.org/assignments/iana-ipv4-special-registry>).
fn range(address: Ipv4Addr) -> Option<&'static str> {
    let octets = address.octets();
    if METADATA.contains(&octets) {
        return Some("ssrf_metadata");
    }
    match octets {
        [127 | 0, ..] => Some("ssrf_loopback"),
        [169, 254, ..] => Some("ssrf_link_local"),
        [10, ..]
        | [172, 16..=31, ..]
        | [192, 168, ..]
        | [100, 64..=127, ..]
        | [198, 18..=19, ..]
        | [192, 0, 0, _]
        | [224..=255, ..] => Some("ssrf_private"),
        _ => None,
    }
}

fn six(address: Ipv6Addr) -> Option<&'static str> {
    let s = address.segments();
    let embedded = |a: u16, b: u16| Ipv4Addr::from(u32::from(a) << 16 | u32::from(b));
    if address.is_loopback() || address.is_unspecified() {
        return Some("ssrf_loopback");
    }
    if s == [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254] {
        return Some("ssrf_metadata");
    }
    match s {
        // Mapped, compatible and translated IPv4 (RFC 4291, 6052), 6to4 (RFC 3056).
        [0, 0, 0, 0, 0, 0 | 0xffff, a, b]
        | [0x64, 0xff9b, 0, 0, 0, 0, a, b]
        | [0, 0, 0, 0, 0xffff, 0, a, b] => range(embedded(a, b)).or(Some("ssrf_odd_number")),
        [0x2002, a, b, ..] => range(embedded(a, b)),
        [0xfe80..=0xfebf, ..] => Some("ssrf_link_local"),
        [0xfc00..=0xfdff, ..] => Some("ssrf_private"),
        _ => Some("url_number"),
    }
}
