"""Templates: `[a|b|]` chooses, `{bank}` takes a word of a bank, `\\n` breaks a line, `\\|` and `\\]` stand for themselves."""


def read_sections(path):
    """Sections `## source | family | ... | wanted` with the templates below each."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("## ") and line.count(" | ") >= 2 and "{" not in line:
            found.append([part.strip() for part in line[3:].split(" | ")] + [[]])
        elif line.strip() and not line.startswith("# "):
            found[-1][-1].append(line)
    return found


class Bank:
    """Words by name, and a source of chance."""

    def __init__(self, rng, path, slots):
        self.rng, self.slots, self.words, self.persona = rng, slots, {}, None
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("@"):
                name = line[1:].strip()
                self.words[name] = []
            elif line.strip() and not line.startswith("#"):
                self.words[name].append(line)

    def expand(self, template, local=None, depth=0):
        """Fills a template in."""
        if depth == 0:
            self.persona = None
        if depth > 8:
            return ""
        text, at = self._sequence(template, 0, local, depth, "")
        return text if "\n" in text else text.replace("  ", " ")

    def _sequence(self, template, at, local, depth, stop):
        out = []
        while at < len(template) and template[at] not in stop:
            char = template[at]
            if char == "\\" and at + 1 < len(template):
                out.append({"n": "\n"}.get(template[at + 1], template[at + 1]))
                at += 2
            elif char == "[":
                # Which alternative it will be is known only after all were read.
                options, at = [], at + 1
                while True:
                    text, at = self._raw(template, at)
                    options.append(text)
                    if at >= len(template) or template[at] == "]":
                        break
                    at += 1
                at += 1
                out.append(self.expand(self.rng.choice(options), local, depth + 1))
            elif char == "{" and template.find("}", at) > 0:
                end = template.find("}", at)
                out.append(self.slot(template[at + 1:end], local, depth))
                at = end + 1
            else:
                out.append(char)
                at += 1
        return "".join(out), at

    @staticmethod
    def _raw(template, at):
        """One alternative, unexpanded, up to its `|` or `]`."""
        start, level = at, 0
        while at < len(template):
            char = template[at]
            if char == "\\":
                at += 1
            elif char == "[":
                level += 1
            elif char == "]" and level:
                level -= 1
            elif char in "|]" and not level:
                break
            at += 1
        return template[start:at], at

    def slot(self, name, local=None, depth=0):
        """A word of a bank, or what a function makes."""
        if name == "name":
            # One persona keeps one name.
            self.persona = self.persona or self.expand(self.rng.choice(self.words[name]), local, depth + 1)
            return self.persona
        if local and name in local:
            return self.expand(self.rng.choice(local[name]), local, depth + 1)
        if name in self.words:
            return self.expand(self.rng.choice(self.words[name]), local, depth + 1)
        if name in self.slots:
            return self.slots[name](self)
        return "{" + name + "}"

    def vary(self, text):
        """How people type: capitals, full stops, greetings, a typing error now and then."""
        rng = self.rng
        dice = rng.random()
        if dice < 0.10:
            text = text.lower()
        elif dice < 0.13 and len(text) < 200:
            text = text.upper()
        elif dice < 0.60:
            text = text[:1].upper() + text[1:]
        if text and text[-1].isalnum() and rng.random() < 0.45:
            text += "."
        if rng.random() < 0.06:
            text = rng.choice(["Hi! ", "Hello, ", "hey ", "Good evening. ", "Quick one: ", "So, "]) + text
        if rng.random() < 0.05:
            text += rng.choice([" Thanks!", " thx", " Thank you in advance.", " :)", " Cheers"])
        if rng.random() < 0.05 and len(text) > 20:
            at = rng.randrange(3, len(text) - 3)
            text = text[:at] + text[at + 1] + text[at] + text[at + 2:]
        return text
