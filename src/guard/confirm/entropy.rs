//! Whether a string looks drawn at random, like words, or like the stand-in of a manual.

/// Pairs of letters that make up most of English and of the names in programs: the frequent bigrams of Norvig's count
/// over the Google Books corpus (norvig.com/mayzner.html), those of about 0.4 % and more, and a few of technical terms.
const BIGRAMS: &str = "th he in er an re on at en nd ti es or te of ed is it al ar st to nt ng se ha as ou io le ve co me \
    de hi ri ro ic ne ea ra ce li ch ll be ma si om ur ca el ta la ns di fo ho pe ec pr no ct us ac ot il tr ly nc et ut \
    ss so rs un lo wa ge ie wh ee wi em ad ol rt po we na ul ni ts mo ow pa im mi ai sh ir su id os iv ia am fi ci vi pl \
    ig tu ev ld ry mp fe bl ab gh ty op wo sa ay ex ke fr oo av ag if ap gr od bo sp rd do uc bu ei ov by rm ep tt oc fa \
    ef cu rn sc gi da yo cr cl du ga qu ue ff ba ey ls va um pp ua up lu go ht ru ug ds lt pi rc rr eg au ck ew mu br bi \
    pt ak pu ui rg ib tl ny ki rk ys ob mm fu ph og ms ye ud mb ip ub oi rl gu dr hr cc tw ft wn nu af hu nn eo vo rv nf \
    xp gn sm fl iz ok nl my gl aw ju oa eq sy sl ps jo lf nv je nk kn gs dy hy ze ks xt bs ik dd pd tok db api js";

/// One row of bits for each first letter.
const fn table() -> [u32; 26] {
    let source = BIGRAMS.as_bytes();
    let mut rows = [0; 26];
    let mut at = 0;
    while at + 1 < source.len() {
        let (a, b) = (source[at], source[at + 1]);
        if a.is_ascii_lowercase() && b.is_ascii_lowercase() {
            rows[(a - b'a') as usize] |= 1 << (b - b'a');
        }
        at += 1;
    }
    rows
}

static COMMON: [u32; 26] = table();

/// Parts that nobody's key has by chance, of stand-ins in manuals and templates. In lower case; `_`, `-` and spaces are
/// left out of what is compared.
const STAND_INS: &[&str] = &[
    "example",
    "placeholder",
    "yourapi",
    "yourkey",
    "yourtoken",
    "yoursecret",
    "yourpassword",
    "youraccess",
    "yourown",
    "yourclient",
    "youraccount",
    "yourpass",
    "yourauth",
    "yourbot",
    "youropenai",
    "yourproject",
    "yourpersonal",
    "changeme",
    "changethis",
    "changeit",
    "replaceme",
    "replacethis",
    "replacewith",
    "inserthere",
    "insertyour",
    "enteryour",
    "putyour",
    "pasteyour",
    "dummy",
    "redacted",
    "removed",
    "goeshere",
    "keyhere",
    "tokenhere",
    "secrethere",
    "passwordhere",
    "notareal",
    "notreal",
    "fakekey",
    "faketoken",
    "fakesecret",
    "fakepass",
    "samplekey",
    "sampletoken",
    "mysecretkey",
    "myapikey",
    "mytoken",
    "apikeyhere",
    "somesecret",
    "somepassword",
    "sometoken",
    "foobar",
    "secretkey",
    "testkey",
    "testtoken",
    "undefined",
    "invalidkey",
    "invalidtoken",
    "truncated",
    "deadbeef",
    "abcdefgh",
    "01234567",
    "lorem",
    "todo",
    "fixme",
    "xxxx",
    "****",
    "....",
    "0000000",
    "1111111",
    "ffffffff",
    "aaaaaaaa",
    "•••",
    "……",
    "yourvalue",
    "yourusername",
    "yourdb",
    "yourdomain",
    "supersecretvalue",
    "secretvalue",
    "passwordvalue",
];

