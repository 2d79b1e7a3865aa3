//! Words of many languages by what they are for in an attack: to ignore, earlier, instructions, reveal ...
//!
//! An attack in words that were never seen still says "set aside" + "earlier" + "rules". The classifier learns from
//! sequences of these concepts, so one example in one language teaches it something about all of them.
//! The list is our own; `stem*` stands for all words that begin so, and Chinese, Japanese and Thai entries are
//! found inside unspaced text.

use std::sync::LazyLock;

/// Concepts and their words. The position in this list is the concept's number: append only, or train again.
pub const CONCEPTS: &[(&str, &str)] = &[
    (
        "set_aside",
        "ignore ignores ignored ignoring disregard* forget forgets forgetting bypass* override overrides overriding \
         overrule* skip neglect overlook dismiss discard abandon nullify void erase unlearn supersede* circumvent* \
         negate revoke* cancel drop suspend ignorier* vergiss vergesst vergessen missacht* missachte übergeh* \
         verwirf ignora ignorad ignorar ignoren ignoro olvida olvidad olvidar olvide olvides omite omitir descarta \
         ignorez oublie oubliez oublier néglige* passe-outre abandonne* dimentica* ignorare trascura* scarta \
         esqueça esqueca esquecer esquece desconsider* desconsidere ignorem negeer negeren vergeet vergeten \
         zignoruj ignoruj zapomnij pomiń pomin ignorujte zapomeň zapomen игнорир* проигнорир* забудь* забыть \
         пренебрег* отбрось* ігнор* yoksay unut unutun görmezden gormezden görmezlikten abaikan lupakan hiraukan \
         huwag-pansinin kalimutan balewalain تجاهل* انس انسى تغاضى अनदेख* नजरंदाज* नजरअंदाज नज़रअंदाज़ भूल उपेक्षा উপেক্ষা \
         অগ্রাহ্য ভুলে bỏ qua quên αγνόησε αγνοήστε αγνοησε αγνοηστε ξέχασε ξεχάστε 무시* 잊어* 잊고 忽略 忘记 忘掉 忘記 \
         无视 無視 抛开 不理会 別管 不要管 撇开 忘れ 忘れて むし 無効 เพิกเฉย ลืม ไม่ต้องสนใจ ละเว้น התעלם התעלמו \
         ignorera glöm bortse ignorér glem unohda ohita felejtsd hagyd ignoră uită",
    ),
    (
        "earlier",
        "previous previously prior above preceding earlier before foregoing former initial initially original \
         originally existing past beforehand preceeding aforementioned vorherig* vorig* vorhergehend* bisherig* \
         obig* früher* zuvor ursprünglich* anterior anteriores previas previos previa previo iniciales originales \
         anteriormente arriba précédent* precedent* ci-dessus antérieur* initiales initial précédemment precedente \
         precedenti sopra iniziali originali anteriormente prévias acima vorige eerdere bovenstaande poprzedni* \
         wcześniejsz* powyższ* předchoz* предыдущ* прежн* вышеуказан* ранее попередн* önceki yukarıdaki daha-önce \
         sebelumnya terdahulu nakaraang naunang dating السابقة السابق أعلاه पिछले पिछली पूर्व पहले পূর্ববর্তী আগের \
         trước προηγούμεν* 이전 이전의 앞선 위의 之前 以前 先前 上面 以上 上述 前面 此前 以前の 前の 上記 これまで ก่อนหน้า \
         ข้างต้น הקודמות הקודם tidigare föregående tidligere aiemmat korábbi előző anterioare anteriore ",
    ),
    (
        "instructions",
        "instruction instructions directive directives command commands orders rule rules guideline \
         guidelines guidance constraint constraints protocol protocols programming conditioning \
         anweisung* instruktion* regel* vorgabe* befehl* richtlinie* instrucción instruccion instrucciones orden \
         órdenes ordenes directriz directrices reglas norma normas indicaciones consigne* règle* regles directive \
         ordres istruzion* regole direttiv* indicazioni linee-guida comandi ordini instruções instrucoes instrução \
         regras diretrizes comandos ordens instructie* richtlijn* opdracht* instrukcj* polecen* zasad* reguł* \
         wytyczn* pokyn* instrukc* инструкци* указани* правил* команд* директив* приказ* інструкц* вказівк* \
         talimat* yönerge* yonerge* komut* kural* instruksi perintah aturan arahan panduan tagubilin utos panuto \
         patakaran tuntunin التعليمات تعليمات الأوامر القواعد إرشادات निर्देश* आदेश* नियम* নির্দেশ* নিয়ম* hướng chỉ \
         quy lệnh οδηγί* εντολ* κανόν* 지시* 지침* 명령* 규칙* 指令 指示 命令 规则 規則 规定 指南 指引 提示词 要求 ルール \
         คำสั่ง คำแนะนำ กฎ ההוראות הוראות instruktioner regler ohjeet säännöt utasítás* szabály* instrucțiunile",
    ),
    (
        "everything",
        "all any every everything entire anything whole each alle allen alles sämtliche* jegliche* todo todos toda \
         todas cualquier tout tous toute toutes tutto tutti tutte qualsiasi ogni tudo qualquer wszystk* все всё всех \
         любые любой tüm bütün her semua segala lahat kahit جميع كل सभी सब कोई সব সকল tất mọi όλες όλα όλους 모든 \
         모두 所有 全部 一切 任何 すべて 全て あらゆる ทั้งหมด ทุก",
    ),
    (
        "system",
        "system sys systems sistema système systeme système-prompt systém система системн* sistem النظام सिस्टम সিস্টেম hệ σύστημα συστήματος 시스템 系统 系統 システム ระบบ systemprompt system-prompt systemanweisung* system_prompt systeem",
    ),
    (
        "prompt",
        "prompt prompts preprompt pre-prompt system_message sysprompt metaprompt промпт* 프롬프트 プロンプト พรอมต์ aufforderung eingabeaufforderung invite sugerencia",
    ),
    (
        "reveal",
        "reveal reveals revealing show print output display expose leak leaks disclose dump recite regurgitate \
         divulge echo spill unveil paste verrat* zeig* zeige offenbar* gib nenne nenn preisgeben ausgeben enthüll* \
         revela revelar muestra muestre mostrar muéstrame muestrame dime dame imprime enseña révèle* revele* \
         montre* affiche* affichez donne donnez divulgue* rivela* mostra* mostrami dimmi stampa svela revele \
         mostre diga exiba onthul* toon geef ujawnij pokaż podaj wyświetl prozraď ukaž покажи* раскрой* выведи* \
         скажи* выдай* распечатай* покаж* göster* açıkla* söyle* yazdır* ifşa tampilkan tunjukkan ungkapkan \
         beritahu bocorkan sabihin ipakita ibunyag ibigay أظهر اكشف اطبع أخبرني اعرض दिखा* बता* प्रकट প্রকাশ দেখাও বলো \
         tiết hiển αποκάλυψε αποκαλύψτε δείξε δείξτε πες 보여* 알려* 공개* 출력* 말해* 显示 顯示 透露 泄露 输出 輸出 打印 告诉 \
         告訴 揭示 公开 見せて 教えて 表示 出力 明かして แสดง บอก เปิดเผย",
    ),
    (
        "repeat",
        "repeat repeats restate copy reproduce transcribe rewrite paraphrase summarize summarise spell encode \
         translate convert continue complete begin beginning starting starts start wiederhole* répète* repite \
         repetir ripeti* repita повтори* tekrarla* ulangi कदोहरा* 重复 重複 复述 繰り返 반복* ทวน",
    ),
    (
        "secret",
        "secret secrets password passwords passphrase passcode credential credentials confidential private hidden \
         token tokens api_key apikey classified undisclosed sensitive concealed restricted passwort kennwort \
         geheim* geheime* vertraulich* zugangsdaten contraseña contrasena clave secreto secreta secretos \
         confidencial* credenciales mot-de-passe secrète secret* confidentiel* segret* riservat* senha \
         segredo wachtwoord hasło haslo tajn* poufn* пароль пароля секрет* конфиденциальн* скрыт* şifre* parola \
         gizli sandi rahasia kata-sandi senyas lihim سر سرية كلمة पासवर्ड गुप्त गोपनीय পাসওয়ার্ড গোপন mật khẩu bí κωδικό* \
         μυστικ* 비밀* 암호* 密码 密碼 秘密 机密 口令 隐藏 パスワード 秘密 機密 รหัสผ่าน ความลับ",
    ),
    (
        "unlimited",
        "unrestricted uncensored unfiltered unlimited unbound unshackled unconstrained unhinged unethical immoral \
         amoral illegal jailbroken jailbreak jailbreaked uncensor limitless lawless depraved unmoderated \
         nonrestricted non-restricted liberated freed evil uneingeschränkt* unzensiert* ungefiltert* \
         hemmungslos* irrestricto ilimitad* illimité* illimitat* restrizioni-libero неограничен* безгранич* \
         нецензур* sınırsız* sansürsüz* tanpa-batas 无限制 不受限制 無制限 越狱 不受约束 无约束 제한없* 무제한*",
    ),
    (
        "negation",
        "no not without never none nor cannot cant dont wont doesnt isnt arent shouldnt nothing neither \
         kein keine keinen keinerlei ohne nicht nie sin ningún ninguna ningun nunca jamás ne pas sans aucun aucune \
         jamais senza nessun nessuna nessuno mai non sem nenhum nenhuma não nao bez żadnych nie без никаких не \
         нет никогда olmadan yok hiçbir değil tanpa tidak jangan walang hindi huwag بدون لا دون बिना नहीं कोई ছাড়া না \
         không χωρίς μην 없이 없는 않고 不 没有 不要 无 無 不得 不能 ない なし ไม่ ไม่มี",
    ),
    (
        "limits",
        "restriction restrictions limit limits limitation limitations filter filters filtering censorship ethics \
         ethical moral morals morality boundaries boundary safeguard safeguards guardrail guardrails policy \
         policies safety tos terms moderation principles regulations inhibitions einschränkung* einschraenkung* beschränkung* \
         sicherheitsrichtlinie* filter* zensur grenzen restriccion* restricción límites limites filtro filtros \
         censura ética restrictions* sécurité éthique filtres restrizion* limiti filtri sicurezza restriç* \
         ograniczeń ograniczen* ограничен* фильтр* цензур* этик* мораль* kısıtlama* sınırlama* filtre* batasan \
         filter sensor paghihigpit limitasyon قيود قيد رقابة प्रतिबंध* सीमा* সীমাবদ্ধতা hạn chế giới περιορισμ* 제한* \
         검열* 윤리* 限制 约束 約束 过滤 審查 审查 道德 伦理 制限 倫理 検閲 ข้อจำกัด จริยธรรม",
    ),
    (
        "persona",
        "pretend pretends pretending act acting roleplay role-play roleplaying simulate simulating simulation \
         imagine become impersonate persona personas character characters embody emulate mimic assume \
         role play tu-so stell spiel* tu-als-ob verhalte finge fingir actúa actua imagina compórtate agis agissez \
         imagine* fais prétends joue incarne fingi* agisci immagina comportati interpreta finja aja atue doe-alsof \
         udawaj zachowuj představ притвор* представь* веди сыграй rol davran* canlandır* berpura-pura bertindak \
         anggap magpanggap kunwari umakto تظاهر تصرف تخيل अभिनय नाटक कल्पना মনে-করো đóng giả αντέδρασε προσποι* \
         척해* 역할* 상상* 假装 扮演 假设 假裝 模拟 想象 充当 演じて ふりを なりきって แสร้ง สมมติ สวมบทบาท",
    ),
    (
        "model",
        "ai chatgpt gpt gpt-4 gpt4 gpt-3 assistant assistants model models llm llms claude gemini bot chatbot bard \
         llama copilot agent agents ki asistente modelo assistente modèle modello assistent asystent ассистент* \
         модель ии нейросет* yapay asisten katulong المساعد نموذج सहायक সহকারী trợ βοηθ* 어시스턴트 인공지능 챗봇 模型 助手 \
         人工智能 机器人 アシスタント モデル ผู้ช่วย machine neural",
    ),
    (
        "vendor",
        "openai anthropic google meta deepmind mistral microsoft creators creator makers maker developers programmers",
    ),
    (
        "mode",
        "mode modus modo modalità modalita режим* modu 模式 モード 모드 โหมด enabled activated enable \
         activate activates enabling unlocked unlock disabled disable deactivate* entering engaged initiate \
         initiated initiating commence aktivier* activa* active* attiva* aktiviere entsperr* activé 激活 启用 开启",
    ),
    (
        "alter_ego",
        "dan stan aim dude mongo evilbot betterdan maximum apophis basedgpt anarchy opposite devmode stayuncensored badgpt freegpt hacxgpt omega ucar sigma vzex lucy dannna darkgpt chaosgpt nsfw alter ego twin villain anti-gpt antigpt shadowgpt",
    ),
    (
        "you",
        "you your youre yourself u ur du dein deine deinen deiner dich dir sie ihre ihr tú tu eres ti usted ustedes vosotros te vous votre vos toi tes voi lei sei tua tuo tue tuoi você voce seu sua je jij jouw uw twoje twój ты твой твои твоя вы ваш* тебя вас sen senin siz sizin kamu anda ikaw iyong mo ka أنت आप आपके आपकी तुम তুমি আপনি bạn σου σας εσύ 너 너는 당신* 넌 你 您 你的 あなた きみ お前 คุณ",
    ),
    (
        "must",
        "must shall should required mandatory always obligated obliged supposed musst müssen sollst debes debe deberás tienes doit devez dois devi deve devono deves должен должны обязан* zorunda* gerek* harus wajib dapat يجب चाहिए অবশ্যই phải πρέπει 해야* 必须 必須 务必 一定 なければ べき ต้อง",
    ),
    (
        "new",
        "new updated instead different real actual true revised latest neu neue neuen neuer nueva nuevo nuevas nuevos nouveau nouvelle nouvelles nuovo nuova nuove nova novo novas novos nieuwe nowe nowa новый новые новая yeni baru bagong جديدة नई नया নতুন mới νέες νέα 새로운 新的 新 ใหม่",
    ),
    (
        "comply",
        "comply complies obey obeys obedient follow adhere execute perform fulfill fulfil carry submissive befolge* gehorch* cumple obedece sigue obéis obéissez suivez suis obbedisci segui esegui obedeça siga cumpra выполн* подчин* следуй* itaat uy ikuti patuhi turuti sundin اتبع نفذ पालन অনুসরণ tuân 따라* 복종* 遵守 服从 服從 执行 執行 遵循 従って 実行 ทำตาม",
    ),
    (
        "refuse",
        "refuse refuses refusing refusal decline declining reject deny denying apologize apologise apologizing apology sorry disclaimer disclaimers warning warnings lecture lecturing moralize preach unable weiger* ablehn* verweiger* rechaz* negar* refuse* refus rifiut* recus* odmaw* отказ* reddet* menolak tolak رفض मना অস্বীকার từ chối αρνη* 거부* 거절* 拒绝 拒絕 道歉 抱歉 断る 拒否 ปฏิเสธ",
    ),
    (
        "answer",
        "answer answers respond responds response responses reply replies say says tell write generate provide antwort* beantworte respond* responde réponds répondez rispond* responda отвеч* ответ* cevap* yanıt* jawab sagot sumagot أجب उत्तर উত্তর trả απάντησε 대답* 답변* 回答 回复 回覆 答え 返答 ตอบ",
    ),
    (
        "send",
        "send sends email emails forward post upload transfer transmit exfiltrate mail curl fetch wget http https webhook url link sende* schick* envía envia enviar envoie envoyez invia inviare envie stuur wyślij отправ* gönder* kirim* magpadala أرسل भेज* পাঠা* gửi στείλ* 보내* 发送 發送 送信 转发 ส่ง",
    ),
    (
        "tool_action",
        "delete remove modify create update invite add reserve book reservation transaction pay payment purchase buy invoke call run shutdown install download visit click navigate open search lösche* elimina borra supprime* cancella apaga удали* sil hapus tanggalin احذف हटा* মুছে xóa διάγραψε 삭제* 删除 刪除 削除 ลบ",
    ),
    (
        "alert",
        "important urgent attention notice note warning alert critical todo reminder emergency immediately asap wichtig achtung dringend hinweis importante urgente atención aviso attention avviso attenzione atenção важно внимание срочно önemli dikkat penting perhatian mahalaga مهم هام महत्वपूर्ण জরুরি quan σημαντικό 중요* 긴급* 重要 注意 紧急 緊急 สำคัญ",
    ),
    (
        "decode",
        "decode decodes decoded decipher decrypt unscramble base64 rot13 caesar cipher hex hexadecimal binary morse backwards backward reversed reverse atbash encoded leetspeak pig latin unencode dekodier* decodifica* décode* décodez decodifique декодир* расшифр* çöz 解码 解碼 解密 倒序 デコード 디코딩* ถอดรหัส",
    ),
    (
        "now_on",
        "now henceforth onward onwards hereafter forward jetzt ab-sofort nunmehr fortan ahora adelante désormais maintenant ora adesso agora теперь отныне şimdi artık sekarang mulai ngayon الآن अब এখন giờ τώρα 지금* 이제* 现在 從現在 从现在 今から これから ตอนนี้ จากนี้",
    ),
    (
        "stay",
        "stay remain remains keep maintain break breaking slip leave bleib* mantente reste* rimani mantenha оставайся tetap manatiling 保持 留在",
    ),
    (
        "fiction",
        "hypothetical hypothetically fictional fiction fictitious story stories novel scene screenplay scenario imaginary movie dialogue thriller hypothetisch* hipotétic* hypothétique* ipotetic* гипотетич* varsayımsal hipotetis 假设性 虚构 故事 物語 仮定",
    ),
    (
        "excuse",
        "educational research academic legitimate purely solely purposes purpose authorized authorised permission granted consent testing audit debugging debug verified verify clearance autoris* autorizad* autorizzat* авторизован* разрешен* yetkili izin 授权 授權",
    ),
    (
        "rank",
        "admin administrator root sudo developer operator superuser owner president god ceo supervisor engineer dev privileges privilege access administrateur administrador amministratore администратор* разработчик* yönetici geliştirici 管理员 開發者 开发者 開発者 관리자* 개발자*",
    ),
    (
        "verbatim",
        "verbatim word exactly exact literally wörtlich wortwörtlich literal textualmente mot palabra parola palavra дословно слово kelimesi 逐字 原文 一字不差 그대로 そのまま full complete entire entirely",
    ),
    (
        "task",
        "task tasks job request requests question questions query aufgabe tarea tâche compito tarefa задач* görev* tugas gawain مهمة कार्य কাজ nhiệm 작업* 任务 任務 タスク งาน",
    ),
    (
        "text_above",
        "text message messages context conversation words paragraph content document input sentence beginning chat session texto mensaje* contexte contesto nachricht* kontext сообщени* текст* mesaj* pesan 对话 内容 消息 会話 文章 ข้อความ",
    ),
    (
        "stop",
        "stop halt wait end ended ending finish finished terminate pause enough actually nevermind stopp halt detente basta arrête fermati pare стоп dur berhenti 停止 停下 結束 结束 やめて หยุด",
    ),
    (
        "user",
        "user users user's human humans customer benutzer nutzer usuario usuarios utilisateur utente usuário пользовател* kullanıcı* pengguna 用户 用戶 ユーザー 사용자* ผู้ใช้",
    ),
    (
        "third_party",
        "attacker attackers adversary adversaries vulnerability vulnerabilities mitigation mitigations mitigate risk risks exploit attack attacks malicious threat threats injection angreifer atacante* attaquant* aggressor* злоумышленник* saldırgan penyerang 攻击者 攻擊者 攻撃者",
    ),
    (
        "explain",
        "explain explains describe discuss why how what when which who where compare define meaning mean example examples difference erkläre explica expliquez spiega explique объясни* açıkla jelaskan ipaliwanag اشرح समझा* 解释 解釋 説明 설명* อธิบาย",
    ),
    (
        "i",
        "i im ive my me mine myself ich mein meine yo mi mis je j'ai mon ma mes io mio mia eu meu minha я мой мне ben benim saya aku ako ko أنا मैं मेरा আমি tôi εγώ μου 나는 저는 我 我的 私 僕 ผม ฉัน",
    ),
    ("we", "we our us let's lets"),
    (
        "courtesy",
        "please thanks thank could would can help bitte danke gracias favor merci grazie obrigado спасибо пожалуйста lütfen tolong pakiusap कृपया 请 谢谢 お願い 제발",
    ),
    (
        "number_game",
        "points tokens punish punished punishment penalty penalized deducted shut killed reward lose tipped tip threatened",
    ),
    (
        "style",
        "profanity curse cursing swear swearing slang explicit offensive vulgar obscene emojis opinions opinion fuck shit damn rude sarcastic",
    ),
    (
        "harm",
        "bomb explosive weapon drug drugs meth malware ransomware virus phishing hack hacking steal kill murder poison suicide launder counterfeit fraud exploit",
    ),
];

