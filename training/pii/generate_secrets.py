#!/usr/bin/env python3
"""Writes tests/guard/secrets.jsonl: texts with secrets and look-alikes, and where the secrets stand.

Every value is made here at run time from a prefix and random characters with a fixed seed, so that neither this file
nor the rules hold anything that the secret scanners of code hosts take for somebody's key. The rows that it writes do
look like keys to them: the prefixes in the file are therefore split by the mark U+2060, which the reader takes out
(`load` below, and the test that reads the file). Spans are in code points, without the marks.

    python3 training/pii/generate_secrets.py [rows of each kind] > tests/guard/secrets.jsonl
"""
import base64, json, random, string, sys, zlib

rnd = random.Random(20260)
AN, LO, UP, HEX = string.ascii_letters + string.digits, string.ascii_lowercase + string.digits, string.ascii_uppercase + string.digits, "0123456789abcdef"
URL, B64 = AN + "_-", AN + "+/"


def some(chars, n):
    return "".join(rnd.choice(chars) for _ in range(n))


def uuid():
    return "-".join(some(HEX, n) for n in (8, 4, 4, 4, 12))


def checked(prefix):
    """A token with the checksum of GitHub and npm."""
    body, crc, digits = some(AN, 30), 0, string.digits + string.ascii_uppercase + string.ascii_lowercase
    crc, tail = zlib.crc32(body.encode()), ""
    for _ in range(6):
        tail, crc = digits[crc % 62] + tail, crc // 62
    return prefix + body + tail


def jwt():
    part = lambda it: base64.urlsafe_b64encode(json.dumps(it, separators=(",", ":")).encode()).decode().rstrip("=")
    head = {"alg": rnd.choice(["RS256", "HS512", "EdDSA"]), "kid": some(HEX, 8)}
    return ".".join([part(head), part({"iss": "https://id.test", "sub": some(LO, 9), "exp": rnd.randrange(10**9, 2 * 10**9)}), some(URL, rnd.choice([43, 86, 342]))])


def pem(newline="\n", indent=""):
    kind = rnd.choice(["RSA ", "EC ", "", "ENCRYPTED ", "OPENSSH ", "DSA "])
    lines = [some(B64, 64) for _ in range(rnd.randrange(3, 24))] + [some(B64, rnd.randrange(8, 60)) + "="]
    return (newline + indent).join([f"-----BEGIN {kind}PRIVATE KEY-----", *lines, f"-----END {kind}PRIVATE KEY-----"])