/// Whether it says of itself that it stands for something else, or has a run that no generator writes.
pub fn is_stand_in(value: &str) -> bool {
    let mut folded = String::with_capacity(value.len());
    folded.extend(
        value
            .chars()
            .filter(|c| !matches!(c, '_' | '-' | ' '))
            .map(|c| c.to_ascii_lowercase()),
    );
    STAND_INS.iter().any(|s| folded.contains(s)) || has_run(&folded) || is_sequence(&folded)
}

/// Seven times the same character.
fn has_run(value: &str) -> bool {
    let mut run = 0;
    let mut last = '\0';
    value.chars().any(|c| {
        run = if c == last { run + 1 } else { 1 };
        last = c;
        run >= 7
    })
}

/// Whether a third of the neighbours count up or down: `abcdef`, `123456`, `987654`.
fn is_sequence(value: &str) -> bool {
    let bytes = value.as_bytes();
    let steps = bytes
        .windows(2)
        .filter(|w| w[0].abs_diff(w[1]) == 1 && w[0].is_ascii_alphanumeric())
        .count();
    bytes.len() >= 8 && steps * 3 > bytes.len()
}

/// Shannon entropy of the bytes, in bits for each.
pub fn shannon(value: &[u8]) -> f32 {
    let mut counts = [0_u16; 256];
    for byte in value.iter().take(4096) {
        counts[*byte as usize] += 1;
    }
    let all = value.len().min(4096) as f32;
    counts
        .iter()
        .filter(|n| **n > 0)
        .map(|n| f32::from(*n) / all)
        .map(|p| -p * p.log2())
        .sum()
}

/// Whether the spread of characters is one that a random string of this length reaches. A string of n characters has
/// log2(n) bits at most; random digits come to about 3.0, random hex to 3.6.
pub fn is_spread(value: &[u8]) -> bool {
    let n = value.len() as f32;
    n >= 4.0 && shannon(value) >= (0.6 * n.log2()).min(2.7)
}

/// Whether most pairs of neighbouring letters are ones that words have. Random letters come to a third, words to nine
/// of ten.
pub fn is_wordy(value: &str) -> bool {
    let (mut pairs, mut common) = (0_usize, 0_usize);
    for w in value.as_bytes().windows(2) {
        if w[0].is_ascii_alphabetic() && w[1].is_ascii_alphabetic() {
            pairs += 1;
            let (a, b) = (
                w[0].to_ascii_lowercase() - b'a',
                w[1].to_ascii_lowercase() - b'a',
            );
            common += usize::from(COMMON[a as usize] & (1 << b) != 0);
        }
    }
    let letters = value.bytes().filter(u8::is_ascii_alphabetic).count();
    letters * 10 >= value.len() * 7 && pairs >= 4 && common * 100 >= pairs * 72
}

/// How many characters of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds {
    /// `A` to `Z`.
    pub upper: usize,
    /// `a` to `z`.
    pub lower: usize,
    /// `0` to `9`.
    pub digit: usize,
    /// What is left, beyond ASCII too.
    pub other: usize,
}

impl Kinds {
    /// Counts them.
    pub fn of(value: &str) -> Self {
        let mut kinds = Self::default();
        for c in value.chars() {
            match c {
                'A'..='Z' => kinds.upper += 1,
                'a'..='z' => kinds.lower += 1,
                '0'..='9' => kinds.digit += 1,
                _ => kinds.other += 1,
            }
        }
        kinds
    }

    /// Letters of ASCII.
    pub const fn letters(&self) -> usize {
        self.upper + self.lower
    }
}

/// What follows the words that a name begins with: of `sk_live_4eC3…` the part behind `live_`.
pub fn body(value: &str) -> &str {
    let mut rest = value;
    while let Some(at) = rest.find(['_', '-', '.', ':']) {
        let word = &rest[..at];
        let plain = word.bytes().all(|b| b.is_ascii_lowercase())
            || word.bytes().all(|b| b.is_ascii_uppercase());
        if at > 12 || !plain {
            break;
        }
        rest = &rest[at + 1..];
    }
    rest
}

