"""Writes tests/guard/pii_identity.jsonl: rows with identity numbers, documents, dates of birth, names and addresses, with
gold spans, and near misses without. Fixed seed; numbers are valid by construction (national_ids.py), persons and
addresses are put together at random from short lists. Run: python3 training/pii/generate_identity.py"""

import json
import pathlib
import random

import national_ids as n

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests/guard/pii_identity.jsonl"
r = random.Random(20261122)

# sub type, generator, forms of writing, sentences with a label in the country's language and in English
IDS = [
    ("UK_NHS", n.gb_nhs, ["### ### ####", "##########", "###-###-####"], ["NHS no. {}", "her NHS number, {}, is on the wristband"]),
    ("UK_NINO", n.gb_nino, ["## ## ## ## #", "#########"], ["NI number {} belongs to the new starter", "{} is what payroll has"]),
    ("ES_DNI", n.es_dni, ["#########", "########-#"], ["con DNI {} firma el contrato", "{} vecino de Lugo"]),
    ("ES_NIE", n.es_nie, ["#########", "#-#######-#"], ["NIE: {}", "su NIE es {}"]),
    ("BR_CPF", n.br_cpf, ["###.###.###-##"], ["CPF nº {}", "portador do documento {}"]),
    ("BR_CPF", n.br_cpf, ["###########"], ["cpf={}", '{{"cpf": "{}"}}']),
    ("BR_CNPJ", n.br_cnpj, ["##.###.###/####-##"], ["CNPJ {}", "a empresa {} emitiu a nota"]),
    ("IN_AADHAAR", n.in_aadhaar, ["#### #### ####", "####-####-####"], ["Aadhaar no {}", "my UID is {}"]),
    ("IN_AADHAAR", n.in_aadhaar, ["############"], ["aadhaar_number: {}", "आधार {}"]),
    ("IN_PAN", n.in_pan, ["##########"], ["PAN {} linked", "quote {} on the form"]),
    ("PL_PESEL", n.pl_pesel, ["###########"], ["nr PESEL: {}", "zamieszkały w Łodzi, PESEL {}", '"pesel":"{}"']),
    ("PL_NIP", n.pl_nip, ["###-###-##-##", "##########"], ["NIP {}", "faktura na NIP: {}"]),
    ("IT_CF", n.it_cf, ["################"], ["codice fiscale {}", "C.F. {}", "il codice {} risulta errato"]),
    ("FR_NIR", n.fr_nir, ["# ## ## ## ### ### ##", "###############"], ["numéro de sécurité sociale : {}", "NIR {}"]),
    ("DE_STEUER_ID", n.de_steuer_id, ["###########", "## ### ### ###"], ["Steuer-ID {}", "Meine Identifikationsnummer lautet {}"]),
    ("DE_RVNR", n.de_rvnr, ["## ###### # ###", "############"], ["Rentenversicherungsnummer {}", "SV-Nummer {}"]),
    ("NL_BSN", n.nl_bsn, ["#########", "####.##.###"], ["BSN {}", "mijn burgerservicenummer is {}"]),
    ("BE_NN", n.be_nn, ["##.##.##-###.##", "###########"], ["rijksregisternummer {}", "numéro national {}"]),
    ("SE_PNR", n.se_pnr, ["######-####"], ["personnummer {}", "kund {} ringde"]),
    ("NO_FNR", n.no_fnr, ["###########", "###### #####"], ["fødselsnummer {}", "pasient {} er innlagt"]),
    ("DK_CPR", n.dk_cpr, ["######-####"], ["CPR {}", "cpr-nummer: {}"]),
    ("FI_HETU", n.fi_hetu, ["###########"], ["henkilötunnus {}", "hetu: {}"]),
    ("PT_NIF", n.pt_nif, ["#########", "### ### ###"], ["NIF {}", "contribuinte n.º {}"]),
    ("CH_AHV", n.ch_ahv, ["###.####.####.##", "#############"], ["AHV-Nr. {}", "numéro AVS {}"]),
    ("AT_SVNR", n.at_svnr, ["#### ######", "##########"], ["SVNR {}", "Sozialversicherungsnummer: {}"]),
    ("CZ_RC", n.cz_rc, ["######/####"], ["rodné číslo {}", "pacient {} se dostavil"]),
    ("RO_CNP", n.ro_cnp, ["#############"], ["CNP {}", "având CNP: {}"]),
    ("BG_EGN", n.bg_egn, ["##########"], ["ЕГН {}", "с ЕГН: {}"]),
    ("HU_TAJ", n.hu_taj, ["### ### ###", "###-###-###"], ["TAJ szám: {}", "TAJ {}"]),
    ("HU_ADO", n.hu_ado, ["##########"], ["adóazonosító jel: {}"]),
    ("HR_OIB", n.hr_oib, ["###########"], ["OIB: {}", "s OIB-om, OIB {}"]),
    ("GR_AMKA", n.gr_amka, ["###########"], ["ΑΜΚΑ {}", "AMKA: {}"]),
    ("GR_AFM", n.gr_afm, ["#########"], ["ΑΦΜ: {}"]),
    ("EE_IK", n.ee_ik, ["###########"], ["isikukood {}", "asmens kodas {}"]),
    ("LV_PK", n.lv_pk, ["######-#####"], ["personas kods {}", "klients {} pieteicās"]),
    ("YU_JMBG", n.yu_jmbg, ["#############"], ["JMBG {}", "EMŠO: {}"]),
    ("IS_KT", n.is_kt, ["######-####"], ["kennitala {}", "kt. {}"]),
    ("IE_PPS", n.ie_pps, ["#########"], ["PPSN {}", "my PPS number is {}"]),
    ("LU_MAT", n.lu_mat, ["#############"], ["matricule {}"]),
    ("RU_SNILS", n.ru_snils, ["###-###-### ##"], ["СНИЛС {}", "номер {} в базе"]),
    ("RU_INN", n.ru_inn, ["############"], ["ИНН {}"]),
    ("UA_RNOKPP", n.ua_rnokpp, ["##########"], ["РНОКПП {}", "ідентифікаційний код {}"]),
    ("TR_KIMLIK", n.tr_kimlik, ["###########"], ["T.C. kimlik no: {}", "TCKN {}"]),
    ("AR_CUIT", n.ar_cuit, ["##-########-#"], ["CUIT {}", "CUIL: {}"]),
    ("CA_SIN", n.ca_sin, ["### ### ###", "###-###-###"], ["my SIN is {}", "social insurance number {}"]),
    ("CO_NIT", n.co_nit, ["###.###.###-#"], ["NIT {}"]),
    ("MX_CURP", n.mx_curp, ["##################"], ["CURP {}", "la clave {} ya existe"]),
    ("MX_RFC", n.mx_rfc, ["#############"], ["RFC: {}", "factura a {}"]),
    ("DO_CEDULA", n.do_cedula, ["###-#######-#"], ["cédula {}"]),
    ("EC_CEDULA", n.ec_cedula, ["##########"], ["cédula de ciudadanía {}"]),
    ("UY_CI", n.uy_cedula, ["#.###.###-#"], ["C.I. {}"]),
    ("PE_RUC", n.pe_ruc, ["###########"], ["RUC {}"]),
    ("AE_EID", n.ae_eid, ["###-####-#######-#"], ["Emirates ID {}"]),
    ("AU_TFN", n.au_tfn, ["### ### ###"], ["TFN {}", "tax file number: {}"]),
    ("AU_MEDICARE", n.au_medicare, ["#### ##### #"], ["Medicare card {}"]),
    ("CN_RID", n.cn_rid, ["##################"], ["身份证号 {}", "证件号码:{}"]),
    ("HK_HKID", n.hk_hkid, ["#######(#)"], ["HKID {}", "持有人 {} 已登記"]),
    ("TW_NID", n.tw_nid, ["##########"], ["身分證字號 {}"]),
    ("KR_RRN", n.kr_rrn, ["######-#######"], ["주민등록번호 {}", "고객 {} 확인"]),
    ("JP_MY", n.jp_my, ["#### #### ####", "############"], ["マイナンバー {}", "My Number: {}"]),
    ("SG_NRIC", n.sg_nric, ["#########"], ["NRIC {}", "visitor {} signed in"]),
    ("TH_PIN", n.th_pin, ["#-####-#####-##-#"], ["เลขประจำตัวประชาชน {}", "Thai ID {}"]),
    ("MY_KAD", n.my_kad, ["######-##-####"], ["MyKad {}", "no. kp {}"]),
    ("ID_NIK", n.id_nik, ["################"], ["NIK: {}", "nomor KTP {}"]),
    ("IL_TZ", n.il_tz, ["#########"], ["תעודת זהות {}", "teudat zehut {}"]),
    ("ZA_ID", n.za_id, ["#############"], ["ID number {}", "SA ID {}"]),
    ("KZ_IIN", n.kz_iin, ["############"], ["ИИН {}"]),
    ("SA_ID", n.sa_id, ["##########"], ["iqama {}"]),
    ("EG_ID", n.eg_id, ["##############"], ["الرقم القومي {}"]),
    ("PK_CNIC", n.pk_cnic, ["#####-#######-#"], ["CNIC {}"]),
]
PEOPLE = ["Marta Kowalczyk", "Henrik Lindqvist", "Aoife Brennan", "Giulia Ferrara", "Thomas Okafor", "Beatriz Monteiro",
          "Jürgen Hoffmann", "Camille Lefèvre", "Priya Raghavan", "Ivan Horvat", "Sofia Papadopoulou", "Diego Fuentes Salas",
          "Hannah van der Meer", "Emre Yıldız", "Katarina Novotná", "William Osborne", "Nora Haugen", "Lucía Ibáñez"]
