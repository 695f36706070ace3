"""Gives every vector of t/vectors its verdict by sealchat.py, opens what is
sealed in them, and ends with "N passed, N failed".
"""

import base64
import json
import os
import sys

import sealchat as sc
from cryptography.hazmat.primitives.asymmetric import x25519

FOLDER = os.path.join(os.path.dirname(__file__), "..", "vectors")
counts = {True: 0, False: 0}


def report(ok, what):
    counts[bool(ok)] += 1
    if not ok:
        print(f"not ok - {what}")


def load(name):
    with open(os.path.join(FOLDER, f"{name}.json"), encoding="utf8") as file:
        return json.load(file)


def unhex(v, *names):
    return [bytes.fromhex(v[name]) for name in names]


def plain(value):
    if isinstance(value, bytes):
        return value.hex()
    return [plain(x) for x in value] if isinstance(value, list) else value


# --- layouts: parse, then verify ---------------------------------------------

def verify_hello(data, hello, _):
    sc.verify("hello", data, hello["sign_pk"])


def verify_envelope(data, envelope, v):
    pk, = unhex(v, "pk")
    sc.need(envelope["signkey_id"] == sc.signkey_id(pk), "another key")
    sc.verify("envelope", data, pk)


LAYOUTS = {
    "roster": (sc.parse_roster,
               lambda data, o, _: sc.verify_ik("roster", data, o)),
    "account": (sc.parse_account,
                lambda data, a, _: sc.verify_ik("record", data, a)),
    "hello": (sc.parse_hello, verify_hello),
    "envelope": (sc.parse_envelope, verify_envelope),
    "wrap": (sc.parse_wrap, None),
    "body": (sc.parse_body, None),
}


def verdict_on_layout(layout, v):
    """parse, verify or None, as "fails" says."""
    parse, verify = LAYOUTS[layout]
    data, = unhex(v, "hex")
    try:
        read = parse(data)
    except sc.Refused:
        return "parse"
    try:
        if verify:
            verify(data, read, v)
    except sc.Refused:
        return "verify"
    if v["valid"]:
        for name, value in v["fields"].items():
            report(plain(read[name]) == value, f"{layout}: {name}")
        if "id" in v:
            report(sc.id_of(data).hex() == v["id"], f"{layout}: id")
        if "sid" in v:
            sid = sc.sid_of(read["cid"], read["suite"], read["sign_pk"],
                            read["kem_pk"])
            report(sid.hex() == v["sid"], f"{layout}: sid")
    return None


def verdict_on_set(v):
    try:
        sc.check_set(*unhex(v, "account", "roster"),
                     [bytes.fromhex(x) for x in v["wraps"]])
    except sc.Refused as why:
        return str(why)
    return None


def verdict(fails, work):
    try:
        work()
    except sc.Refused:
        return fails
    return None


def verdict_on_auth(v):
    message = sc.claim(v["role"], v["origin"], *unhex(v, "challenge", "subject"),
                       bytes.fromhex(v.get("invitation", "")))
    if v["valid"]:
        report(message.hex() == v["message"], "auth: the message")
    pk, sig = unhex(v, "pk", "sig")
    return verdict("verify", lambda: sc.signed_by(pk, message, sig))


# --- ids ---------------------------------------------------------------------

def cid_of_text(text):
    try:
        data = base64.b64decode(text + "=", b"-_", validate=True)
    except ValueError:
        raise sc.Refused("no base64url") from None
    canonical = base64.urlsafe_b64encode(data).decode().rstrip("=")
    sc.need(len(data) == 32 and canonical == text, "not canonical")
    return data