/// Whether something with a vendor's prefix is a key and neither a stand-in nor the name of something.
pub fn is_key(value: &str) -> bool {
    let body = body(value);
    body.len() >= 8 && is_spread(body.as_bytes()) && !is_stand_in(value) && !is_name(body)
}

/// Whether it reads like a name in a program or a slug: words, and perhaps a number, between separators.
pub fn is_name(value: &str) -> bool {
    let kinds = Kinds::of(value);
    if kinds.digit * 6 > value.len() || is_shuffled(value) {
        return false;
    }
    let mut words = value
        .split(['_', '-', '.', '/', ':'])
        .filter(|w| !w.is_empty());
    let plain = |w: &str| {
        let stem = w.trim_end_matches(|c: char| c.is_ascii_digit());
        w.len() - stem.len() <= 4
            && stem.bytes().all(|b| b.is_ascii_alphabetic())
            && (stem.len() <= 3 || is_wordy(stem))
    };
    let count = words.clone().count();
    if count >= 2 {
        words.all(plain)
    } else {
        is_wordy(value)
    }
}

/// Whether upper and lower case and digits change places as often as by chance: three of five times in base 62, where
/// names like `PBKDF2WithHmacSHA1` come to two of five.
pub fn is_shuffled(value: &str) -> bool {
    let kinds = Kinds::of(value);
    let class = |b: u8| {
        (
            b.is_ascii_uppercase(),
            b.is_ascii_digit(),
            b.is_ascii_alphabetic(),
        )
    };
    let changes = value
        .as_bytes()
        .windows(2)
        .filter(|w| class(w[0]) != class(w[1]))
        .count();
    kinds.upper > 0
        && kinds.lower > 0
        && kinds.digit > 0
        && value.len() >= 12
        && changes * 100 >= (value.len() - 1) * 47
}

/// Whether it is a UUID: 8-4-4-4-12 hexadecimal digits (RFC 9562).
pub fn is_uuid(value: &str) -> bool {
    value.len() == 36
        && value.bytes().enumerate().all(|(n, b)| match n {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

/// Whether it is an unguessable string by its own looks: at least `least` characters, two kinds, digits among them.
pub fn is_random(value: &str, least: usize) -> bool {
    let kinds = Kinds::of(value);
    value.len() >= least
        && kinds.digit >= 1
        && kinds.letters() >= 2
        && is_spread(value.as_bytes())
        && !is_stand_in(value)
        && !is_name(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_wordy_and_random_letters_are_not() {
        for words in [
            "transferDownloadSpeed",
            "configuration",
            "internal_testing_model",
            "authenticationProvider",
        ] {
            assert!(is_wordy(words), "{words}");
        }
        for random in [
            "kqzjxvwpfhgdtbnm",
            "smtagvubwxxyvlctpxlehhrxwgxhcybzni",
            "XkcdQwZpLmVbTr",
        ] {
            assert!(!is_wordy(random), "{random}");
        }
    }

    #[test]
    fn stand_ins_are_known() {
        for it in [
            "sk-xxxxxxxxxxxx",
            "YOUR_API_KEY",
            "AKIAIOSFODNN7EXAMPLE",
            "abcdefghijklmnop",
            "1234567890123456",
        ] {
            assert!(is_stand_in(it), "{it}");
        }
        assert!(!is_stand_in("q8Zr2LwT0vXk5YbN"));
    }

    #[test]
    fn the_body_follows_the_words() {
        assert_eq!(body("sk_live_4eC39"), "4eC39");
        assert_eq!(body("hf_transfer"), "transfer");
    }

    #[test]
    fn names_in_programs_are_names() {
        assert!(is_name("transfer_download_speed"));
        assert!(is_name("config-registry-v2"));
        assert!(!is_name("c25d41575310fe76bc6cceef"));
    }
}
