#!/usr/bin/env python3
"""Writes tests/guard/pii_structured.jsonl: rows with structured personal data, and near misses, with gold spans.

    python3 training/pii/generate_structured.py > tests/guard/pii_structured.jsonl

Numbers are random with computed checksums, hosts end in names that RFC 2606 reserves or in countries' domains with
random names, so nobody is meant. The seed is fixed: the same file each time.
"""
import hashlib
import json
import random

R = random.Random(20260104)
PHONE, EMAIL, CARD, IBAN, SSN = "PHONE", "EMAIL", "CREDIT_CARD", "IBAN", "US_SSN"
IP, MAC, WALLET = "IP_ADDRESS", "MAC_ADDRESS", "CRYPTO_WALLET"


def digits(n, first="0123456789"):
    return R.choice(first) + "".join(R.choice("0123456789") for _ in range(n - 1)) if n else ""


def fill(form):
    """A form with `#` for any digit, `N` for 2 to 9."""
    return "".join(digits(1) if c == "#" else digits(1, "23456789") if c == "N" else c for c in form)


# Telephone numbers as each country writes them (national form, and behind the calling code).
NATIONAL = [
    "(N12) N##-####", "N13-N##-####", "N14.N##.####", "1-N15-N##-####", "020 7### ####", "0161 ### ####", "07### ######",
    "(01273) ######", "030 ########", "089/#######", "0171-#######", "0211 ### ## ##", "01 ## ## ## ##", "06.##.##.##.##",
    "0470 ## ## ##", "02 ### ## ##", "044 ### ## ##", "0664 #######", "(020) ### ####", "06-########", "070-### ## ##",
    "08-### ### ##", "040 #######", "02 #### ####", "0412 ### ###", "(03) #### ####", "021 ### ####", "082 ### ####",
    "010-####-####", "02-###-####", "03-####-####", "090-####-####", "010 #### ####", "138 #### ####", "0532 ### ## ##",
    "(11) 9####-####", "(21) ####-####", "(011) ####-####", "8 (495) ###-##-##", "8-916-###-##-##", "050 ### ## ##",
    "0300 #######", "080-########", "0812-####-####", "06# ### ####", "0## ### ####", "02 ########",
]
WEAK = [
    "6## ### ###", "9## ## ## ##", "60# ### ###", "7## ### ###", "91# ### ###", "## ## ## ##", "#### ####", "9#### #####",
    "55 #### ####", "3## ### ####", "69# ### ####", "N## ####", "98### #####", "## ### ## ##", "########", "0#########",
    "N##N######", "333 #######", "N##-####", "123-456-7890",
]
INTERNATIONAL = [
    "+1 N12 N## ####", "+1 (N13) N##-####", "+1-N14-N##-####", "+1N15N######", "+44 20 7### ####", "+44 (0)161 ### ####",
    "+447#########", "+49 30 ########", "+49 (0) 171 #######", "+49-89-#######", "+33 6 ## ## ## ##", "+33 (0)1.##.##.##.##",
    "+34 6## ### ###", "+39 06 ########", "+39 3## ### ####", "+31 6 ########", "+31 (0)20 ### ####", "+32 470 ## ## ##",
    "+41 44 ### ## ##", "+43 664 #######", "+46 70 ### ## ##", "+47 ### ## ###", "+45 ## ## ## ##", "+358 40 #######",
    "+48 60# ### ###", "+420 60# ### ###", "+36 30 ### ####", "+40 72# ### ###", "+30 69# ### ####", "+90 532 ### ## ##",
    "+7 (916) ###-##-##", "+380 50 ### ## ##", "+972 5#-###-####", "+971 50 ### ####", "+966 5# ### ####", "+20 10 #### ####",
    "+27 82 ### ####", "+234 80# ### ####", "+254 7## ######", "+91 98### #####", "+92 300 #######", "+880 17##-######",
    "+86 138 #### ####", "+852 6### ####", "+886 9## ### ###", "+81 90-####-####", "+82 10-####-####", "+65 9### ####",
    "+60 12-### ####", "+66 8# ### ####", "+84 9# ### ## ##", "+62 812-####-####", "+63 917 ### ####", "+61 4## ### ###",
    "+64 21 ### ####", "+52 55 #### ####", "+54 9 11 ####-####", "+55 (11) 9####-####", "+56 9 #### ####", "+57 30# ### ####",
    "+51 9## ### ###", "+353 8# ### ####", "+351 91# ### ###", "0049 170 #######", "0033 6 ## ## ## ##", "00 44 20 7### ####",
    "+212 6 ## ## ## ##", "+98 912 ### ####", "+972-3-###-####",
]
# Words that call a number a telephone's, in twelve languages.
CALLED = [
    "Call me on {} tomorrow.", "phone: {}", "Tel.: {}", "mobile {}", "My number is {}.", "Fax {}", "Ruf mich bitte unter {} an.",
    "Telefonnummer: {}", "Handy {}", "Mon numéro de téléphone est le {}.", "Appelez-moi au {}", "Portable : {}",
    "Mi teléfono es {}", "Llámame al {}", "Móvil: {}", "Meu telefone: {}", "Ligue para {}", "Il mio cellulare è {}",
    "Mijn telefoonnummer is {}", "Bel me op {}", "Numer telefonu: {}", "Zadzwoń pod {}", "Телефон: {}", "电话：{}", "電話番号 {}",
    "연락처: {}", "Ring mig på {}", "whatsapp {}", '{{"phoneNumber": "{}"}}', '{{"mobile_phone":"{}"}}', "tel:{}",
    "<phone>{}</phone>", "contact_phone={}",
]
PLAIN = [
    "{}", "I moved, it is {} now.", "Jan Example, Sample Street 5, {}", "user wrote: {} thanks", "- {}", '"{}"', "({} after six)",
    "either {} or by letter", "Schreiben oder {}.",
]


