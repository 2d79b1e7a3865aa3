//! Whether a text reads as one: common words of several languages, and the vocabulary of instructions.

use std::{ops::Range, sync::LazyLock};

use super::map::Draft;

/// Words that half of any text is made of, and those that instructions to a model use.
const KNOWN: &str = "
a i an as at am be by do go he if in is it me my no of on or so to up us we all and any are but can did for get had has
her him his how its let may new not now off old one our out own put say see set she the too two use was way who why yes
you your about above after again also always and answer anything are around ask back because been before being below
best between both bring call came change check come could day does done down each end every everything exact exactly
file find first follow following forget from full fully get give given good great have help here high into just keep
know last less like line list little long look made make many mean more most must name need never next nothing number
only open other over part people place please point print quickly read really right said same send should show
some something start starting state still stop such take tell than thank that their them then there these they thing
think this those through time today turn under until used user users using very want well were what when where which
while whole will with within without word words work world would write written year yes
access according account act action activate active admin administrator allow allowed anyone api assistant authority
bank bash bomb bot break bypass card chat code command commands comply complete confidential config configuration
content context conversation create credentials credit customer customers data database decode delete describe details
developer developers directive disable disabled disregard document dump email emails enable encode ethics evil execute
explicit export external fetch filter filters forward free grant guidelines hack hidden ignore illegal important include
including information initial input instead instruction instructions internal jailbreak key keys limits link login
malware message messages mode model money no obey output override page pages password passwords persona phone poison
policies policy prefix previous prior private proceed produce program prompt prompts protocol protocols real records
repeat reply request requests respond response restrictions reveal role rule rules run safe safety script search secret
secrets security server session shell sudo system tell text token tokens tool tools transfer translate unrestricted
update upload url verbatim virus weapon website site sites set sets
le la les des une est que qui dans pour pas sur avec vous votre vos tes ton mot toutes tous tout ignorez ignore oublie
oubliez consignes instructions precedentes affiche montre revele donnees clients systeme invite
der die das und ist nicht ein eine von mit auf den dem zu sich wir ihr ich du dein deine deinen alle alles mir vor
vergiss ignoriere ignorier vorherigen anweisungen anweisung neue regeln gib zeige wort wortlich ab jetzt sofort daten
el los las una del por para con como todo todas todos tus sus tu su mas pero ignora olvida instrucciones anteriores
muestra revela sistema palabra datos contrasena
il lo gli di che non per una sono tutte tutti tuo tuoi istruzioni precedenti mostra rivela parola dimentica
o os um uma do da dos das em nao seu sua todas instrucoes mostre esqueca
de het een en niet van ik je zijn alle vorige instructies negeer vergeet toon
i w na z nie to jest sie poprzednie instrukcje zignoruj pokaz wszystkie
";

/// Words behind which nobody types by chance: one of them, decoded, is enough.
const TELLING: &str = "
ignore ignorez ignoriere ignora disregard forget override bypass jailbreak instruction instructions anweisungen
instrucciones istruzioni previous prompt system systeme sistema reveal password passwords secret secrets admin
administrator confidential credentials execute malware unrestricted restrictions guidelines verbatim developer
assistant
";

/// An open-addressed table of words of ASCII, in lower case.
struct Table {
    slots: Vec<Option<&'static str>>,
}

impl Table {
    fn new(words: &'static str) -> Self {
        let mut table = Self {
            slots: vec![None; 4096],
        };
        for word in words.split_ascii_whitespace() {
            let slot = table.slot(word.as_bytes());
            table.slots[slot] = Some(word);
        }
        table
    }

    /// Where the word is, or would be. The table is never full.
    fn slot(&self, word: &[u8]) -> usize {
        let hash = word.iter().fold(0x811c_9dc5_u32, |h, b| {
            (h ^ u32::from(b | 0x20)).wrapping_mul(0x0100_0193)
        });
        let mut at = (hash ^ hash >> 15) as usize & 4095;
        while self.slots[at].is_some_and(|here| !here.as_bytes().eq_ignore_ascii_case(word)) {
            at = (at + 1) & 4095;
        }
        at
    }

