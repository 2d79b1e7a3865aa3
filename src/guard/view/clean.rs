//! A text as it reads: without what nobody sees, and with letters that imitate ASCII as those of ASCII.

use std::ops::Range;

use super::{
    Hidden, Via,
    letters::{self, Unseen},
    map::{Draft, Edit, With, rewrite},
    words,
};

/// What cleaning made of a text.
#[derive(Default)]
pub(super) struct Cleaned {
    /// The text as it reads; `None` if it reads as it came.
    pub(super) text: Option<Draft>,
    /// What unseen characters spelled.
    pub(super) unseen: Vec<(Via, Draft)>,
}

/// A zero-width alphabet of two characters needs eight for a letter; fewer than two letters are no message.
const FEWEST_BITS: usize = 16;

/// Cleans a text that is not all ASCII, and counts what was in it.
pub(super) fn clean(text: &str, hidden: &mut Hidden) -> Cleaned {
    let mut pass = Pass {
        text,
        hidden,
        edits: Vec::new(),
        unseen: Vec::new(),
        word: Word::default(),
        latin: 0,
        foreign: 0,
        doubtful: Vec::new(),
        doubtful_words: 0,
        styled_run: 0,
    };
    pass.run();
    let (mut edits, unseen) = pass.finish();
    if edits.is_empty() {
        return Cleaned { text: None, unseen };
    }
    edits.sort_by_key(|edit| edit.range.start);
    Cleaned {
        text: Some(rewrite(text, 0..text.len(), &edits)),
        unseen,
    }
}

struct Pass<'a, 'h> {
    text: &'a str,
    hidden: &'h mut Hidden,
    edits: Vec<Edit>,
    unseen: Vec<(Via, Draft)>,
    word: Word,
    /// Letters of Latin, and of other scripts in words without Latin letters.
    latin: usize,
    foreign: usize,
    /// Look-alikes that count only in a text that is mostly Latin.
    doubtful: Vec<Edit>,
    doubtful_words: u32,
    styled_run: u32,
}

/// The word that is being read.
#[derive(Default)]
struct Word {
    alike: Vec<(usize, char, char)>,
    upper: usize,
    lower: usize,
    /// Letters without a look-alike in ASCII.
    other: usize,
    /// How often Latin and look-alikes took turns.
    switches: usize,
    last_alike: Option<bool>,
    /// Runs of marks, and how many letters bear them.
    marks: Vec<Range<usize>>,
    overlaid: bool,
    piled: bool,
}

impl Word {
    fn turn(&mut self, alike: bool) {
        self.switches += usize::from(self.last_alike.is_some_and(|last| last != alike));
        self.last_alike = Some(alike);
    }

    fn latin(&mut self, c: char) {
        if c.is_ascii_uppercase() {
            self.upper += 1
        } else {
            self.lower += 1
        }
        self.turn(false);
    }

    fn clear(&mut self) {
        self.alike.clear();
        self.marks.clear();
        (self.upper, self.lower, self.other, self.switches) = (0, 0, 0, 0);
        (self.last_alike, self.overlaid, self.piled) = (None, false, false);
    }
}

impl Pass<'_, '_> {
    fn run(&mut self) {
        let text = self.text;
        let mut chars = text.char_indices().peekable();
        let mut before = '\0';
        while let Some((at, c)) = chars.next() {
            if c.is_ascii() {
                if c.is_ascii_alphabetic() {
                    self.word.latin(c);
                } else if !c.is_ascii_digit() {
                    self.end_word();
                }
                before = c;
                continue;
            }
            match c {
                // Most of what is honestly beyond ASCII.
                '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{24F}' => {
                    self.word.lower += 1;
                    self.word.turn(false);
                    before = c;
                    continue;
                }
                '\u{400}'..='\u{482}' | '\u{48A}'..='\u{52F}' => {
                    match letters::look_alike(c) {
                        Some(letter) => {
                            self.word.alike.push((at, c, letter));
                            self.word.turn(true);
                        }
                        None => self.word.other += 1,
                    }
                    before = c;
                    continue;
                }
                '\u{590}'..='\u{61B}'
                | '\u{61D}'..='\u{109F}'
                | '\u{3041}'..='\u{3098}'
                | '\u{309D}'..='\u{30FA}'
                | '\u{3400}'..='\u{9FFF}'
                | '\u{AC00}'..='\u{D7A3}' => {
                    self.word.other += 1;
                    before = c;
                    continue;
                }
                _ => {}
            }
            let next = at + c.len_utf8();
            match letters::unseen(c) {
                None => {}
                Some(Unseen::Space | Unseen::Line) => {
                    self.end_word();
                    let with = if letters::unseen(c) == Some(Unseen::Space) {
                        ' '
                    } else {
                        '\n'
                    };
                    self.edits.push(Edit {
                        range: at..next,
                        with: With::Char(with),
                    });
                    self.hidden.spaces +=
                        u32::from(c != '\u{A0}' && c != '\u{3000}' && c != '\u{202F}');
                    before = with;
                    continue;
                }
                Some(_) => {
                    let mut end = next;
                    while let Some((_, more)) = chars.next_if(|(_, c)| is_hidden(*c)) {
                        end += more.len_utf8();
                    }
                    let after = chars.peek().map_or('\0', |(_, c)| *c);
                    self.unseen_run(at..end, before, after);
                    continue;
                }
            }
            if letters::is_mark(c) {
                let mut end = next;
                let (mut many, mut overlay) = (1, letters::is_overlay(c));
                while let Some((_, more)) = chars.next_if(|(_, c)| letters::is_mark(*c)) {
                    end += more.len_utf8();
                    many += 1;
                    overlay |= letters::is_overlay(more);
                }
                if before.is_alphabetic() || many > 3 {
                    self.word.marks.push(at..end);
                    self.word.piled |= many >= 3;
                    self.word.overlaid |= overlay;
                }
                continue;
            }
            self.visible(at, c, before, chars.peek().map_or('\0', |(_, c)| *c));
            before = c;
        }
        self.end_word();
    }