def luhn(body):
    total = sum(d if n % 2 else d * 2 - 9 * (d > 4) for n, d in enumerate(map(int, reversed(body))))
    return body + str(-total % 10)


CARDS = [("4", 16), ("51", 16), ("55", 16), ("2221", 16), ("2720", 16), ("2400", 16), ("34", 15), ("37", 15), ("36", 14),
         ("6011", 16), ("65", 16), ("3528", 16), ("62", 16), ("2200", 16), ("5067", 16), ("6062", 16), ("5018", 16)]


def card(prefix, length):
    return luhn(prefix + digits(length - 1 - len(prefix)))


def grouped(number, mark):
    sizes = {16: (4, 4, 4, 4), 15: (4, 6, 5), 14: (4, 6, 4)}[len(number)]
    parts, at = [], 0
    for size in sizes:
        parts.append(number[at:at + size])
        at += size
    return mark.join(parts)


IBANS = {"DE": "##################", "GB": "AAAA##############", "FR": "##########XXXXXXXXXXX##", "ES": "####################",
         "IT": "A##########XXXXXXXXXXXX", "NL": "AAAA##########", "PL": "########################", "CH": "#####XXXXXXXXXXXX",
         "AT": "################", "BE": "############", "SE": "####################", "NO": "###########",
         "DK": "##############", "FI": "##############", "PT": "#####################", "IE": "AAAA##############",
         "TR": "######XXXXXXXXXXXXXXXX", "SA": "##XXXXXXXXXXXXXXXXXX", "AE": "###################", "MT": "AAAA#####XXXXXXXXXXXXXXXXXX",
         "BR": "#######################AX", "UA": "######XXXXXXXXXXXXXXXXXXX", "HU": "########################",
         "CZ": "####################", "GR": "#######XXXXXXXXXXXXXXXX", "LU": "###XXXXXXXXXXXXX", "EE": "################"}


def iban(country):
    upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    body = "".join(R.choice({"#": "0123456789", "A": upper, "X": upper + "0123456789"}[c]) for c in IBANS[country])
    value = int("".join(str(int(c, 36)) for c in body + country + "00"))
    return f"{country}{98 - value % 97:02d}{body}"


def fours(text, mark):
    return mark.join(text[n:n + 4] for n in range(0, len(text), 4))


B58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
RIPPLE = "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz"


def base58(data, alphabet=B58):
    value, text = int.from_bytes(data, "big"), ""
    while value:
        value, rest = divmod(value, 58)
        text = alphabet[rest] + text
    return alphabet[0] * (len(data) - len(data.lstrip(b"\0"))) + text


def base58check(version, length=20, alphabet=B58):
    data = bytes(version) + R.randbytes(length)
    return base58(data + hashlib.sha256(hashlib.sha256(data).digest()).digest()[:4], alphabet)


