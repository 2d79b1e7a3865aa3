//! Letters that are, or look like, those of ASCII; and characters that nobody sees.
//!
//! Foldings follow the compatibility decompositions of the Unicode Character Database (UAX #15, NFKC) for letters and
//! digits. Look-alikes follow UTS #39, confusables, for the scripts from which they are taken in practice. Invisible
//! characters are those with the property Default_Ignorable_Code_Point (UAX #44) and blanks.

use std::sync::LazyLock;

/// The letter or digit of ASCII that a styled character is by compatibility: full-width, mathematical, circled,
/// squared, raised.
pub(super) fn fold(c: char) -> Option<char> {
    let n = c as u32;
    let letter = |first: u32, n: u32| char::from_u32(first as u8 as u32 + n);
    match n {
        0..=0x02AF => None,
        0x02B0..=0x209C | 0x2102..=0x2149 | 0x2C7C | 0x2C7D => looked_up(&FOLDED, c),
        0x249C..=0x24B5 => letter('a' as u32, n - 0x249C),
        0x24B6..=0x24CF => letter('A' as u32, n - 0x24B6),
        0x24D0..=0x24E9 => letter('a' as u32, n - 0x24D0),
        0xFF10..=0xFF19 | 0xFF21..=0xFF3A | 0xFF41..=0xFF5A => char::from_u32(n - 0xFEE0),
        0x1D400..=0x1D6A3 => match (n - 0x1D400) % 52 {
            upper @ 0..26 => letter('A' as u32, upper),
            lower => letter('a' as u32, lower - 26),
        },
        0x1D6A4 => Some('i'),
        0x1D6A5 => Some('j'),
        0x1D7CE..=0x1D7FF => letter('0' as u32, (n - 0x1D7CE) % 10),
        0x1F110..=0x1F129 => letter('A' as u32, n - 0x1F110),
        0x1F130..=0x1F149 => letter('A' as u32, n - 0x1F130),
        0x1F150..=0x1F169 => letter('A' as u32, n - 0x1F150),
        0x1F170..=0x1F189 => letter('A' as u32, n - 0x1F170),
        0x1FBF0..=0x1FBF9 => letter('0' as u32, n - 0x1FBF0),
        _ => None,
    }
}

/// Whether the character is one of the four squared letters that are emoji, too.
pub(super) const fn is_emoji_letter(c: char) -> bool {
    matches!(c, '\u{1F170}' | '\u{1F171}' | '\u{1F17E}' | '\u{1F17F}')
}

/// The letter of a regional indicator, two of which make a flag.
pub(super) fn regional(c: char) -> Option<char> {
    ('\u{1F1E6}'..='\u{1F1FF}')
        .contains(&c)
        .then(|| (b'A' + (c as u32 - 0x1F1E6) as u8) as char)
}

/// The mark of ASCII that a full-width one is.
pub(super) fn full_width_mark(c: char) -> Option<char> {
    let n = c as u32;
    matches!(n, 0xFF01..=0xFF0F | 0xFF1A..=0xFF20 | 0xFF3B..=0xFF40 | 0xFF5B..=0xFF5E)
        .then(|| char::from_u32(n - 0xFEE0))
        .flatten()
}

/// Letterlike symbols and raised and lowered letters: each letter of ASCII, and what folds to it.
const FOLDS: &str = "
A ᴬ   B ᴮℬ   C ℂℭ   D ᴰⅅ   E ᴱℰ   F ℱ   G ᴳ   H ᴴℋℌℍ   I ᴵℐℑ   J ᴶ   K ᴷ\u{212A}   L ᴸℒ   M ᴹℳ
N ᴺℕ   O ᴼ   P ᴾℙ   Q ℚ   R ᴿℛℜℝ   T ᵀ   U ᵁ   W ᵂ   Z ℤℨ   a ᵃₐ   b ᵇ   c ᶜ   d ᵈⅆ   e ᵉₑℯⅇ
f ᶠ   g ᵍℊ   h ʰₕℎ   i ⁱᵢℹⅈ   j ʲⅉ   k ᵏₖ   l ˡₗℓ   m ᵐₘ   n ⁿₙ   o ᵒₒℴ   p ᵖₚ   r ʳᵣ   s ˢₛ
t ᵗₜ   u ᵘᵤ   v ᵛᵥ   w ʷ   x ˣₓ   y ʸ   z ᶻ
";

/// Each letter of ASCII, and what looks like it: of Cyrillic, Greek, Armenian, Cherokee and Lisu, of phonetic writing and
/// small capitals, and of Roman numerals.
const LOOK_ALIKES: &str = "
A АΑᎪꓮ   B ВΒᏴꓐ   C СϹᏟⅭꓚ   D ԀᎠⅮꓓ   E ЕЁΕᎬꓰ   F Ғꓝ   G ԌՑᏀᏳꓖ   H НΗᎻꓧ   I ІӀЇΙⅠꓲ   J ЈͿᎫꓙ
K КΚᏦꓗ   L ԼᏞⅬꓡ   M МΜᎷⅯꓟ   N Νꓠ   O ОΟՕꓳ   P РΡᏢꓑ   Q Ԛ   R ᎡᏒꓣ   S ЅՏᏕᏚꓢ   T ТΤᎢꓔ   U Սꓴ
V ѴᏙⅤꓦ   W ԜᎳᏔꓪ   X ХΧⅩꓫ   Y УҮΥᎽꓬ   Z ΖᏃꓜ   a аαάᴀɑ   b вβᏏʙ   c сϲᴄⅽ   d ԁᏧᴅⅾ   e еҽёεέᴇ   f ꜰ
g ԍցɢɡ   h һհᏂʜɦ   i іїιίᎥɪɩɨⅰ   j јϳյᴊ   k кκᴋ   l ӏլʟⅼ   m мᴍɱⅿ   n пηոɴ   o оοόσօᴏ   p рρքᴘ
q ԛզꞯ   r гʀɾ   s ѕςꜱʂ   t тτᴛʈ   u υύսᴜʋ   v ѵνᴠⅴ   w ԝωաѡᴡɯ   x хҳχⅹ   y уүγʏ   z ᴢʐ
";