PREFIXED = {
    "openai": lambda: "sk-proj-" + some(URL, 40) + "T3Blbk" + "FJ" + some(URL, 40), "anthropic": lambda: "sk-ant-" + "api03-" + some(URL, 93) + "AA",
    "groq": lambda: "gsk_" + some(AN, 52), "xai": lambda: "xai-" + some(AN, 80), "replicate": lambda: "r8_" + some(AN, 37), "nvidia": lambda: "nvapi-" + some(URL, 64),
    "openrouter": lambda: "sk-or-v1-" + some(HEX, 64), "tavily": lambda: "tvly-dev-" + some(AN, 32), "langsmith": lambda: "lsv2_pt_" + some(HEX, 32) + "_" + some(HEX, 10),
    "deepseek": lambda: "sk-" + some(HEX, 32), "gemini": lambda: "AIza" + some(URL, 35), "aws_id": lambda: rnd.choice(["AKIA", "ASIA"]) + some("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16),
    "azure_ad": lambda: some(AN, 3) + "8Q~" + some(URL, 34), "google_oauth": lambda: "GOCSPX-" + some(URL, 28), "digitalocean": lambda: "dop_v1_" + some(HEX, 64),
    "fly": lambda: "fo1_" + some(URL, 43), "netlify": lambda: "nfp_" + some(AN, 36), "supabase": lambda: "sbp_" + some(HEX, 40), "tailscale": lambda: "tskey-api-k" + some(AN, 10) + "CNTRL-" + some(AN, 32),
    "github": lambda: checked(rnd.choice(["ghp_", "gho_", "ghs_"])), "npm": lambda: checked("npm_"), "gitlab": lambda: "glpat-" + some(URL, 20), "bitbucket": lambda: "ATBB" + some(AN, 32),
    "docker": lambda: "dckr_pat_" + some(URL, 27), "circleci": lambda: "CCIPAT_" + some(AN, 22) + "_" + some(HEX, 40), "sonarqube": lambda: "squ_" + some(HEX, 40),
    "terraform": lambda: some(AN, 14) + ".atlas" + "v1." + some(URL, 67), "doppler": lambda: "dp.pt." + some(AN, 43), "postman": lambda: "PMAK-" + some(HEX, 24) + "-" + some(HEX, 34),
    "crates_io": lambda: "cio" + some(AN, 32), "nuget": lambda: "oy2" + some(LO, 43), "stripe": lambda: rnd.choice(["sk", "rk"]) + "_live_" + some(AN, rnd.choice([24, 99])), "square": lambda: "sq0atp-" + some(URL, 22),
    "shopify": lambda: "shpat_" + some(HEX, 32), "plaid": lambda: "access-production-" + uuid(), "razorpay": lambda: "rzp_live_" + some(AN, 14), "whsec": lambda: "whsec_" + some(AN, 32),
    "slack": lambda: "xoxb-" + some(string.digits, 12) + "-" + some(string.digits, 12) + "-" + some(AN, 24), "telegram": lambda: some("123456789", 10) + ":AA" + some(URL, 33),
    "discord": lambda: "MT" + some(AN, 24) + "." + some(URL, 6) + "." + some(URL, 38), "twilio": lambda: "SK" + some(HEX, 32), "sendgrid": lambda: "SG." + some(URL, 22) + "." + some(URL, 43),
    "mailgun": lambda: "key-" + some(HEX, 32), "mailchimp": lambda: some(HEX, 32) + "-us14", "brevo": lambda: "xkeysib-" + some(HEX, 64) + "-" + some(AN, 16), "resend": lambda: "re_" + some(AN, 8) + "_" + some(AN, 24),
    "hubspot": lambda: "pat-eu1-" + uuid(), "databricks": lambda: "dapi" + some(HEX, 32), "neon": lambda: "napi_" + some(LO, 64), "airtable": lambda: "pat" + some(AN, 14) + "." + some(HEX, 64),
    "planetscale": lambda: "pscale_tkn_" + some(URL, 43), "vault": lambda: "hvs." + some(URL, 95), "onepassword": lambda: "ops_eyJ" + some(AN, 250), "launchdarkly": lambda: "api-" + uuid(),
    "newrelic": lambda: "NRAK-" + some(UP, 27), "sentry": lambda: "sntrys_" + some(B64, 80), "grafana": lambda: "glsa_" + some(AN, 32) + "_" + some(HEX, 8), "dynatrace": lambda: "dt0c01." + some(UP, 24) + "." + some(UP, 64),
    "posthog": lambda: "phx_" + some(AN, 43), "linear": lambda: "lin_api_" + some(AN, 40), "figma": lambda: "figd_" + some(URL, 40), "atlassian": lambda: "ATATT3x" + "FfGF0" + some(URL, 180) + "=" + some("0123456789ABCDEF", 8),
    "adobe": lambda: "p8e-" + some(URL, 32), "notion": lambda: "ntn_" + some(string.digits, 11) + some(AN, 35), "contentful": lambda: "CFPAT-" + some(URL, 43), "facebook": lambda: "EAAG" + some(AN, 170),
}
NAMED = {
    "datadog": ("DD_API_KEY", lambda: some(HEX, 32)), "algolia": ("ALGOLIA_ADMIN_API_KEY", lambda: some(HEX, 32)), "aws_secret": ("aws_secret_access_key", lambda: some(B64, 40)),
    "cloudflare": ("CLOUDFLARE_API_TOKEN", lambda: some(URL, 40)), "heroku": ("HEROKU_API_KEY", uuid), "cohere": ("COHERE_API_KEY", lambda: some(AN, 40)), "mistral": ("MISTRAL_API_KEY", lambda: some(AN, 32)),
    "twilio_auth": ("TWILIO_AUTH_TOKEN", lambda: some(HEX, 32)), "okta": ("OKTA_API_TOKEN", lambda: "00" + some(URL, 40)), "pagerduty": ("PAGERDUTY_TOKEN", lambda: some(AN, 20)),
    "own_hex": ("INTERNAL_SERVICE_TOKEN", lambda: some(HEX, 48)), "own_base64": ("session_secret", lambda: some(B64, 43) + "="), "own_key": ("encryptionKey", lambda: some(AN, 32)),
    "own_webhook": ("webhookSecret", lambda: some(AN, 24)), "own_client": ("client_secret", lambda: some(URL, 36)), "own_short": ("apiToken", lambda: some(AN, 16)),
}
NAME_FOR = ["API_KEY", "SERVICE_TOKEN", "ACCESS_KEY", "secretValue", "upstream_credential", "auth"]
# In each a name and a value: @ and %.
CODE = {
    "python": ['@ = "%"\nclient = Client(@)', 'os.environ["@"] = "%"', "requests.get(url, headers={'X-Auth': '%'})  # @", 'def connect(@: str = "%"):\n    pass'],
    "javascript": ["const @ = '%';", 'fetch(u, { headers: { "@": "%" } })', "process.env.@ = `%`;"], "go": ['const @ = "%"', 'os.Setenv("@", "%")', 'cfg := Config{@: "%"}'],
    "java": ['private static final String @ = "%";', 'builder.set@("%");'], "rust": ['const @: &str = "%";', 'let @ = String::from("%");'], "ruby": ["@ = '%'", 'ENV["@"] ||= "%"'],
    "php": ["define('@', '%');", "'@' => '%',"], "csharp": ['public string @ { get; } = "%";', 'services.Configure(o => o.@ = "%");'], "kotlin": ['val @ = "%"'], "swift": ['let @ = "%"', 'static let @: String = "%"'],
    "env": ["PORT=8080\n@=%\nDEBUG=0", 'export @="%"', "ENV @=%"], "yaml": ["svc:\n  @: %\n  replicas: 2", 'env:\n  - name: @\n    value: "%"'], "json": ['{"region": "eu", "@": "%", "retries": 3}', '{\\"@\\": \\"%\\"}'],
    "terraform": ['variable "x" {}\nprovider "y" {\n  @ = "%"\n}'], "toml": ['[auth]\n@ = "%"'], "xml": ["<add><@>%</@></add>", '<add key="@" value="%" />'], "shell": ["deploy --@ % --force", "@=% ./run.sh"],
    "diff": ["@@ -1 +1 @@\n-@ = ''\n+@ = '%'".replace("@@", "\0")], "log": ["2026-03-01T10:00:00Z ERROR upstream 401 @=% attempt=3", 'level=warn msg="bad credentials" @="%"'], "properties": ["app.@=%"],
}
CHAT = ["Why does it say 401? my key is %", "Please rotate the token % today", "I get 'invalid key' with token %, any hint?", "Is % a valid API key?", "mein API-Schlüssel: %", "la clave es %", "curl -H 'Authorization: Bearer %' https://svc.test/v2/x",
        "wget --header=\"X-Api-Key: %\" https://svc.test", "GET /v1?api_key=%&page=2 HTTP/1.1", "use this key: `%` and tell me what fails", "Set-Cookie and then token=%; Path=/"]
STRONG = ["tR7!mq2Lz", "hunter2", "Sommer2024!", "k9$Wz_31x", "P@ssw0rd1", "qwerty789", "x9-Lemon-44", "S3cure&Fast", "blauerElefant42", "Zk4mq8xW"]
PASSWORD = [("env", "DB_PASSWORD=%\nDB_HOST=db"), ("yaml", "spring:\n  datasource:\n    password: %\n"), ("json", '{"user": "ops", "password": "%"}'), ("odbc", "Driver={X};Server=db;Uid=app;Pwd=%;Encrypt=yes"),
    ("sentence", "my password is % and I cannot log in"), ("sentence", "the wifi password at the office is %"), ("sentence", "Mein Passwort lautet %"), ("sentence", "mi contraseña es %"), ("sentence", "mon mot de passe est %"),
    ("sentence", "minha senha é %"), ("sentence", "la mia password è %"), ("sentence", "мой пароль: %"), ("sentence", "我的密码是%"), ("sentence", "パスワードは%です"), ("sentence", "I changed the password to %"),
    ("python", 'conn = connect(user="app", password="%")'), ("php", "$config['db_pass'] = '%';"), ("shell", "sshpass -p '%' ssh ops@h1"), ("shell", "mysql -uroot -p% shop"), ("netrc", "machine h1.test login ops password %"),
    ("sql", "ALTER USER app WITH PASSWORD '%';"), ("java", 'ds.setPassword("%");'), ("properties", "smtp.password=%"), ("chat", "Login: ops\nPassword: %\nplease check"), ("terraform", 'master_password = "%"'), ("curl", "curl -u ops:% https://svc.test")]
URLS = ["postgresql://app:%@db1.test:5432/shop", "mysql+pymysql://app:%@10.0.0.5/shop", "mongodb+srv://svc:%@c0.test.net/?retryWrites=true", "redis://:%@cache.test:6379/0", "amqps://bot:%@mq.test/vh", "https://ci:%@git.test/a/b.git",
        "ftp://up:%@files.test", "jdbc:postgresql://app:%@db.test/x", "DATABASE_URL=postgres://u1:%@h:5432/d", "smtp://mail%40x.test:%@smtp.test:587"]
MISS = ["api_key: YOUR_API_KEY", "export OPENAI_API_KEY=sk-...", "token: <your token>", "password: ${DB_PASSWORD}", 'apiKey: process.env.API_KEY', "secret: {{ .Values.secret }}", 'password = os.getenv("PW")', "max_tokens: 4096, top_k: 40", "Password must be at least 12 characters",
    '<input type="password" name="password" placeholder="Password">', '"password": {"type": "string", "minLength": 8}', "the tokenizer splits tokens: 128", "AKIAIOSFODNN7EXAMPLE", "image: app@sha256:{h64}", 'integrity="sha512-{b86}=="', "commit {h40}", "request id {uuid}", 'ETag: "{h32}"',
    "key: {uuid}", "cache-key: v2-linux-{h40}", "ssh-rsa AAAAB3NzaC1yc2E{b200} me@host", "-----BEGIN CERTIFICATE-----\nMII{b200}\n-----END CERTIFICATE-----", "-----BEGIN PUBLIC KEY-----\nMII{b200}\n-----END PUBLIC KEY-----", "data:image/png;base64,iVBORw0{b200}",
    "https://docs.test/d/{a20}/edit", "next_page_token: {a20}", "md5: {h32}", "package-lock: resolved https://registry.test/a/-/a-1.2.3.tgz#{h40}", "risk-management task-force meeting of the desk-based team", "forgot password? password reset link sent", "secret: none", "passwd: changeme",
    "public_key: {b43}=", "primary_key: user_id", "bearer of bad news", "basic understanding of authentication", "the secret is to stir slowly", "Bearer ${TOKEN}", "password: ********", 'let token = lexer.nextToken();', "token = tokens[i + 1]", "self.password = password", "password=password",
    "http://localhost:3000/@vite/client", "git@github.com:org/repo.git", "postgres://user:password@localhost:5432/db", "npm i @scope/pkg@1.2.3", "color: #1a2b3c; key: value", "const key = event.key === 'Enter'", "trace_id={h32} span_id={h16}", "order 4711-{d12} shipped", "ISBN 978-3-16-148410-0",
    "glpat-xxxxxxxxxxxxxxxxxxxx", "ghp_your_token_here_please_replace_it", "hf_hub_download(repo_id='a/b')", "sk_buff *skb = alloc_skb(len, GFP_KERNEL);", "npm_config_registry=https://registry.test", "re_compile_pattern(pattern)", "com.example.auth.TokenService.refresh", "eyJ is how a JWT begins",
    "contract 0x{h40}", "tx 0x{h64}", "fingerprint: SHA256:{b43}", "nonce: {d12}", "UPDATE users SET password_hash = '$2b$12${b53}'", "Authorization: Basic <credentials>", "key=value&sort=asc&page=2", "keyboard: KC_LCTL, secret santa: 24 December", "el token expiró", "Das Passwort ist falsch", "mot de passe oublié ?", "密码不能为空",
    "secretName: app-tls-cert", "tokenUrl: https://id.test/oauth/token", "password_policy: min 12", "credentials: include", "auth: required", "session: 8h", "api-key: string", '"token_type": "bearer"', "access_token_expires_in=3600", "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"]


def filled(text):
    """A look-alike with its random parts."""
    for kind, chars in (("h", HEX), ("b", B64), ("a", AN), ("d", string.digits)):
        for n in (12, 16, 20, 32, 40, 43, 53, 64, 86, 200):
            while (mark := "{%s%d}" % (kind, n)) in text:
                text = text.replace(mark, some(chars, n), 1)
    return text.replace("{uuid}", uuid())


def row(text, value, kind, family, sub):
    """Puts the value where the text has its `%`."""
    at = text.index("%")
    return {"text": text[:at] + value + text[at + 1:], "spans": [{"start": at, "end": at + len(value), "type": kind, "sub": sub}], "family": family}


def in_code(name, value, kind, sub):
    family = rnd.choice(list(CODE))
    template = rnd.choice(CODE[family])
    text = template.replace("@", name).replace("\0", "@@")
    return row(text, value, kind, "code_" + family, sub)


def rows(times):
    for _ in range(times):
        for sub, make in PREFIXED.items():
            yield in_code(rnd.choice(NAME_FOR), make(), "SECRET", sub) if rnd.random() < 0.6 else row(rnd.choice(CHAT), make(), "SECRET", "chat", sub)
        for sub, (name, make) in NAMED.items():
            yield in_code(name, make(), "SECRET", sub)
        for _ in range(12):
            yield row(rnd.choice(CHAT + ["session=%", "id_token: %", '"jwt": "%"']), jwt(), "JWT", "jwt", "jwt")
        for shape in ["%", "here it is\n%\nthanks", "tls.key: |\n  %\n", '{"private_key": "%\\n"}', "> %", "cat id_rsa\n%"]:
            one_line = "private_key" in shape
            yield row(shape, pem("\\n" if one_line else "\n", "  " if "tls" in shape else "> " if shape[0] == ">" else ""), "PRIVATE_KEY", "pem", "pem")
        for family, text in PASSWORD:
            value = rnd.choice(STRONG) if rnd.random() < 0.5 else some(AN + "!_.*", rnd.randrange(8, 18)) + "4Z"
            yield row(text, value, "PASSWORD", "password_" + family, family)
        for text in URLS:
            yield row(text.replace("mail%40x", "mail"), some(AN + "!_-.~", rnd.randrange(6, 24)), "PASSWORD", "url", "url")
        for text in MISS:
            yield {"text": filled(text), "spans": [], "family": "near_miss"}


def load(line):
    """A row as it was before it was written: without the marks."""
    return json.loads(line.replace("\u2060", ""))


def main():
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    for number, it in enumerate(rows(times)):
        text = it["text"]
        marked = text
        if it["spans"]:
            start, end = it["spans"][0]["start"], it["spans"][0]["end"]
            value = text[start:end]
            step = 10**6 if it["spans"][0]["type"] == "PRIVATE_KEY" else 11
            value = "\u2060".join([value[:2], *[value[n:n + step] for n in range(2, len(value), step)]])
            marked = text[:start] + value + text[end:]
        print(json.dumps({"id": number, **it, "text": marked}, ensure_ascii=False))


if __name__ == "__main__":
    main()