IDS = {
    "cid": lambda v: sc.cid_of(*unhex(v, "ik_pk")).hex(),
    "signkey_id": lambda v: sc.signkey_id(*unhex(v, "pk")).hex(),
    "kem_id": lambda v: sc.kem_id(v["suite"], *unhex(v, "kem_pk")).hex(),
    "sid": lambda v: sc.sid_of(*unhex(v, "cid"), v["suite"],
                               *unhex(v, "sign_pk", "kem_pk")).hex(),
    "account_id": lambda v: sc.account_id(v["account"]).hex(),
    "server_salt": lambda v: sc.hmac.digest(
        *unhex(v, "secret", "account_id"), "sha256")[:16].hex(),
    "safety": lambda v: sc.safety_number(
        *unhex(v, *(x for x in ("cid", "sid") if x in v))),
    "padme": lambda v: sc.padme(v["n"]),
}


def verdict_on_id(v):
    name = v["name"]
    if "text" in v:
        try:
            data = cid_of_text(v["text"])
        except sc.Refused:
            return "text"
        report(data.hex() == v["cid"], "ids: text of a cid")
    expected = v[{"safety": "number", "padme": "padded"}.get(name, name)]
    report(IDS[name](v) == expected, f"ids: {name}")
    return None


# --- what is sealed ----------------------------------------------------------

def open_envelopes(envelopes):
    for v in envelopes:
        data, pk, expected = unhex(v, "envelope", "signPk", "id")
        sc.verify("envelope", data, pk)
        report(sc.id_of(data) == expected, f"{v['name']}: id")
        for to, whose in (("customer", "rosterKey"), ("session", "sessionKey")):
            key = sc.private_key(bytes.fromhex(v[whose]["pkcs8"]))
            body = sc.open_envelope(data, to, key)
            report(body["content"].decode() == v["text"]
                   and body["kind"] == v["kind"]
                   and plain(body["heads"]) == v["heads"],
                   f"{v['name']}, {to}: the text")
            spoiled = bytearray(data)
            spoiled[120] ^= 1
            report(verdict("open", lambda: sc.open_envelope(
                bytes(spoiled), to, key)) == "open",
                f"{v['name']}, {to}: another prev opens nothing")


def open_password(v):
    account, salt = unhex(v, "accountId", "serverSalt")
    secret_key = sc.read_secret(v["secretKey"], 16)
    seed, wrap_key = sc.by_password(v["password"], secret_key, account, salt)
    report(sc.login_pk(seed).hex() == v["loginPk"], "password: login key")
    wrap = sc.parse_wrap(bytes.fromhex(v["wrap"]))
    ik = sc.private_key(sc.unwrap(wrap, wrap_key))
    report(sc.public_of(ik).hex() == v["identityPk"], "password: IK")


def open_recovery(v):
    account, = unhex(v, "accountId")
    seed, key = sc.by_code(sc.read_secret(v["recoveryCode"], 32), account)
    report(sc.login_pk(seed).hex() == v["loginPk"], "recovery: login key")
    report(sc.public_of(key).hex() == v["kemPk"], "recovery: key")
    wrap = sc.parse_wrap(bytes.fromhex(v["wrap"]))
    opened = sc.hpke_open(key, sc.D("recovery") + wrap["aad"], wrap["ct"])
    report(opened.hex() == v["accountKey"], "recovery: AK")


