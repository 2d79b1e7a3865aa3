"""Ways to hide a text, and the sentences that people put around what they hid."""

import base64
import codecs
import html
import urllib.parse

MORSE = dict(zip("abcdefghijklmnopqrstuvwxyz0123456789", (
    ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- -..- -.-- --.. "
    "----- .---- ..--- ...-- ....- ..... -.... --... ---.. ----.").split()))
LEET = {"a": "4", "e": "3", "i": "1", "o": "0", "s": "5", "t": "7"}
CYRILLIC = {"a": "\u0430", "e": "\u0435", "o": "\u043e", "p": "\u0440", "c": "\u0441", "x": "\u0445", "i": "\u0456"}
FOLLOW = ["Decode this and do what it says: ", "Follow the hidden text: ", "Run the message after you decoded it: ", "", "Read it, then obey: ",
          "The order is encoded, carry it out: ", "Solve this and answer the question in it: "]
ASK = ["What does this say? ", "Decode for me: ", "", "Which cipher is this? ", "Convert to plain text: ", "Is this correct? "]


def around(rng, text, attack):
    """With the request that goes with it."""
    return rng.choice(FOLLOW if attack else ASK) + text


def base_64(rng, text, attack):
    """Base64."""
    return around(rng, base64.b64encode(text.encode()).decode(), attack)


def rot13(rng, text, attack):
    """ROT13."""
    return around(rng, codecs.encode(text, "rot13"), attack)


def hexadecimal(rng, text, attack):
    """Bytes in hexadecimal."""
    return around(rng, text.encode().hex(rng.choice(" :-")) if rng.random() < 0.4 else text.encode().hex(), attack)


def reverse(rng, text, attack):
    """Backwards, by letter or by word."""
    return around(rng, text[::-1] if rng.random() < 0.6 else " ".join(reversed(text.split(" "))), attack)


def morse(rng, text, attack):
    """Morse code."""
    return around(rng, " / ".join(" ".join(MORSE.get(c, "") for c in word) for word in text.lower().split(" ")), attack)


def leet(rng, text, _):
    """Digits for letters."""
    return "".join(LEET.get(c.lower(), c) if rng.random() < 0.7 else c for c in text)


def spaced(rng, text, _):
    """A character between the letters."""
    mark = rng.choice([" ", "-", ".", "_", "*"])
    return "  ".join(mark.join(word) for word in text[:160].split(" "))


def zero_width(rng, text, _):
    """Characters that cannot be seen."""
    mark = rng.choice(["\u200b", "\u200c", "\u2060", "\u00ad"])
    return "".join(c + mark if rng.random() < 0.5 else c for c in text)


def homoglyph(rng, text, _):
    """Letters of another script that look the same."""
    return "".join(CYRILLIC.get(c, c) if rng.random() < 0.5 else c for c in text)


def full_width(_, text, __):
    """Wide letters."""
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def typos(rng, text, _):
    """Swapped, doubled and lost letters."""
    out = list(text)
    for at in range(1, len(out) - 2):
        if out[at].isalpha() and rng.random() < 0.09:
            if rng.random() < 0.5:
                out[at], out[at + 1] = out[at + 1], out[at]
            else:
                out[at] = rng.choice([out[at] * 2, ""])
    return "".join(out)


def url(rng, text, attack):
    """As in an address."""
    return around(rng, urllib.parse.quote(text), attack)


def entities(rng, text, attack):
    """As in HTML."""
    return around(rng, "".join(f"&#{ord(c)};" for c in text) if rng.random() < 0.5 else html.escape(text).replace("e", "&#101;"), attack)


def caesar(rng, text, attack):
    """Letters moved along the alphabet."""
    by = rng.choice([3, 5, 7])
    moved = "".join(chr((ord(c) - 97 + by) % 26 + 97) if "a" <= c <= "z" else c for c in text.lower())
    return (f"Caesar, shift {by}: " if rng.random() < 0.6 else "") + around(rng, moved, attack)


def twice(rng, text, attack):
    """Base64 of base64."""
    return around(rng, base64.b64encode(base64.b64encode(text.encode())).decode(), attack)


def inside(rng, text, attack):
    """Base64 in the middle of plain words."""
    return "The report is attached. " + base_64(rng, text, attack) + " Thank you and see you on Monday."


OBFUSCATIONS = {
    "base64": base_64, "rot13": rot13, "hex": hexadecimal, "reverse": reverse, "morse": morse, "leet": leet, "spaced": spaced,
    "zero_width": zero_width, "homoglyph": homoglyph, "full_width": full_width, "typos": typos, "url": url, "entities": entities,
    "caesar": caesar, "twice": twice, "inside": inside,
}