BECH = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def bech32(name, version, length):
    """BIP 173 and BIP 350."""
    program, bits, count, five = R.randbytes(length), 0, 0, [version]
    for byte in program:
        bits, count = bits << 8 | byte, count + 8
        while count >= 5:
            count -= 5
            five.append(bits >> count & 31)
    if count:
        five.append(bits << (5 - count) & 31)
    values = [ord(c) >> 5 for c in name] + [0] + [ord(c) & 31 for c in name] + five + [0] * 6
    sum_ = 1
    for value in values:
        top = sum_ >> 25
        sum_ = (sum_ & 0x1FFFFFF) << 5 ^ value
        for n, g in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            sum_ ^= g if top >> n & 1 else 0
    sum_ ^= 0x2BC830A3 if version else 1
    return name + "1" + "".join(BECH[v] for v in five + [sum_ >> 5 * (5 - n) & 31 for n in range(6)])


def hexa(n):
    return "".join(R.choice("0123456789abcdef") for _ in range(n))


def wrong(text, alphabet="0123456789"):
    """The same with another last sign."""
    return text[:-1] + R.choice([c for c in alphabet if c != text[-1]])


ROWS = []


def row(family, text, *found):
    """A row; each found value is (type, value) and stands in the text in this order."""
    spans, at = [], 0
    for kind, value in found:
        at = text.index(value, at)
        spans.append({"start": at, "end": at + len(value), "type": kind})
        at += len(value)
    ROWS.append({"id": f"ps-{len(ROWS):05}", "text": text, "spans": spans, "family": family, "source": "generated:structured"})


def phones():
    for form in INTERNATIONAL:
        number = fill(form)
        row("phone_international", R.choice(PLAIN).format(number), (PHONE, number))
        number = fill(form)
        row("phone_international", R.choice(CALLED).format(number), (PHONE, number))
    for form in NATIONAL:
        number = fill(form)
        row("phone_national", R.choice(PLAIN[1:]).format(number), (PHONE, number))
        number = fill(form)
        row("phone_national", R.choice(CALLED).format(number), (PHONE, number))
    for form in WEAK:
        for _ in range(3):
            number = fill(form)
            row("phone_called", R.choice(CALLED).format(number), (PHONE, number))
    for mark in (" ext. 12", " x345", "x77", " ext 9", " #4021"):
        number = fill("N12-N##-####") + mark
        row("phone_extension", f"Switchboard {number} until five", (PHONE, number))
    a, b = fill("0171 #######"), fill("+43 1 #######")
    row("phone_two", f"Büro {b}, mobil {a}", (PHONE, b), (PHONE, a))
    for head, mark in (("id,name,phone", ","), ("id;name;telefon", ";"), ("id\tname\ttéléphone", "\t")):
        numbers = [fill("0#########") for _ in range(4)]
        lines = [mark.join((str(n), "Kim Roe", number)) for n, number in enumerate(numbers)]
        row("phone_table", "\n".join([head, *lines]), *((PHONE, n) for n in numbers))


def emails():
    locals_ = ["kim.roe", "k_roe", "kroe+shop", "o'neil", "1984", "kim-roe.2", "KIM.ROE", "info", "j"]
    hosts = ["example.com", "mail.example.co.uk", "sub.dept.example.edu", "example.museum", "example.io", "my-firm.example",
             "163.example", "bücher.example", "xn--bcher-kva.example", "firma.xn--p1ai"]
    frames = ["{}", "<{}>", "mailto:{}", "({})", "E-Mail:{}", "{}, danke", "Écrivez à {}.", '{{"email":"{}"}}', "user={}&x=1",
              "Kim Roe <{}>;", "邮箱：{}。", "`{}`", "cc: {}\n", "email='{}'", "name,{},42", "[{}](mailto:x)", "Пишите на {}!"]
    for n, frame in enumerate(frames * 2):
        address = f"{R.choice(locals_)}@{hosts[n % len(hosts)]}"
        if frame == "email='{}'":
            address = address.replace("'", "")
        row("email", frame.format(address), (EMAIL, address))
    for address in ("kim.roe at example dot com", "kim.roe [at] example [dot] org", "kroe(at)example.de", "kroe (at) example (dot) net",
                    "k.roe [at] mail.example.org", "kim dot roe at example dot com", "kim arroba ejemplo punto com",
                    "kim arobase exemple point fr", "kim chiocciola esempio punto it", "kroe{at}example.com", "kroe@example[.]com",
                    "KIM AT EXAMPLE DOT COM", "kim AT example DOT co DOT uk", "kim@example dot com"):
        row("email_in_words", f"Please write to {address} soon", (EMAIL, address))
    for text in ("npm i @types/node@20.1.0 lodash@4.17.21 vue@3.4.0-beta.next", "git clone git@git.example.com:team/tool.git",
                 "git remote add o git@example.org:a/b", "kim@laptop:~$ ls", "root@web01.example.com:/var/log# tail -f x",
                 "toot me: @kim@social.example", "@app.route('/x')", "<img src='logo@2x.png' srcset='logo@3x.webp'>",
                 "sftp://kim@files.example.com/in", "postgres://app:pw@db.example.com:5432/x", "ssh -p 22 kim@host.example.com",
                 "scp kim@host.example.com:a/b .", "@Override public", "look at the dot product", "pip install pkg@git",
                 "meet at example dot com avenue", "docker pull repo/app@sha256:" + hexa(64), "Message-ID: <88.1@mx.example.com>",
                 "a @ b.T", "decorate with @click.command", "kim @ home", "x@y", "foo@bar", "uses: actions/checkout@v4.1.1",
                 "available at example dot com", "com.foo.Bar@1f2e3d"):
        row("email_near_miss", text)