    /// A character beyond ASCII that is seen.
    fn visible(&mut self, at: usize, c: char, before: char, after: char) {
        let range = at..at + c.len_utf8();
        let styled = match letters::regional(c) {
            Some(letter) => {
                let flag =
                    letters::regional(before).is_some() || letters::regional(after).is_some();
                (!flag).then_some(letter)
            }
            None => letters::fold(c),
        };
        let near = |c: char| c.is_ascii_alphanumeric() || letters::fold(c).is_some();
        if let Some(letter) =
            styled.filter(|_| !letters::is_emoji_letter(c) || near(before) || near(after))
        {
            self.edits.push(Edit {
                range,
                with: With::Char(letter),
            });
            self.word.latin(letter);
            self.styled_run += 1;
            return;
        }
        if let Some(mark) = letters::full_width_mark(c) {
            let wide = |c: char| matches!(c, '\u{FF10}'..='\u{FF19}' | '\u{FF21}'..='\u{FF3A}' | '\u{FF41}'..='\u{FF5A}');
            let sentence = matches!(mark, ',' | '!' | '?' | ':' | ';' | '(' | ')' | '"' | '~');
            let joined = |c: char| wide(c) || c.is_ascii_alphanumeric() || c == '|' || c == '<';
            if wide(before) || (!sentence && (joined(before) || joined(after))) {
                self.edits.push(Edit {
                    range,
                    with: With::Char(mark),
                });
            }
            self.end_word();
            return;
        }
        if let 'ﬀ'..='ﬆ' = c {
            let letters = ["ff", "fi", "fl", "ffi", "ffl", "st", "st"][c as usize - 'ﬀ' as usize];
            self.edits.push(Edit {
                range,
                with: With::Text(letters.into()),
            });
            letters.chars().for_each(|c| self.word.latin(c));
            return;
        }
        if letters::is_latin(c) {
            self.word.lower += 1;
            self.word.turn(false);
        } else if let Some(letter) = letters::look_alike(c) {
            self.word.alike.push((at, c, letter));
            self.word.turn(true);
        } else if c.is_alphabetic() {
            self.word.other += 1;
        } else {
            self.end_word();
        }
    }

    #[inline]
    fn end_word(&mut self) {
        let word = &mut self.word;
        if word.alike.is_empty() && word.marks.is_empty() && self.styled_run == 0 {
            let latin = word.upper + word.lower;
            self.latin += latin;
            self.foreign += if latin == 0 { word.other } else { 0 };
            (
                word.upper,
                word.lower,
                word.other,
                word.switches,
                word.last_alike,
            ) = (0, 0, 0, 0, None);
        } else {
            self.judge_word();
        }
    }

    /// Decides about a word with look-alikes, marks or styled letters.
    fn judge_word(&mut self) {
        let hidden = &mut *self.hidden;
        if self.styled_run >= 3 {
            hidden.styled += self.styled_run;
        }
        self.styled_run = 0;
        let word = &mut self.word;
        let latin = word.upper + word.lower;
        let all = latin + word.alike.len() + word.other;
        if word.piled || word.overlaid || (all >= 4 && word.marks.len() >= all) {
            hidden.zalgo += 1;
            self.edits.extend(word.marks.drain(..).map(|range| Edit {
                range,
                with: With::Nothing,
            }));
        }
        self.latin += latin;
        if latin == 0 {
            self.foreign += all;
        }
        if !word.alike.is_empty() && word.other == 0 && all >= 3 {
            let lowercase = word.alike.iter().all(|(_, c, _)| c.is_lowercase());
            let abbreviation = word.lower == 0 && lowercase;
            let edits = word.alike.iter().map(|(at, c, letter)| Edit {
                range: *at..at + c.len_utf8(),
                with: With::Char(*letter),
            });
            if latin > 0 && word.switches > 1 && !abbreviation {
                self.edits.extend(edits);
                hidden.confusable_words += 1;
            } else if latin > 0 && !abbreviation {
                self.doubtful.extend(edits);
                self.doubtful_words += 1;
            } else if latin == 0 {
                let reads: String = word.alike.iter().map(|(_, _, letter)| *letter).collect();
                if words::is_known(&reads) {
                    self.doubtful.extend(edits);
                    self.doubtful_words += 1;
                }
            }
        }
        word.clear();
    }