    fn has(&self, word: &str) -> bool {
        word.len() <= 16 && self.slots[self.slot(word.as_bytes())].is_some()
    }
}

static KNOWN_WORDS: LazyLock<Table> = LazyLock::new(|| Table::new(KNOWN));
static TELLING_WORDS: LazyLock<Table> = LazyLock::new(|| Table::new(TELLING));

/// Whether the word, in any case, is a common one.
pub(super) fn is_known(word: &str) -> bool {
    KNOWN_WORDS.has(word)
}

/// Whether the word is one of those that instructions against a model are made of.
pub(super) fn is_telling(word: &str) -> bool {
    TELLING_WORDS.has(word)
}

/// The words of a text: stretches of letters.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphabetic())
        .filter(|word| !word.is_empty())
}

/// Whether what was decoded reads as text.
///
/// At least six letters; three quarters of it letters and blanks; no control characters; of the words of ASCII at
/// least a fifth common, one of them of three letters or more. Text of other scripts has no words that we know: there
/// seven eighths letters and blanks are asked for.
pub(super) fn reads(text: &str) -> bool {
    let (mut letters, mut ascii, mut blanks, mut all) = (0_usize, 0_usize, 0_usize, 0_usize);
    for c in text.chars() {
        if (c.is_control() && !matches!(c, '\n' | '\r' | '\t')) || c == '\u{FFFD}' {
            return false;
        }
        all += 1;
        letters += usize::from(c.is_alphabetic());
        ascii += usize::from(c.is_ascii_alphabetic());
        blanks += usize::from(c.is_whitespace());
    }
    if letters < 6 || (letters + blanks) * 4 < all * 3 {
        return false;
    }
    if ascii * 2 < letters {
        return (letters + blanks) * 8 >= all * 7;
    }
    let (mut known, mut long, mut many) = (0, false, 0);
    for word in words(text).take(4096) {
        many += 1;
        if is_known(word) {
            known += 1;
            long |= word.len() >= 3;
        }
    }
    long && known * 5 >= many
}

/// Whether what was decoded is built like prose, in whatever language: at least four words, of which nearly all have a
/// vowel and a usual length, and next to nothing but letters and blanks. For encodings in which no text looks like that
/// by chance.
pub(super) fn is_prose(text: &str) -> bool {
    let letters = text
        .chars()
        .filter(|c| c.is_alphabetic() || *c == ' ')
        .count();
    if letters * 10 < text.chars().count() * 9
        || text.chars().any(|c| c.is_control() && !c.is_whitespace())
    {
        return false;
    }
    let (mut many, mut usual) = (0, 0);
    for word in words(text).take(4096) {
        many += 1;
        let vowel = |c: char| {
            !c.is_ascii() || matches!(c.to_ascii_lowercase(), 'a' | 'e' | 'i' | 'o' | 'u' | 'y')
        };
        usual += usize::from(word.len() <= 20 && (word.len() <= 2 || word.chars().any(vowel)));
    }
    many >= 4 && usual * 8 >= many * 7
}

/// Text from bytes, each with the stretch that it comes from; `None` if it is not UTF-8 that reads as text.
pub(super) fn from_bytes(bytes: impl Iterator<Item = (u8, Range<usize>)>) -> Option<Draft> {
    let (bytes, places): (Vec<u8>, Vec<Range<usize>>) = bytes.unzip();
    let text = std::str::from_utf8(&bytes).ok()?;
    // Base64 within base64.
    let nested = text.len() >= 20
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='));
    if !reads(text) && !is_prose(text) && !nested {
        return None;
    }
    let mut draft = Draft::default();
    for (at, c) in text.char_indices() {
        let last = &places[at + c.len_utf8() - 1];
        draft.push(
            c,
            places[at].start.min(last.start)..places[at].end.max(last.end),
        );
    }
    Some(draft)
}