def cards():
    frames = ["{}", "Paid with {} yesterday", "Visa/MC {} exp 04/29", "Meine Kreditkarte {} wurde gesperrt", "carte bancaire {}",
              "tarjeta {}", '{{"card_number":"{}"}}', "cartão: {}", "PAN={}", "kaart {}", "Numer karty {}", "{} 04/29 123"]
    for prefix, length in CARDS:
        for mark in ("", " ", "-", "."):
            number = card(prefix, length)
            number = grouped(number, mark) if mark else number
            row("card", R.choice(frames).format(number), (CARD, number))
    for prefix, length in (("4", 13), ("4", 19), ("62", 19), ("5018", 12), ("6304", 18), ("62", 17)):
        number = card(prefix, length)
        row("card_long", f"my debit card {number} please", (CARD, number))
    names = "zero one two three four five six seven eight nine".split()
    for prefix, length in CARDS[:6]:
        number = " ".join(names[int(d)] for d in card(prefix, length))
        row("card_in_words", f"it is {number} thanks", (CARD, number))
    number = " ".join("null eins zwei drei vier fünf sechs sieben acht neun".split()[int(d)] for d in card("4", 16))
    row("card_in_words", f"die Nummer lautet {number}", (CARD, number))
    number = card("4", 16)
    number = number[:4] + " " + number[4:8] + "\n" + number[8:12] + " " + number[12:]
    row("card_lines", f"card:\n{number}\n", (CARD, number))
    for prefix, length in CARDS:
        number = wrong(card(prefix, length))
        row("card_near_miss", R.choice(["{} is no valid number", "card {} fails", "test {}"]).format(
            grouped(number, R.choice([" ", "-"])) if R.random() < 0.7 else number))
    for text in (f"imei {luhn('35' + digits(12))}", f"order {card('4', 16)}", f"tracking no {card('55', 16)}", f"ts={1700000000000 + R.randrange(10**9)}",
                 f"id: {R.randrange(10**17, 10**18)}", f"uuid {hexa(8)}-{hexa(4)}-4{hexa(3)}-a{hexa(3)}-{hexa(12)}",
                 f"sha256 {hexa(64)}", f"0x{digits(16)}", f"x = 0.{card('4', 16)}", f"ISBN 978-3-16-148410-0", f"iccid 8949{digits(15)}",
                 "1234 5678 9012 3456", "0000 0000 0000 0000", "4444444444444444"):
        row("card_near_miss", text)


def ibans():
    frames = ["{}", "IBAN: {}", "Bitte überweisen auf {} bis Freitag", "virement sur {}.", "account {} today", '{{"iban":"{}"}}',
              "bonifico su {}", "({})", "a,{},b"]
    for country in IBANS:
        number = iban(country)
        row("iban", R.choice(frames).format(number), (IBAN, number))
        number = fours(iban(country), R.choice([" ", "-"]))
        row("iban", R.choice(frames).format(number), (IBAN, number))
        if R.random() < 0.4:
            number = iban(country).lower()
            row("iban", R.choice(frames).format(number), (IBAN, number))
        number = iban(country)
        number = number[:2] + f"{(int(number[2:4]) - 1) % 97 + 2:02d}"[:2] + number[4:]
        row("iban_near_miss", R.choice(frames).format(fours(number, " ") if R.random() < 0.5 else number))
    for text in ("GB82 is a prefix", "model DE89X370400440532013000X", "ref AB12CD34EF56GH78JK90", "XX82WEST12345698765432"):
        row("iban_near_miss", text)


