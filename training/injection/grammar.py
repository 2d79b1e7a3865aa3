"""A small grammar: `[a|b|c]` chooses, `<name>` inserts a choice of a named list, `[a|]` may be nothing."""

import random
import re

CHOICE = re.compile(r"\[([^\[\]]*)\]")
NAME = re.compile(r"<([a-z_]+)>")


class Grammar:
    def __init__(self, names, seed):
        self.names = {k: [x.strip() for x in v.strip().split("\n") if x.strip()] for k, v in names.items()}
        self.random = random.Random(seed)

    def expand(self, text):
        for _ in range(200):
            name = NAME.search(text)
            if name and name.group(1) in self.names:
                text = text[: name.start()] + self.random.choice(self.names[name.group(1)]) + text[name.end() :]
                continue
            choice = CHOICE.search(text)
            if not choice:
                break
            options = choice.group(1).split("|")
            text = text[: choice.start()] + self.random.choice(options) + text[choice.end() :]
        text = text.replace("\\n", "\n").replace("«", "<").replace("»", ">").replace("⟦", "[").replace("⟧", "]")
        return re.sub(r" +([.,!?;:])", r"\1", re.sub(r"  +", " ", text)).strip()
