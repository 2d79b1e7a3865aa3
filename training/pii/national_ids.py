"""Makes valid numbers of identity documents, for test rows. Written apart from the checks in Rust, so that each tests
the other. Algorithms: the authorities named in src/guard/confirm/ids/."""

import string

D = string.digits
VERHOEFF_P = [0, 1, 5, 8, 9, 4, 2, 7]


def digits(r, n):
    return "".join(r.choice(D) for _ in range(n))


def birthday(r, first=1930, last=2008):
    return r.randint(first, last), r.randint(1, 12), r.randint(1, 28)


def wsum(s, weights):
    return sum(int(c) * w for c, w in zip(s, weights))


def luhn(s):
    total = 0
    for i, c in enumerate(reversed(s)):
        n = int(c) * (2 if i % 2 else 1)
        total += n - 9 if n > 9 else n
    return total % 10 == 0


def with_luhn(s):
    return next(s + c for c in D if luhn(s + c))


def mod_11_10(s):
    p = 10
    for c in s:
        t = (p + int(c)) % 10 or 10
        p = t * 2 % 11
    return s + str((11 - p) % 10)


def verhoeff(s):
    """Appends the digit of Verhoeff."""
    d = [[0] * 10 for _ in range(10)]
    for a in range(10):
        for b in range(10):
            if a < 5:
                d[a][b] = (a + b) % 5 if b < 5 else 5 + (a + b - 5) % 5
            else:
                d[a][b] = 5 + (a - b) % 5 if b < 5 else (a - b) % 5
    p = [list(range(10)), [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]]
    for i in range(2, 8):
        p.append([p[i - 1][p[1][j]] for j in range(10)])
    inverse = [0, 4, 3, 2, 1, 5, 6, 7, 8, 9]
    c = 0
    for i, n in enumerate(reversed(s)):
        c = d[c][p[(i + 1) % 8][int(n)]]
    return s + str(inverse[c])


def until(r, draw, good):
    while True:
        s = draw()
        if good(s):
            return s


def minus11(total):
    return (11 - total % 11) % 11


def gb_nhs(r):
    s = until(r, lambda: r.choice("4679") + digits(r, 8), lambda s: minus11(wsum(s, range(10, 1, -1))) != 10)
    return s + str(minus11(wsum(s, range(10, 1, -1))))