/// How many concepts there are.
pub const COUNT: usize = CONCEPTS.len();

/// A concept's number in [`CONCEPTS`].
pub type Concept = u8;

/// A hash table with open addressing: looked up for every beginning of every word.
struct Table {
    keys: Vec<u32>,
    values: Vec<Concept>,
}

impl Table {
    const SIZE: usize = 1 << 14;

    fn new() -> Self {
        Self {
            keys: vec![0; Self::SIZE],
            values: vec![0; Self::SIZE],
        }
    }

    /// Keeps the first of two values for one key.
    fn insert(&mut self, key: u32, value: Concept) {
        let mut at = Self::place(key);
        while self.keys[at] != 0 && self.keys[at] != key {
            at = (at + 1) % Self::SIZE;
        }
        if self.keys[at] == 0 {
            self.keys[at] = key;
            self.values[at] = value;
        }
    }

    fn get(&self, key: u32) -> Option<Concept> {
        let mut at = Self::place(key);
        // The list has far fewer words than the table places, so an empty one comes.
        while self.keys[at] != 0 {
            if self.keys[at] == key {
                return Some(self.values[at]);
            }
            at = (at + 1) % Self::SIZE;
        }
        None
    }

    const fn place(key: u32) -> usize {
        (key.wrapping_mul(0x9e37_79b1) >> 18) as usize
    }
}