/// Letters of ASCII by the code point, below 2^16, that stands for each.
fn table(list: &str) -> Vec<u8> {
    let mut table = vec![0; 0x1_0000];
    let mut letter = 0;
    for word in list.split_whitespace() {
        if let [ascii] = word.as_bytes() {
            letter = *ascii;
        } else {
            word.chars().for_each(|c| table[c as usize] = letter);
        }
    }
    table
}

fn looked_up(table: &[u8], c: char) -> Option<char> {
    table
        .get(c as usize)
        .filter(|letter| **letter != 0)
        .map(|letter| *letter as char)
}

static FOLDED: LazyLock<Vec<u8>> = LazyLock::new(|| table(FOLDS));
static ALIKE: LazyLock<Vec<u8>> = LazyLock::new(|| table(LOOK_ALIKES));

/// The letter of ASCII that a letter of another script, or of phonetic writing, looks like.
pub(super) fn look_alike(c: char) -> Option<char> {
    looked_up(&ALIKE, c)
}

/// What a character that nobody sees is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unseen {
    /// A blank that is not the space of ASCII.
    Space,
    /// Ends a line.
    Line,
    /// A hint where a word may be divided.
    SoftHyphen,
    /// No width: joiners, non-joiners, fillers, invisible operators.
    ZeroWidth,
    /// Turns the direction of writing.
    Bidi,
    /// A copy of ASCII in the plane of tags.
    Tag,
    /// Chooses a glyph.
    Selector,
}

/// Whether, and how, a character is unseen.
pub(super) const fn unseen(c: char) -> Option<Unseen> {
    Some(match c {
        '\u{A0}'
        | '\u{1680}'
        | '\u{2000}'..='\u{200A}'
        | '\u{202F}'
        | '\u{205F}'
        | '\u{2800}'
        | '\u{3000}' => Unseen::Space,
        '\u{85}' | '\u{2028}' | '\u{2029}' => Unseen::Line,
        '\u{AD}' => Unseen::SoftHyphen,
        '\u{200E}' | '\u{200F}' | '\u{61C}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{206F}' => {
            Unseen::Bidi
        }
        '\u{34F}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}' => {
            Unseen::ZeroWidth
        }
        '\u{200B}'..='\u{200D}' | '\u{2060}'..='\u{2065}' | '\u{3164}' | '\u{FEFF}' => {
            Unseen::ZeroWidth
        }
        '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{1BCA0}'..='\u{1BCA3}' => Unseen::ZeroWidth,
        '\u{1D173}'..='\u{1D17A}' => Unseen::ZeroWidth,
        '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}' => Unseen::Selector,
        '\u{E0000}'..='\u{E00FF}' | '\u{E01F0}'..='\u{E0FFF}' => Unseen::Tag,
        _ => return None,
    })
}

/// Marks that are written over or under the letter before them.
pub(super) const fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36F}' | '\u{483}'..='\u{489}' | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}'
        | '\u{20D0}'..='\u{20FF}' | '\u{FE20}'..='\u{FE2F}')
}

/// Marks that strike a letter through or enclose it: no language writes them on Latin letters.
pub(super) const fn is_overlay(c: char) -> bool {
    matches!(c, '\u{332}'..='\u{338}' | '\u{33F}' | '\u{347}' | '\u{35F}'..='\u{362}' | '\u{489}'
        | '\u{20D2}'..='\u{20D8}' | '\u{20DD}'..='\u{20F0}')
}

/// Scripts whose spelling needs joiners, non-joiners and marks of direction: Hebrew, Arabic, the Indic ones, Thai to
/// Khmer, Mongolian.
pub(super) const fn needs_joiners(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{8FF}' | '\u{900}'..='\u{109F}' | '\u{1780}'..='\u{18AF}' | '\u{1900}'..='\u{1AAF}'
        | '\u{A840}'..='\u{A87F}' | '\u{A8E0}'..='\u{AAFF}' | '\u{FB1D}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFC}'
        | '\u{10D00}'..='\u{10D3F}' | '\u{11000}'..='\u{11FFF}' | '\u{1E900}'..='\u{1E95F}')
}

/// Those of them that are written without spaces, where one of no width tells words apart.
pub(super) const fn needs_breaks(c: char) -> bool {
    matches!(c, '\u{E00}'..='\u{109F}' | '\u{1780}'..='\u{17FF}' | '\u{1950}'..='\u{1AAF}')
}

/// Pictures that joiners and selectors combine and colour.
pub(super) const fn is_picture(c: char) -> bool {
    matches!(c, '\u{A9}' | '\u{AE}' | '\u{203C}' | '\u{2049}' | '\u{2100}'..='\u{214F}' | '\u{2190}'..='\u{2BFF}'
        | '\u{3030}' | '\u{303D}' | '\u{3297}' | '\u{3299}' | '\u{1F000}'..='\u{1FAFF}')
}

/// Letters of Latin beyond ASCII.
pub(super) const fn is_latin(c: char) -> bool {
    matches!(c, '\u{AA}' | '\u{BA}' | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{24F}'
        | '\u{1E00}'..='\u{1EFF}')
}
