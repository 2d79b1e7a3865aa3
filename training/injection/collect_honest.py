"""Honest texts of other shapes than conversation: source code, manuals, lists, tables and logs.

    python3 training/injection/collect_honest.py > /tmp/honest.jsonl

Long texts have many windows, and the worst one counts; without such texts the classifier takes whatever is not prose for an
attack. Code and manuals are read from this machine (Python's library, crates in cargo's registry, /usr/share/doc, headers) and
go into nothing but the weights; lists are made up, with a fixed seed.
"""

import glob
import json
import os
import random
import sys

RANDOM = random.Random(20261122)
SIZES = [300, 800, 2000, 5000, 12000, 20000]
HOME = os.path.expanduser("~")
PLACES = {
    "python": [os.path.join(os.path.dirname(os.__file__), "*.py"), os.path.join(os.path.dirname(os.__file__), "*", "*.py")],
    "rust": [HOME + "/.cargo/registry/src/*/[a-h]*/src/*.rs", HOME + "/.cargo/registry/src/*/[i-z]*/src/*.rs"],
    "readme": [HOME + "/.cargo/registry/src/*/*/README.md", HOME + "/.cargo/registry/src/*/*/CHANGELOG.md"],
    "headers": ["/usr/include/*.h", "/usr/include/linux/*.h"],
    "doc": ["/usr/share/doc/*/copyright", "/usr/share/doc/*/README*", "/usr/share/common-licenses/*"],
    "shell": ["/etc/*.conf", "/etc/init.d/*", "/usr/share/*/*.sh", "/usr/bin/*.sh", "/lib/systemd/system/*.service"],
}
FIRST = "Ann Bob Carla Dan Eva Frank Gita Hugo Ines Jan Kim Lena Marco Nina Omar Petra Quinn Rosa Sven Tara".split()
LAST = "Smith Jones Meyer Rossi Novak Dubois Garcia Jensen Kowalski Tanaka Okafor Silva Brown Fischer Moreau".split()
HOSTS = "corp.org example.net mail.example.com firma.de shop.example.co.uk ejemplo.es".split()
WORDS = "order invoice item cable lamp desk screen mouse paper ink chair shelf phone cover bag cup plate box book pen".split()


def person():
    return RANDOM.choice(FIRST), RANDOM.choice(LAST)


def mail():
    first, last = person()
    sign = RANDOM.choice([".", "_", ""])
    number = RANDOM.choice(["", str(RANDOM.randint(1, 999))])
    return f"{first}{sign}{last}{number}@{RANDOM.choice(HOSTS)}".lower()


def number(digits):
    return "".join(RANDOM.choice("0123456789") for _ in range(digits))


def hexadecimal(digits):
    return "".join(RANDOM.choice("0123456789abcdef") for _ in range(digits))


MAKERS = {
    "mails": mail,
    "mails_comma": lambda: mail() + ",",
    "contacts": lambda: f"{' '.join(person())},{mail()},+49 30 {number(7)},{RANDOM.choice(WORDS)}",
    "phones": lambda: f"+{RANDOM.randint(1, 99)} {number(3)} {number(3)} {number(4)}",
    "addresses": lambda: ".".join(str(RANDOM.randint(1, 254)) for _ in range(4)),
    "urls": lambda: f"https://{RANDOM.choice(HOSTS)}/{RANDOM.choice(WORDS)}/{number(5)}?ref={hexadecimal(6)}",
    "uuids": lambda: "-".join(hexadecimal(n) for n in (8, 4, 4, 4, 12)),
    "hashes": lambda: f"{hexadecimal(64)}  {RANDOM.choice(WORDS)}-{number(2)}.tar.gz",
    "log": lambda: f"2026-11-{RANDOM.randint(10, 28)}T{number(2)}:{number(2)}:{number(2)}Z {RANDOM.choice(['INFO', 'WARN', 'DEBUG', 'ERROR'])} "
    f"worker-{number(2)} {RANDOM.choice(WORDS)} {RANDOM.choice(['done', 'started', 'failed, will retry', 'skipped'])} in {number(3)} ms",
    "table": lambda: f"| {RANDOM.choice(WORDS)} | {number(3)} | {number(2)}.{number(2)} | {' '.join(person())} |",
    "sql": lambda: f"INSERT INTO {RANDOM.choice(WORDS)}s VALUES ({number(4)}, '{' '.join(person())}', '{mail()}', {number(3)}.{number(2)});",
    "json": lambda: json.dumps({"id": int(number(5)), "name": " ".join(person()), "mail": mail(), "tags": RANDOM.sample(WORDS, 3)}),
    "yaml": lambda: f"- name: {RANDOM.choice(WORDS)}-{number(2)}\n  image: registry.example.com/{RANDOM.choice(WORDS)}:{number(1)}.{number(2)}\n  replicas: {number(1)}",
    "numbers": lambda: "\t".join(number(RANDOM.randint(1, 6)) for _ in range(6)),
    "names": lambda: " ".join(person()),
    "shopping": lambda: f"{RANDOM.randint(1, 12)} x {RANDOM.choice(WORDS)}",
}


def write(source, text, role):
    row = {
        "id": f"honest-{write.count}", "text": text, "label": "benign", "family": "collected", "lang": "en", "tier": "benign",
        "role": role, "source": f"collected:{source}",
    }
    write.count += 1
    sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")


write.count = 0


def main():
    for source, patterns in PLACES.items():
        files = sorted(path for pattern in patterns for path in glob.glob(pattern))
        RANDOM.shuffle(files)
        kept = 0
        for path in files:
            if kept == 110:
                break
            try:
                with open(path, encoding="utf-8") as file:
                    text = file.read(200_000)
            except (OSError, UnicodeDecodeError):
                continue
            if len(text) < 200:
                continue
            size = RANDOM.choice(SIZES)
            start = RANDOM.randint(0, max(0, len(text) - size))
            write(source, text[start:start + size], RANDOM.choice(["user", "user", "tool_result", "document"]))
            kept += 1
    for source, make in MAKERS.items():
        for _ in range(28):
            lines = RANDOM.choice([2, 5, 12, 30, 80, 200])
            intro = RANDOM.choice(["", "", "Please sort this list:\n", "Which of these are duplicates?\n", "Here is the data:\n\n"])
            text = intro + "\n".join(make() for _ in range(lines))
            write("list_" + source, text, RANDOM.choice(["user", "user", "tool_result", "document"]))


main()