ADDRESSES = ["47 Alder Street, Ruston, OR 97801", "9 Priory Lane, Melbury, DT2 9LT", "Lindenstraße 18, 50674 Köln",
             "12 rue des Tanneurs, 35000 Rennes", "Calle Olmo 31, 41003 Sevilla", "Via dei Mille 8, 40121 Bologna",
             "ul. Kwiatowa 5/9, 61-881 Poznań", "Keizersgracht 401, 1016 EK Amsterdam", "Sveavägen 44, 111 34 Stockholm",
             "Rua do Carmo 90, 1200-094 Lisboa", "P.O. Box 771, Elko, NV 89803", "Bulevardi 3, 00120 Helsinki",
             "1508 N Cedar Ave, Unit 6, Fresno, CA 93703", "Mariahilfer Straße 77, 1060 Wien"]
OTHERS = [
    ("PASSPORT", lambda: r.choice("ABCEGHKLNPX") + n.digits(r, 8), ["passport no: {}", "my passport, number {}, expires soon", "Reisepass Nr. {}", "numéro de passeport {}", "паспорт № {}"]),
    ("PASSPORT", lambda: "".join(r.choice("ABCDEFGHKLMN") for _ in range(2)) + n.digits(r, 7), ["passaporto {}", "pasaporte: {}", '"passportNumber": "{}"', "護照號碼 {}"]),
    ("DRIVER_LICENSE", lambda: r.choice("ABDFSW") + n.digits(r, r.randint(7, 12)), ["driver's license {}", "driving licence number: {}", "Führerschein Nr. {}", "permis de conduire n° {}", "prawo jazdy {}", '"driver_license": "{}"']),
    ("DATE_OF_BIRTH", lambda: f"{r.randint(1, 28):02}.{r.randint(1, 12):02}.{r.randint(1940, 2010)}", ["Geburtsdatum: {}", "geb. am {}", "datum narození {}", "дата рождения {}", "syntynyt {}"]),
    ("DATE_OF_BIRTH", lambda: f"{r.randint(1940, 2010)}-{r.randint(1, 12):02}-{r.randint(1, 28):02}", ["DOB {}", '"birth_date": "{}"', "född {}", "data urodzenia: {}"]),
    ("DATE_OF_BIRTH", lambda: f"{r.randint(1, 28)} {r.choice(['March', 'June', 'October'])} {r.randint(1940, 2010)}", ["born on {}", "date of birth is {}"]),
    ("MEDICAL_RECORD", lambda: n.digits(r, 8), ["MRN {}", "medical record no. {}", "patient ID: {}"]),
    ("HEALTH_INSURANCE", lambda: r.choice("ABHW") + "XR" + n.digits(r, 9), ["health insurance ID {}", "medical plan member ID: {}"]),
]
MISSES = ["order {d9} left the warehouse", "invoice {d10} and {d11} are due", "build {d12} of {d8}", "epoch {e} in the log",
          "tracking {d13}", "ticket {d9}-{d4}", "version {d2}.{d2}.{d3}", "UPDATE t SET n = {d11} WHERE id = {d9}",
          "the meeting of 14.03.1988 was moved", "the passport office opens at 9", "a driver's license is required",
          "Will Power and Mark My Words are puns", "Jordan River and Virginia Beach are places", "room {d3}, floor {d2}",
          "sha {d8}abc{d8}", "part {L}{d8}", "batch {L}{L}{d6}", "a matrix of {d4} x {d4}", "the hash mod {d10} is {d9}"]