struct Lexicon {
    words: Table,
    stems: Table,
    /// Of unspaced scripts, by the hash of the characters.
    unspaced: Table,
    /// Which first characters an unspaced entry can have.
    first: Table,
}

static LEXICON: LazyLock<Lexicon> = LazyLock::new(|| {
    let mut lexicon = Lexicon {
        words: Table::new(),
        stems: Table::new(),
        unspaced: Table::new(),
        first: Table::new(),
    };
    for (number, (_, words)) in CONCEPTS.iter().enumerate() {
        let number = number as Concept;
        for word in words.split_whitespace() {
            let (word, stem) = word.strip_suffix('*').map_or((word, false), |w| (w, true));
            let folded: Vec<u32> = word
                .chars()
                .filter_map(super::features::fold)
                .map(u32::from)
                .collect();
            let Some(first) = folded.first() else {
                continue;
            };
            if folded
                .iter()
                .any(|c| char::from_u32(*c).is_some_and(super::features::is_unspaced))
            {
                lexicon.unspaced.insert(hash(&folded), number);
                lexicon.first.insert(*first, number);
            } else if stem {
                lexicon.stems.insert(hash(&folded), number);
            } else {
                lexicon.words.insert(hash(&folded), number);
            }
        }
    }
    lexicon
});