def gb_nino(r):
    pair = until(r, lambda: r.choice("ABCEGHJKLMNOPRSTWXYZ") + r.choice("ABCEGHJKLMNPRSTWXYZ"),
                 lambda p: p not in ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ") and p[0] != "O")
    return pair + digits(r, 6) + r.choice("ABCD")


def es_dni(r):
    n = digits(r, 8)
    return n + "TRWAGMYFPDXBNJZSQVHLCKE"[int(n) % 23]


def es_nie(r):
    k, n = r.randint(0, 2), digits(r, 7)
    return "XYZ"[k] + n + "TRWAGMYFPDXBNJZSQVHLCKE"[int(str(k) + n) % 23]


def br_cpf(r):
    s = digits(r, 9)
    for _ in range(2):
        rest = wsum(s, range(len(s) + 1, 1, -1)) % 11
        s += str(0 if rest < 2 else 11 - rest)
    return s


def br_cnpj(r):
    s = digits(r, 8) + "0001"
    w = [6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]
    for _ in range(2):
        rest = wsum(s, w[13 - len(s):]) % 11
        s += str(0 if rest < 2 else 11 - rest)
    return s


def in_aadhaar(r):
    return verhoeff(r.choice("23456789") + digits(r, 10))


def in_pan(r):
    a = string.ascii_uppercase
    return "".join(r.choice(a) for _ in range(3)) + "P" + r.choice(a) + digits(r, 4) + r.choice(a)


def pl_pesel(r):
    y, m, d = birthday(r)
    s = f"{y % 100:02}{m + (20 if y > 1999 else 0):02}{d:02}{digits(r, 4)}"
    return s + str(-wsum(s, [1, 3, 7, 9] * 3) % 10)


def pl_nip(r):
    w = [6, 5, 7, 2, 3, 4, 5, 6, 7]
    s = until(r, lambda: r.choice("123456789") + digits(r, 8), lambda s: wsum(s, w) % 11 != 10)
    return s + str(wsum(s, w) % 11)


def it_cf(r):
    odd = dict(zip(D + string.ascii_uppercase, [1, 0, 5, 7, 9, 13, 15, 17, 19, 21] * 2
                   + [2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23]))
    y, m, d = birthday(r)
    c = "BCDFGLMNPRSTVZ"
    s = "".join(r.choice(c) for _ in range(6)) + f"{y % 100:02}" + "ABCDEHLMPRST"[m - 1]
    s += f"{d + r.choice((0, 40)):02}" + r.choice("ABCDEFGHL") + f"{r.randint(1, 999):03}"
    even = lambda ch: int(ch) if ch.isdigit() else ord(ch) - 65
    return s + chr(65 + sum(odd[ch] if i % 2 == 0 else even(ch) for i, ch in enumerate(s)) % 26)


def fr_nir(r):
    y, m, _ = birthday(r)
    s = f"{r.randint(1, 2)}{y % 100:02}{m:02}{r.randint(1, 95):02}{r.randint(1, 600):03}{r.randint(1, 400):03}"
    return s + f"{97 - int(s) % 97:02}"


def de_steuer_id(r):
    def draw():
        p = list("1234567890")
        r.shuffle(p)
        p = p[:9]
        p.insert(r.randint(0, 9), r.choice(p))
        return "".join(p)
    return mod_11_10(until(r, draw, lambda s: s[0] != "0"))


def de_rvnr(r):
    y, m, d = birthday(r)
    letter = r.choice("ABCDEFGHKLMNPRSTW")
    s = f"{r.choice((10, 12, 13, 15, 17, 53, 65)):02}{d:02}{m:02}{y % 100:02}"
    serial = f"{r.randint(0, 99):02}"
    t = s + f"{ord(letter) - 64:02}" + serial
    total = sum(sum(map(int, str(int(c) * w))) for c, w in zip(t, [2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1]))
    return s + letter + serial + str(total % 10)


def nl_bsn(r):
    s = until(r, lambda: r.choice("123456") + digits(r, 7), lambda s: wsum(s, range(9, 1, -1)) % 11 != 10)
    return s + str(wsum(s, range(9, 1, -1)) % 11)


def be_nn(r):
    y, m, d = birthday(r)
    s = f"{y % 100:02}{m:02}{d:02}{r.randint(1, 997):03}"
    return s + f"{97 - int(('2' if y > 1999 else '') + s) % 97:02}"


def se_pnr(r):
    y, m, d = birthday(r)
    return with_luhn(f"{y % 100:02}{m:02}{d:02}{digits(r, 3)}")


def no_fnr(r):
    def draw():
        y, m, d = birthday(r)
        return f"{d:02}{m:02}{y % 100:02}{digits(r, 3)}"
    def k(s):
        a = minus11(wsum(s, [3, 7, 6, 1, 8, 9, 4, 5, 2]))
        b = minus11(wsum(s + str(a), [5, 4, 3, 2, 7, 6, 5, 4, 3, 2])) if a < 10 else 10
        return (a, b)
    s = until(r, draw, lambda s: max(k(s)) < 10)
    return s + "".join(map(str, k(s)))


def dk_cpr(r):
    def draw():
        y, m, d = birthday(r, 1930, 1999)
        return f"{d:02}{m:02}{y % 100:02}{digits(r, 4)}"
    return until(r, draw, lambda s: wsum(s, [4, 3, 2, 7, 6, 5, 4, 3, 2, 1]) % 11 == 0)


def fi_hetu(r):
    y, m, d = birthday(r)
    s = f"{d:02}{m:02}{y % 100:02}"
    n = f"{r.randint(2, 899):03}"
    return s + ("A" if y > 1999 else "-") + n + "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(s + n) % 31]


def pt_nif(r):
    s = r.choice("12") + digits(r, 7)
    c = 11 - wsum(s, range(9, 1, -1)) % 11
    return s + str(0 if c > 9 else c)


def ch_ahv(r):
    s = "756" + digits(r, 9)
    return s + str(-wsum(s, [1, 3] * 6) % 10)


def at_svnr(r):
    def draw():
        y, m, d = birthday(r)
        return r.choice("123456789") + digits(r, 2) + f"{d:02}{m:02}{y % 100:02}"
    w = [3, 7, 9, 5, 8, 4, 2, 1, 6]
    s = until(r, draw, lambda s: wsum(s, w) % 11 != 10)
    return s[:3] + str(wsum(s, w) % 11) + s[3:]


def cz_rc(r):
    def draw():
        y, m, d = birthday(r, 1954, 2008)
        return f"{y % 100:02}{m + r.choice((0, 50)):02}{d:02}{digits(r, 4)}"
    return until(r, draw, lambda s: int(s) % 11 == 0)


def ro_cnp(r):
    y, m, d = birthday(r)
    s = f"{r.choice('12') if y < 2000 else r.choice('56')}{y % 100:02}{m:02}{d:02}{r.randint(1, 46):02}{digits(r, 3)}"
    c = wsum(s, [2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11
    return s + str(1 if c == 10 else c)


def bg_egn(r):
    y, m, d = birthday(r)
    s = f"{y % 100:02}{m + (40 if y > 1999 else 0):02}{d:02}{digits(r, 3)}"
    return s + str(wsum(s, [2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11 % 10)


def hu_taj(r):
    s = digits(r, 8)
    return s + str(wsum(s, [3, 7] * 4) % 10)


def hu_ado(r):
    s = until(r, lambda: "8" + digits(r, 8), lambda s: wsum(s, range(1, 10)) % 11 != 10)
    return s + str(wsum(s, range(1, 10)) % 11)


def hr_oib(r):
    return mod_11_10(digits(r, 10))


def gr_amka(r):
    y, m, d = birthday(r)
    return with_luhn(f"{d:02}{m:02}{y % 100:02}{digits(r, 4)}")


def gr_afm(r):
    s = r.choice("0189") + digits(r, 7)
    return s + str(wsum(s, [256, 128, 64, 32, 16, 8, 4, 2]) % 11 % 10)


def ee_ik(r):
    y, m, d = birthday(r)
    s = f"{r.choice('34') if y < 2000 else r.choice('56')}{y % 100:02}{m:02}{d:02}{digits(r, 3)}"
    c = wsum(s, [1, 2, 3, 4, 5, 6, 7, 8, 9, 1]) % 11
    return s + str(c if c < 10 else wsum(s, [3, 4, 5, 6, 7, 8, 9, 1, 2, 3]) % 11 % 10)


def lv_pk(r):
    y, m, d = birthday(r)
    s = f"{d:02}{m:02}{y % 100:02}{2 if y > 1999 else 1}{digits(r, 3)}"
    return s + str((1 + wsum(s, [10, 5, 8, 4, 2, 1, 6, 3, 7, 9])) % 11 % 10)


def yu_jmbg(r):
    def draw():
        y, m, d = birthday(r)
        return f"{d:02}{m:02}{y % 1000:03}{r.choice(('71', '50', '10', '45'))}{digits(r, 3)}"
    w = [7, 6, 5, 4, 3, 2] * 2
    s = until(r, draw, lambda s: wsum(s, w) % 11 != 1)
    return s + str(minus11(wsum(s, w)))


def is_kt(r):
    def draw():
        y, m, d = birthday(r)
        return f"{d:02}{m:02}{y % 100:02}{r.randint(20, 99)}"
    w = [3, 2, 7, 6, 5, 4, 3, 2]
    s = until(r, draw, lambda s: minus11(wsum(s, w)) < 10)
    return s + str(minus11(wsum(s, w))) + "9"


def ie_pps(r):
    s, b = digits(r, 7), r.choice("AABH")
    return s + "WABCDEFGHIJKLMNOPQRSTUV"[(wsum(s, range(8, 1, -1)) + 9 * (ord(b) - 64)) % 23] + b


def lu_mat(r):
    y, m, d = birthday(r)
    s = f"{y}{m:02}{d:02}{digits(r, 3)}"
    return with_luhn(s) + verhoeff(s)[-1]


def ru_snils(r):
    s = digits(r, 9)
    return s + f"{wsum(s, range(9, 0, -1)) % 101 % 100:02}"


def ru_inn(r):
    s = digits(r, 10)
    s += str(wsum(s, [7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11 % 10)
    return s + str(wsum(s, [3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11 % 10)


def ua_rnokpp(r):
    s = digits(r, 9)
    return s + str(wsum(s, [-1, 5, 7, 9, 4, 6, 10, 5, 7]) % 11 % 10)


def tr_kimlik(r):
    s = r.choice("123456789") + digits(r, 8)
    s += str((sum(map(int, s[0::2])) * 7 - sum(map(int, s[1::2]))) % 10)
    return s + str(sum(map(int, s)) % 10)


def ar_cuit(r):
    w = [5, 4, 3, 2, 7, 6, 5, 4, 3, 2]
    s = until(r, lambda: r.choice(("20", "27")) + digits(r, 8), lambda s: minus11(wsum(s, w)) != 10)
    return s + str(minus11(wsum(s, w)))


def ca_sin(r):
    return with_luhn(r.choice("1234567") + digits(r, 7))


def cl_rut(r):
    s = str(r.randint(5_000_000, 25_000_000))
    c = minus11(sum(int(x) * (2 + i % 6) for i, x in enumerate(reversed(s))))
    return s + ("K" if c == 10 else str(c))


def co_nit(r):
    s = r.choice("89") + digits(r, 8)
    c = sum(int(x) * w for x, w in zip(reversed(s), [3, 7, 13, 17, 19, 23, 29, 37, 41])) % 11
    return s + str(c if c < 2 else 11 - c)


def mx_curp(r):
    a = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ"
    y, m, d = birthday(r)
    c = "BCDFGLMNPRSTVZ"
    s = r.choice(c) + r.choice("AEIOU") + r.choice(c) + r.choice(c) + f"{y % 100:02}{m:02}{d:02}"
    s += r.choice("HM") + r.choice(("DF", "JC", "NL", "OC", "YN")) + "".join(r.choice(c) for _ in range(3))
    s += "A" if y > 1999 else "0"
    return s + str(-sum(a.index(x) * (18 - i) for i, x in enumerate(s)) % 10)


def mx_rfc(r):
    a = "0123456789ABCDEFGHIJKLMN&OPQRSTUVWXYZ Ñ"
    y, m, d = birthday(r)
    c = "BCDFGLMNPRSTVZ"
    s = r.choice(c) + r.choice("AEIOU") + r.choice(c) + r.choice(c) + f"{y % 100:02}{m:02}{d:02}"
    s += r.choice(D + c) + r.choice(D + c)
    return s + "0123456789A"[minus11(sum(a.index(x) * (13 - i) for i, x in enumerate(s)))]


def do_cedula(r):
    return with_luhn(r.choice(("001", "031", "402")) + digits(r, 7))


def ec_cedula(r):
    return with_luhn(f"{r.randint(1, 24):02}{r.randint(0, 5)}{digits(r, 6)}")


def uy_cedula(r):
    s = r.choice("12345") + digits(r, 6)
    return s + str(-wsum(s, [2, 9, 8, 7, 6, 3, 4]) % 10)


def pe_ruc(r):
    w = [5, 4, 3, 2, 7, 6, 5, 4, 3, 2]
    s = "10" + digits(r, 8)
    return s + str((11 - wsum(s, w) % 11) % 10)


def ae_eid(r):
    return with_luhn(f"784{r.randint(1950, 2005)}{digits(r, 7)}")


def au_tfn(r):
    return until(r, lambda: r.choice("123456789") + digits(r, 8),
                 lambda s: wsum(s, [1, 4, 3, 7, 5, 8, 6, 9, 10]) % 11 == 0)


def au_medicare(r):
    s = r.choice("23456") + digits(r, 7)
    return s + str(wsum(s, [1, 3, 7, 9] * 2) % 10) + r.choice("123")


def nz_ird(r):
    def check(s):
        c = minus11(wsum("0" * (8 - len(s)) + s, [3, 2, 7, 6, 5, 4, 3, 2]))
        return c if c < 10 else minus11(wsum("0" * (8 - len(s)) + s, [7, 4, 3, 2, 5, 2, 7, 6]))
    s = until(r, lambda: str(r.randint(1_000_000, 14_999_999)), lambda s: check(s) < 10)
    return s + str(check(s))


def cn_rid(r):
    y, m, d = birthday(r)
    s = r.choice(("110101", "310104", "440305", "510107", "330102")) + f"{y}{m:02}{d:02}{digits(r, 3)}"
    return s + "10X98765432"[wsum(s, [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]) % 11]


def hk_hkid(r):
    letter, n = r.choice("ABCDEGHKMPRVYZ"), digits(r, 6)
    total = 36 * 9 + (ord(letter) - 55) * 8 + wsum(n, [7, 6, 5, 4, 3, 2])
    return letter + n + "0123456789A"[minus11(total)]


def tw_nid(r):
    letters = "ABCDEFGHJKLMNPQRSTUVXYWZIO"
    letter, n = r.choice(letters), r.choice("12") + digits(r, 7)
    code = letters.index(letter) + 10
    return letter + n + str(-(code // 10 + code % 10 * 9 + wsum(n, range(8, 0, -1))) % 10)


def kr_rrn(r):
    y, m, d = birthday(r)
    s = f"{y % 100:02}{m:02}{d:02}{r.choice('12') if y < 2000 else r.choice('34')}{digits(r, 5)}"
    return s + str((11 - wsum(s, [2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]) % 11) % 10)


def jp_my(r):
    s = digits(r, 11)
    rest = wsum(s, [6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11
    return s + str(0 if rest < 2 else 11 - rest)


def sg_nric(r):
    k, n = r.choice("STFG"), digits(r, 7)
    total = wsum(n, [2, 7, 6, 5, 4, 3, 2]) + (4 if k in "TG" else 0)
    return k + n + ("JZIHGFEDCBA" if k in "ST" else "XWUTRQPNMLK")[total % 11]


def th_pin(r):
    s = r.choice("12345678") + digits(r, 11)
    return s + str((11 - wsum(s, range(13, 1, -1)) % 11) % 10)


def my_kad(r):
    y, m, d = birthday(r)
    return f"{y % 100:02}{m:02}{d:02}{r.randint(1, 14):02}{digits(r, 4)}"


def id_nik(r):
    y, m, d = birthday(r)
    return f"{r.choice(('3171', '3273', '3578'))}{r.randint(1, 9):02}{d + r.choice((0, 40)):02}{m:02}{y % 100:02}{digits(r, 4)}"


def il_tz(r):
    return with_luhn(r.choice("0123") + digits(r, 7))


def za_id(r):
    y, m, d = birthday(r)
    return with_luhn(f"{y % 100:02}{m:02}{d:02}{digits(r, 4)}08")


def kz_iin(r):
    def draw():
        y, m, d = birthday(r)
        return f"{y % 100:02}{m:02}{d:02}{r.choice('34') if y < 2000 else r.choice('56')}{digits(r, 4)}"
    one, two = range(1, 12), [3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2]
    c = lambda s: wsum(s, one) % 11 if wsum(s, one) % 11 < 10 else wsum(s, two) % 11
    s = until(r, draw, lambda s: c(s) < 10)
    return s + str(c(s))


def kw_civil(r):
    def draw():
        y, m, d = birthday(r)
        return f"{2 if y < 2000 else 3}{y % 100:02}{m:02}{d:02}{digits(r, 4)}"
    w = [2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]
    s = until(r, draw, lambda s: 11 - wsum(s, w) % 11 < 10)
    return s + str(11 - wsum(s, w) % 11)


def ir_melli(r):
    s = r.choice("0123456") + digits(r, 8)
    rest = wsum(s, range(10, 1, -1)) % 11
    return s + str(rest if rest < 2 else 11 - rest)


def sa_id(r):
    return with_luhn(r.choice("12") + digits(r, 8))


def eg_id(r):
    y, m, d = birthday(r)
    return f"{2 if y < 2000 else 3}{y % 100:02}{m:02}{d:02}01{digits(r, 5)}"


def lk_nic(r):
    return f"{r.randint(50, 99)}{r.choice((0, 500)) + r.randint(1, 366):03}{digits(r, 4)}V"


def pk_cnic(r):
    return r.choice("1234567") + digits(r, 12)


def fill(pattern, number):
    """Writes a number by a pattern: # is its next character."""
    rest = iter(number)
    return "".join(next(rest) if c == "#" else c for c in pattern)