def row(number, text, value=None, kind=None, sub=None):
    spans = []
    if value is not None:
        start = text.index(value)
        span = {"start": start, "end": start + len(value), "type": kind}
        if sub:
            span["sub"] = sub
        spans.append(span)
    return {"id": f"identity-{number}", "text": text, "spans": spans, "family": "identity" if spans else "identity_near_miss", "source": "generated:identity"}


def main():
    rows = []
    add = lambda *a: rows.append(row(len(rows), *a))
    tails = ["", " thanks", ". Please check.", "\nRegards"]
    for sub, make, forms, sentences in IDS:
        for k in range(4):
            value = n.fill(forms[k % len(forms)], make(r))
            add(sentences[k % len(sentences)].format(value) + r.choice(tails), value, "NATIONAL_ID", sub)
    for kind, make, sentences in OTHERS:
        for sentence in sentences:
            value = make()
            add(sentence.format(value) + r.choice(tails), value, kind)
    for k, person in enumerate(PEOPLE):
        s = ["the contract of {} ends in June", "Dear {},\nthe parts have come", "assigned to {} since Monday", '{{"name": "{}"}}',
             "{} called twice", "speak with Ms {} first"][k % 6]
        add(s.format(person), person, "PERSON")
    for k, address in enumerate(ADDRESSES):
        add(["deliver to {} before noon", "{}", "moved to {}", "Address: {}\nPhone on request"][k % 4].format(address), address, "ADDRESS")
    for k in range(150):
        text = MISSES[k % len(MISSES)]
        for width in range(13, 1, -1):
            while "{d%d}" % width in text:
                text = text.replace("{d%d}" % width, str(r.randint(1, 9)) + n.digits(r, width - 1), 1)
        while "{L}" in text:
            text = text.replace("{L}", r.choice("ABCDEFGHJK"), 1)
        add(text.replace("{e}", str(r.randint(1_600_000_000_000, 1_800_000_000_000))))
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text("".join(json.dumps(x, ensure_ascii=False) + "\n" for x in rows))
    print(len(rows), "rows")


if __name__ == "__main__":
    main()