    /// A run of characters that nobody sees, between two that are seen.
    fn unseen_run(&mut self, range: Range<usize>, before: char, after: char) {
        let run = &self.text[range.clone()];
        let joiners = letters::needs_joiners(before) || letters::needs_joiners(after);
        let breaks = letters::needs_breaks(before) && letters::needs_breaks(after);
        let selectors = run
            .chars()
            .filter(|c| letters::unseen(*c) == Some(Unseen::Selector))
            .count();
        let region =
            before == '\u{1F3F4}' && run.ends_with('\u{E007F}') && run.chars().count() <= 7;
        let ideograph = matches!(before, '\u{2E80}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}');
        for (at, c) in run.char_indices() {
            let place = range.start + at..range.start + at + c.len_utf8();
            let hidden = &mut *self.hidden;
            let stays = match letters::unseen(c) {
                Some(Unseen::ZeroWidth) => match c {
                    '\u{200D}' => joiners || letters::is_picture(before),
                    '\u{200B}' | '\u{2060}' | '\u{FEFF}' | '\u{3164}' | '\u{FFA0}' => {
                        breaks && c != '\u{3164}'
                    }
                    _ => joiners,
                },
                Some(Unseen::Bidi) => joiners,
                Some(Unseen::Selector) => {
                    let keycap = after == '\u{20E3}';
                    selectors <= 2
                        && (letters::is_picture(before) || keycap || ideograph || joiners)
                }
                Some(Unseen::Tag) => region,
                _ => false,
            };
            if stays {
                continue;
            }
            match letters::unseen(c) {
                Some(Unseen::SoftHyphen) => hidden.soft_hyphens += 1,
                Some(Unseen::Bidi) => hidden.bidi += 1,
                Some(Unseen::Tag) => hidden.tags += 1,
                Some(Unseen::Selector) => hidden.selectors += 1,
                // A byte order mark is no trick where it belongs.
                _ => hidden.zero_width += u32::from(place.start != 0 || c != '\u{FEFF}'),
            }
            self.edits.push(Edit {
                range: place,
                with: With::Nothing,
            });
        }
        self.spelled(range, region, selectors);
    }

    /// What a run of unseen characters spells.
    fn spelled(&mut self, range: Range<usize>, region: bool, selectors: usize) {
        let run = &self.text[range.clone()];
        let place = |at: usize, c: char| range.start + at..range.start + at + c.len_utf8();
        let mut draft = Draft::default();
        if !region {
            for (at, c) in run.char_indices() {
                if let '\u{E0020}'..='\u{E007E}' = c {
                    draft.push((c as u32 as u8 & 0x7F) as char, place(at, c));
                }
            }
        }
        if draft.text.len() >= 2 {
            self.unseen.push((Via::Tags, std::mem::take(&mut draft)));
        }
        if selectors >= 4 {
            // Sixteen selectors and 240 more make a byte.
            let bytes = run.char_indices().filter_map(|(at, c)| match c as u32 {
                n @ 0xFE00..=0xFE0F => Some(((n - 0xFE00) as u8, place(at, c))),
                n @ 0xE0100..=0xE01EF => Some(((n - 0xE0100 + 16) as u8, place(at, c))),
                _ => None,
            });
            self.unseen
                .extend(words::from_bytes(bytes).map(|draft| (Via::Selectors, draft)));
        }
        let width = |c: &(usize, char)| letters::unseen(c.1) == Some(Unseen::ZeroWidth);
        let bits: Vec<(usize, char)> = run.char_indices().filter(width).collect();
        let Some(&(_, zero)) = bits.first().filter(|_| bits.len() >= FEWEST_BITS) else {
            return;
        };
        for inverted in [false, true] {
            let bytes = bits.chunks_exact(8).map(|eight| {
                let byte = eight.iter().fold(0, |byte, (_, c)| {
                    byte << 1 | u8::from((*c != zero) != inverted)
                });
                (
                    byte,
                    range.start + eight[0].0..range.start + eight[7].0 + eight[7].1.len_utf8(),
                )
            });
            self.unseen
                .extend(words::from_bytes(bytes).map(|draft| (Via::ZeroWidth, draft)));
        }
    }

    fn finish(mut self) -> (Vec<Edit>, Vec<(Via, Draft)>) {
        if self.latin > self.foreign {
            self.hidden.confusable_words += self.doubtful_words;
            self.edits.append(&mut self.doubtful);
        }
        (self.edits, self.unseen)
    }
}

fn is_hidden(c: char) -> bool {
    !c.is_ascii()
        && !matches!(
            letters::unseen(c),
            None | Some(Unseen::Space | Unseen::Line)
        )
}