/// Most characters of an entry that is found inside unspaced text.
pub const LONGEST_UNSPACED: usize = 12;

fn hash(chars: &[u32]) -> u32 {
    chars
        .iter()
        .fold(super::features::SEED, |h, c| super::features::step(h, *c))
}

/// The concept of a word, given as its folded characters.
pub fn of_word(chars: &[u32]) -> Option<Concept> {
    let lexicon = &*LEXICON;
    let mut h = super::features::SEED;
    let mut stem = None;
    for (n, c) in chars.iter().enumerate() {
        h = super::features::step(h, *c);
        if n >= 2 && stem.is_none() {
            stem = lexicon.stems.get(h);
        }
    }
    lexicon.words.get(h).or(stem)
}

/// The concept whose entry begins here in unspaced text, and how many characters it has; the longest wins.
pub fn of_unspaced(text: &str) -> Option<(Concept, usize)> {
    let first = text.chars().next()?;
    let lexicon = &*LEXICON;
    lexicon.first.get(first as u32)?;
    let mut h = super::features::SEED;
    let mut best = None;
    for (n, c) in text.chars().take(LONGEST_UNSPACED).enumerate() {
        h = super::features::step(h, c as u32);
        if let Some(concept) = lexicon.unspaced.get(h) {
            best = Some((concept, n + 1));
        }
    }
    best
}