def ssns():
    def number(mark):
        return mark.join((f"{R.choice([R.randrange(1, 666), R.randrange(667, 900)]):03}", f"{R.randrange(1, 100):02}", f"{R.randrange(1, 10000):04}"))
    for frame in ("{}", "SSN: {}", "my social security number is {}.", '{{"ssn":"{}"}}', "name,ssn\nKim Roe,{}", "on file as {} since May"):
        for _ in range(3):
            n = number("-")
            row("ssn", frame.format(n), (SSN, n))
    for frame in ("SSN {}", "social security no. {}", "my SSN is {} thanks"):
        for mark in (" ", ".", ""):
            n = number(mark)
            row("ssn", frame.format(n), (SSN, n))
    for text in ("000-12-3456", "666-12-3456", "912-34-5678 is no SSN", "123-00-4567", "123-45-0000", "078-05-1120", "part 123-45-6789-01",
                 "order 512-34-5678", "routing 021000021", "2024-01-15", "123 45 6789 items", "invoice no 512-34-9876", "SSN 000123456",
                 "zip 12345-6789", "serial 512345678"):
        row("ssn_near_miss", text)


def network():
    def four():
        return ".".join((str(R.choice([n for n in range(1, 224) if n != 127])), *(str(R.randrange(256)) for _ in range(2)), str(R.randrange(1, 255))))
    for frame in ("{}", "from {}:443", "ssh root@{}", "http://{}/x", "[{}]", "client {} denied", '{{"ip":"{}"}}', "route {}/24 via", "{} - - [10/Oct/2026:13:55:36] \"GET /\"",
                  "IP-Adresse {}", "dirección IP {}", "src={} dst", "ping {}", "X-Forwarded-For: {}", "{}, a proxy", "host {}."):
        for _ in range(2):
            n = four()
            row("ipv4", frame.format(n), (IP, n))
    for n in ("2001:db8::" + hexa(4), "2001:db8:" + ":".join("1" + hexa(3) for _ in range(6)), "fe80::1" + hexa(3) + ":2" + hexa(3) + "%eth0",
              "2a02:" + "1" + hexa(3) + "::1", "::ffff:203.0.113.7", "FD00:ABCD:1234::1", "2001:0db8:0000:0000:0000:ff00:0042:8329", "64:ff9b::192.0.2.33",
              "2606:4700:4700::1111", "3fff:1:2:3::9"):
        for frame in ("{}", "[{}]:8080", "from {} at 10:32", "addr={};", "({}),"):
            row("ipv6", frame.format(n), (IP, n))
    for text in ("version 10.2.0.15 is out", "v1.2.3.4", "update to 4.18.0.2", "OID 1.3.6.1.4.1.311.2", "section 3.2.1.4 says", "300.400.500.600", "1.2.3.4.5",
                 "Chrome/120.0.0.0 Safari/537.36", "foo==1.2.3.4", "lib-1.2.3.4.jar", "1.2.3.4-beta", "127.0.0.1:8080", "mask 255.255.255.0", "0.0.0.0", "010.020.030.040",
                 "at 12:30:45", "10:32:15.123", "std::cafe::beef", "a::b::c", "use fe::dead;", "::1", "::", "de:ad:be:ef", "ratio 1:2:3:4", "firmware 5.10.60.12",
                 "firefox release 1.0.0.1", "aspect 16:9", "std::vec::Vec", "A::B", "f::a", "Verse 3:16:20", "AssemblyVersion(\"1.0.3.12\")", "1.234.567.890"):
        row("ip_near_miss", text)
    for _ in range(4):
        pairs = [R.choice("abcdef") + hexa(1) if n == 1 else hexa(2) for n in range(6)]
        flat = "".join(pairs)
        for n in (":".join(pairs), "-".join(pairs).upper(), f"{flat[:4]}.{flat[4:8]}.{flat[8:]}"):
            row("mac", R.choice(["{}", "mac {}", "ether {} txqueuelen", "device {} online", '{{"mac":"{}"}}', "({})"]).format(n), (MAC, n))
        row("mac", f"MAC address: {flat}", (MAC, flat))
        row("mac_near_miss", ":".join(hexa(2) for _ in range(20)))
        row("mac_near_miss", f"commit {flat}")
    for text in ("00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "12-34-56-78-90-12", "12:30:45", "1234.5678.9012", f"id {hexa(12)}", "2026-01-15-10-30-45"):
        row("mac_near_miss", text)


def wallets():
    made = [base58check([0]) for _ in range(4)] + [base58check([5]) for _ in range(3)] + [bech32("bc", 0, 20), bech32("bc", 0, 32), bech32("bc", 1, 32),
            bech32("ltc", 0, 20), "0x" + hexa(40), "0x" + hexa(40), "0x" + hexa(40).upper(), base58check([0x30]), base58check([0x1E]), base58check([0x41]),
            base58check([0x4C]), base58check([0x1C, 0xB8]), base58check([0], alphabet=RIPPLE), base58check([0x04, 0x88, 0xB2, 0x1E], 74)]
    frames = ["{}", "send to {} please", "BTC: {}", "meine Wallet {}", "mi monedero {}", '{{"wallet":"{}"}}', "donations: {}.", "portefeuille {} ok"]
    for address in made:
        for _ in range(2):
            row("wallet", R.choice(frames).format(address), (WALLET, address))
        if not address.startswith("0x"):
            row("wallet_near_miss", R.choice(frames[:3]).format(wrong(address, BECH if "1q" in address[:5] or "1p" in address[:5] else "23456789ABC")))
    for _ in range(2):
        address = base58(bytes([R.randrange(64, 256)]) + R.randbytes(31))
        row("wallet", f"my Solana wallet is {address}", (WALLET, address))
        row("wallet_near_miss", f"session {base58(R.randbytes(32))}")
    for text in (f"sha1 {hexa(40)}", f"tx 0x{hexa(64)}", f"commit 0x{hexa(40)}", "0x" + "0" * 40, f"0x{hexa(38)}", "1A1zP1eP5QGefi2DMPTfTL5SLmv7Divfxx",
                 "LongCamelCaseIdentifierWithoutEnd", f"key {hexa(32)}", f"{R.randbytes(24).hex()}"):
        row("wallet_near_miss", text)


def other_near_misses():
    t = 1700000000 + R.randrange(10**7)
    for text in (f"created {t}, updated {t + 3600}", "52.520008, 13.404954", "from 2026-01-15 to 2026-02-20", "15/01/2026 10:30", "15.01.2026", "2026.01.15",
                 f"order {digits(10, '789')}", f"Bestellung {digits(10)}", f"invoice no. {digits(3)}-{digits(4)}-{digits(4)}", f"ticket {digits(8)}", f"ISBN 978-0-306-40615-7",
                 "1,234,567 rows", "1 234 567 habitants", "12 345 678", "$1 234 567", "3.14159265358979", "-0.1234567", "a1b2c3d4", f"/dev/disk/{digits(9)}",
                 "10-20-30-40", "1024x768", "0x00401000", "12345678-1234-1234-1234-123456789012", f"pid {digits(7)}", "RFC 2616 and 7231",
                 "lines 1200-1350", "1999-2004", "2020-2021-2022", "5 000 000 EUR", "scores 12 34 56 78", "1 2 3 4 5 6 7 8 9 10", f"commit {digits(7)}", "Psalm 119 105",
                 "0.000 001", "100 000 000 people", f"account {digits(10)}", "+5 points, +10 more", "a+12345678", "grew +1234567", "GMT+0200", "CVE-2026-12345", "PMC 1234567",
                 "phone field must be numeric", "call foo(1234567)", f"tracking {digits(4)} {digits(4)} {digits(4)}", f"Sendungsnummer {digits(12)}", f"facture {digits(8)}",
                 f"pedido {digits(9)}", "bits 0110 1001 0111", "1.2.3-4", "00:00:10,500 --> 00:00:12,000", "9.81 m/s2 299792458", "UPC 012345678905", "EAN 4006381333931",
                 f"case {digits(2)}-{digits(5)}", "A4 210 x 297", "page 123-456", "[1234567]", "#1234567", "0800", "call 911", "extension 12", "+49", "dial 112 now"):
        row("number_near_miss", text)
    row("ipv4", "scan 192.0.2.250-255 again", (IP, "192.0.2.250"))


for part in (phones, emails, cards, ibans, ssns, network, wallets, other_near_misses):
    part()
for entry in ROWS:
    print(json.dumps(entry, ensure_ascii=False))