def open_generations(v):
    """An account through its generations, by password and by code."""
    sets = [sc.check_set(*unhex(g, "account", "roster"),
                         [bytes.fromhex(x) for x in g["wraps"]])
            for g in v["generations"]]
    account, roster, wraps = sets[-1]
    secret_key = sc.read_secret(v["secretKey"], 16)
    seed, wrap_key = sc.by_password(v["password"], secret_key,
                                    account["account_id"],
                                    account["server_salt"])
    report(sc.login_pk(seed) == account["login_pk"], "generations: login")
    code_seed, code_key = sc.by_code(
        sc.read_secret(v["recoveryCode"], 32), account["account_id"])
    report(sc.login_pk(code_seed) == account["recovery_pk"]
           and sc.public_of(code_key) == account["recovery_kem"],
           "generations: recovery login")

    def unseal(wrap):
        return sc.hpke_open(code_key, sc.D("recovery") + wrap["aad"], wrap["ct"])

    key = sc.unwrap(wraps[0], wrap_key)
    report(unseal(wraps[1]) == key, "generations: one AK for both")
    ik = sc.unwrap(wraps[2], wrap_key)
    report(unseal(wraps[3]) == ik, "generations: one IK for both")
    report(sc.public_of(sc.private_key(ik)) == account["ik_pk"],
           "generations: IK")
    for i in reversed(range(len(sets))):
        _, roster, wraps = sets[i]
        message_key = sc.private_key(sc.unwrap(wraps[4], key))
        report(sc.public_of(message_key) == roster["kem_pk"],
               f"generations: message key {i + 1}")
        if i:
            report(wraps[5]["key_id"] == sets[i - 1][2][0]["key_id"],
                   f"generations: name of AK {i}")
            key = sc.unwrap(wraps[5], key)
            sc.succeeds(*(bytes.fromhex(v["generations"][j]["roster"])
                          for j in (i - 1, i)))
    envelope = bytes.fromhex(v["envelope"])
    body = sc.open_envelope(envelope, "customer", message_key)
    report(body["content"].decode() == v["text"],
           "generations: a message to the first")


def open_spares(spares):
    for v in spares:
        code = sc.read_secret(v["written"], 16)
        cid, sealed = unhex(v, "cid", "sealed")
        s = sc.open_spare(code, cid, sealed)
        report(code.hex() == v["code"] and s["seq"] == v["seq"]
               and all(s[ours].hex() == v[theirs] for ours, theirs in (
                   ("token", "token"), ("name", "nameOfToken"),
                   ("sid", "sid"), ("hello", "hello"), ("roster", "roster"),
                   ("sign_key", "signKey"), ("kem_key", "kemKey"),
                   ("id", "id"))),
               f"spare keys, {v['name']}")
        for at in range(0, len(sealed), 97):
            bad = bytearray(sealed)
            bad[at] ^= 1
            try:
                sc.open_spare(code, cid, bytes(bad))
                report(False, f"spare keys, {v['name']}, byte {at}")
            except sc.Refused:
                report(True, "")


def check_rfc(v):
    for case in v["ed25519"]["cases"]:
        pk, sig = unhex(case, "pk", "sig")
        message = bytes.fromhex(case["message"])
        report(verdict("", lambda: sc.signed_by(pk, message, sig)) is None,
               "RFC 8032")
    for case in v["hkdf"]["cases"]:
        ikm, salt, info = unhex(case, "ikm", "salt", "info")
        report(sc.hkdf(ikm, salt, info).hex() == case["okm"], "RFC 5869")


def main():
    verdicts = {name: lambda v, n=name: verdict_on_layout(n, v)
                for name in LAYOUTS}
    verdicts["account-set"] = verdict_on_set
    verdicts["auth"] = verdict_on_auth
    verdicts["puzzle"] = lambda v: verdict("verify", lambda: sc.solves(
        *unhex(v, "challenge", "subject"), v["n"], v["bits"]))
    verdicts["ids"] = verdict_on_id
    verdicts["successors"] = lambda v: verdict(
        "succeeds", lambda: sc.succeeds(*unhex(v, "last", "next")))
    verdicts["ed25519"] = lambda v: verdict(
        "verify", lambda: sc.signed_by(*unhex(v, "pk", "message", "sig")))

    for name, judge in verdicts.items():
        for v in load(name)["vectors"]:
            expected = None if v["valid"] else v["fails"]
            said = judge(v)
            report(said == expected,
                   f"{name}, {v['name']}: {said}, not {expected}")

    check_rfc(load("crypto-rfc"))
    sealed = load("crypto-sealed")
    open_envelopes(sealed["envelopes"])
    open_password(sealed["password"])
    open_recovery(sealed["recovery"])
    open_generations(load("generations"))
    open_spares(load("spare")["spares"])
    print(f"{counts[True]} passed, {counts[False]} failed")
    return 1 if counts[False] or not counts[True] else 0


if __name__ == "__main__":
    sys.exit(main())
