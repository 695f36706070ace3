"""A reader of SealChat's layouts, written from docs/protocol.md alone.

It shares no line with the C and the TypeScript of this project, so that what
the document leaves out shows.  Primitives are those of Debian's
python3-cryptography; HPKE is put together from them as RFC 9180 says.
Functions raise Refused for whatever the document refuses.
"""

import hashlib
import hmac

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric import x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

RAW = serialization.Encoding.Raw, serialization.PublicFormat.Raw
DAY = 86_400_000
ZEROS = bytes(32)


class Refused(Exception):
    pass


def need(holds, why):
    if not holds:
        raise Refused(why)


# --- 1. notation -------------------------------------------------------------

def H(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def D(word):
    return b"SealChat/1 " + word.encode() + b"\0"


def num(n, size):
    return n.to_bytes(size, "big")


def hkdf(ikm, salt, info):
    prk = hmac.digest(salt or bytes(32), ikm, "sha256")
    return hmac.digest(prk, info + b"\1", "sha256")


def id_of(thing):
    return H(D("id"), thing[:-64])


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        need(len(self.data) - self.at >= n, "too short")
        self.at += n
        return self.data[self.at - n:self.at]

    def num(self, size):
        n = int.from_bytes(self.take(size), "big")
        need(n < 1 << 53, "a number above 2^53 - 1")
        return n

    def magic(self, text):
        need(self.take(4) == text, "another layout")

    def end(self):
        need(self.at == len(self.data), "too long")


def ascending(items):
    return all(a < b for a, b in zip(items, items[1:]))


# --- signatures --------------------------------------------------------------

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
CURVE_D = -121665 * pow(121666, P - 2, P) % P


def add(a, b):
    (x1, y1), (x2, y2) = a, b
    t = CURVE_D * x1 * x2 * y1 * y2 % P
    return ((x1 * y2 + x2 * y1) * pow(1 + t, P - 2, P) % P,
            (y1 * y2 + x1 * x2) * pow(1 - t, P - 2, P) % P)


def small_order(y):
    """Of a point with that y, if there is one; the sign of x does not count."""
    square = (y * y - 1) * pow(CURVE_D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    if x * x % P != square:
        return False
    point = (x, y)
    for _ in range(3):
        point = add(point, point)
    return point == (0, 1)


def signed_by(pk, message, sig):
    for point in (pk, sig[:32]):
        y = int.from_bytes(point, "little") & (1 << 255) - 1
        need(y < P, "a y that is not reduced")
        need(not small_order(y), "a point of small order")
    need(int.from_bytes(sig[32:], "little") < L, "S is not reduced")
    try:
        key = ed25519.Ed25519PublicKey.from_public_bytes(pk)
        key.verify(sig, message)
    except (InvalidSignature, ValueError):
        raise Refused("the signature does not hold") from None


def verify(word, thing, pk):
    signed_by(pk, D(word) + thing[:-64], thing[-64:])


# --- 2. keys and identifiers -------------------------------------------------

SPKI = bytes.fromhex(
    "308201a2300d06092a864886f70d01010105000382018f003082018a0282018100")
SPKI_END = bytes.fromhex("0203010001")
SEALED = {1: 384, 2: 80}


def read_suite(r):
    suite = r.num(1)
    need(suite in SEALED, "no such suite")
    return suite


def read_pk(r, suite):
    pk = r.take(r.num(2))
    if suite == 2:
        need(len(pk) == 32, "not X25519")
        return pk
    modulus = pk[len(SPKI):-len(SPKI_END)]
    need(len(pk) == 422 and pk.startswith(SPKI) and pk.endswith(SPKI_END)
         and modulus[0] >= 128 and modulus[-1] % 2, "not RSA as it must be")
    return pk


def account_id(name):
    return H(D("account"), name.encode())


def cid_of(ik):
    return H(D("identity"), ik)


def kem_part(suite, pk):
    return num(len(pk), 2) + pk


def sid_of(cid, suite, sign_pk, kem_pk):
    return H(D("session"), cid, num(suite, 1), sign_pk, kem_part(suite, kem_pk))


def signkey_id(pk):
    return H(D("signkey"), pk)


def kem_id(suite, pk):
    return H(D("kemkey"), num(suite, 1), kem_part(suite, pk))


def safety_number(cid, sid=ZEROS):
    w = H(D("safety"), cid, sid)
    groups = (int.from_bytes(w[5 * i:5 * i + 5], "big") for i in range(6))
    return " ".join(f"{group % 100_000:05}" for group in groups)


# --- HPKE, RFC 9180, base mode -----------------------------------------------

KEM = b"KEM" + num(0x20, 2)
HPKE = b"HPKE" + num(0x20, 2) + num(1, 2) + num(2, 2)


def extract(suite, salt, label, ikm):
    return hmac.digest(salt or bytes(32),
                       b"HPKE-v1" + suite + label + ikm, "sha256")


def expand(suite, prk, label, info, n):
    labeled = num(n, 2) + b"HPKE-v1" + suite + label + info
    return hmac.digest(prk, labeled + b"\1", "sha256")[:n]


def hpke_open(key, info, sealed):
    enc, ct = sealed[:32], sealed[32:]
    try:
        dh = key.exchange(x25519.X25519PublicKey.from_public_bytes(enc))
    except ValueError:
        raise Refused("no shared secret") from None
    pk = key.public_key().public_bytes(*RAW)
    prk = extract(KEM, b"", b"eae_prk", dh)
    shared = expand(KEM, prk, b"shared_secret", enc + pk, 32)
    context = (b"\0" + extract(HPKE, b"", b"psk_id_hash", b"")
               + extract(HPKE, b"", b"info_hash", info))
    secret = extract(HPKE, shared, b"secret", b"")
    nonce = expand(HPKE, secret, b"base_nonce", context, 12)
    return gcm_open(expand(HPKE, secret, b"key", context, 32), nonce, ct, b"")


def gcm_open(key, iv, ct, aad):
    try:
        return AESGCM(key).decrypt(iv, ct, aad)
    except InvalidTag:
        raise Refused("it does not open") from None


def private_key(pkcs8):
    try:
        return serialization.load_der_private_key(pkcs8, None)
    except ValueError:
        raise Refused("no private key") from None


def unseal(key, info, sealed):
    if isinstance(key, rsa.RSAPrivateKey):
        sha = hashes.SHA256()
        try:
            return key.decrypt(
                sealed, padding.OAEP(padding.MGF1(sha), sha, info))
        except ValueError:
            raise Refused("it does not open") from None
    return hpke_open(key, info, sealed)


def public_of(key):
    if isinstance(key, rsa.RSAPrivateKey):
        return key.public_key().public_bytes(
            serialization.Encoding.DER,
            serialization.PublicFormat.SubjectPublicKeyInfo)
    return key.public_key().public_bytes(*RAW)


# --- 3. password, Secret Key, recovery code ----------------------------------

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def read_secret(text, n):
    text = text.upper().replace("-", "").replace(" ", "")
    text = text.replace("I", "1").replace("L", "1").replace("O", "0")
    bits = "".join(f"{ALPHABET.index(char):05b}" for char in text)
    whole = len(bits) // 8
    need("1" not in bits[8 * whole:] and len(bits) - 8 * whole < 5, "left over")
    data = int(bits[:8 * whole], 2).to_bytes(whole, "big")
    need(whole == n + 4 and data[n:] == H(D("kit"), data[:n])[:4], "mistyped")
    return data[:n]


def by_password(password, secret_key, account, salt):
    """login seed, wrapping key"""
    mk = hashlib.pbkdf2_hmac(
        "sha256", password.encode(), H(D("pw-salt"), account, salt), 1_000_000)
    return [hkdf(mk, secret_key, D(x) + account + b"\1")
            for x in ("login", "wrap")]


def by_code(code, account):
    """login key, recovery key"""
    login, kem = (hkdf(code, b"", D(y) + account)
                  for y in ("recovery-login", "recovery-kem"))
    return login, x25519.X25519PrivateKey.from_private_bytes(kem)


def login_pk(seed):
    key = ed25519.Ed25519PrivateKey.from_private_bytes(seed)
    return key.public_key().public_bytes(*RAW)


WRAP_CT = {1: (48,), 2: (80,), 3: (64,), 4: (96,),
           5: (64, *range(1616, 2065)), 6: (48,)}


def parse_wrap(data):
    r = Reader(data)
    r.magic(b"SCK1")
    w = dict(kind=r.num(1), cid=r.take(32), account_id=r.take(32),
             generation=r.num(8), key_id=r.take(32), iv=r.take(12))
    n = r.num(2)
    w["aad"] = data[:r.at]
    w["ct"] = r.take(n)
    r.end()
    kind = w["kind"]
    need(n in WRAP_CT.get(kind, ()), "no such kind, or of another length")
    need(w["generation"] >= (2 if kind == 6 else 1), "generation")
    need(kind not in (2, 4) or not any(w["iv"]), "an iv where none is used")
    need(kind not in (3, 4) or w["key_id"] == w["cid"], "key_id is not cid")
    return w


def unwrap(w, key):
    return gcm_open(key, w["iv"], w["ct"], w["aad"])


def parse_account(data):
    r = Reader(data)
    r.magic(b"SCA1")
    a = dict(cid=r.take(32), ik_pk=r.take(32), account_id=r.take(32),
             generation=r.num(8), kdf_id=r.num(1), server_salt=r.take(16),
             login_pk=r.take(32), recovery_pk=r.take(32),
             recovery_kem=r.take(32), roster_id=r.take(32), wraps=r.take(32))
    r.take(64)
    r.end()
    need(a["generation"] >= 1, "generation 0")
    need(a["kdf_id"] == 1, "another kdf_id")
    return a


def verify_ik(word, data, thing):
    need(thing["cid"] == cid_of(thing["ik_pk"]), "cid is not that of IK")
    verify(word, data, thing["ik_pk"])


def check_set(account, roster, wraps):
    """The parts, or Refused with the name of the one that does not hold."""
    part = "bad-account"
    try:
        a = parse_account(account)
        verify_ik("record", account, a)
        part = "bad-roster"
        o = parse_roster(roster)
        verify_ik("roster", roster, o)
        need(all(o[x] == a[x] for x in ("cid", "generation")), "disagree")
        part = "bad-account"
        need(a["roster_id"] == id_of(roster), "another roster")
        part = "bad-wraps"
        w = [parse_wrap(data) for data in wraps]
        kinds = list(range(1, 6 if a["generation"] == 1 else 7))
        need([x["kind"] for x in w] == kinds, "one of each kind")
        for x in w:
            need(all(x[y] == a[y] for y in ("cid", "account_id", "generation")),
                 "of another account")
        need(w[0]["key_id"] == w[1]["key_id"], "two account keys")
        need(w[4]["key_id"] == kem_id(o["suite"], o["kem_pk"]), "another key")
        need((len(w[4]["ct"]) == 64) == (o["suite"] == 2), "another suite")
        need(a["wraps"] == H(D("wraps"), *wraps), "other wraps")
    except Refused as why:
        raise Refused(part) from why
    return a, o, w


# --- 4. roster ---------------------------------------------------------------

def parse_roster(data):
    r = Reader(data)
    r.magic(b"SCR1")
    o = dict(cid=r.take(32), ik_pk=r.take(32), version=r.num(8),
             generation=r.num(8), prev=r.take(32), not_before=r.num(8),
             not_after=r.num(8), suite=read_suite(r))
    o["kem_pk"] = read_pk(r, o["suite"])
    n = r.num(1)
    need(1 <= n <= 64, "1 to 64 devices")
    o["devices"] = [r.take(32) for _ in range(n)]
    r.take(64)
    r.end()
    need(o["version"] >= 1 and o["generation"] >= 1, "they begin with 1")
    need((o["prev"] == ZEROS) == (o["version"] == 1), "prev")
    need(0 < o["not_after"] - o["not_before"] <= 190 * DAY, "validity")
    need(ascending(o["devices"]), "devices in disorder")
    return o


def succeeds(last, following):
    a, b = parse_roster(last), parse_roster(following)
    need(b["cid"] == a["cid"], "another customer")
    need(b["version"] == a["version"] + 1, "version")
    need(b["prev"] == id_of(last), "prev")
    if b["generation"] == a["generation"]:
        need(all(a[x] == b[x] for x in ("suite", "kem_pk")), "message key")
        need(set(a["devices"]) <= set(b["devices"]), "a device less")
    else:
        need(b["generation"] == a["generation"] + 1, "generation")


# --- 5. hello ----------------------------------------------------------------

def parse_hello(data):
    r = Reader(data)
    r.magic(b"SCS1")
    h = dict(cid=r.take(32), suite=read_suite(r), sign_pk=r.take(32))
    h.update(kem_pk=read_pk(r, h["suite"]), time=r.num(8), roster_id=r.take(32))
    r.take(64)
    r.end()
    return h


def open_spare(code, cid, sealed):
    """The spare keys of a visitor's code, and what finds them."""
    token, wrap = (hkdf(code, b"", D(word) + cid)
                   for word in ("spare-token", "spare-wrap"))
    r = Reader(gcm_open(wrap, bytes(12), sealed, D("spare") + cid))
    s = dict(hello=r.take(r.num(2)), sign_key=r.take(r.num(2)),
             kem_key=r.take(r.num(2)), seq=r.num(8), id=r.take(32))
    s["roster"] = r.data[r.at:]
    hello = parse_hello(s["hello"])
    need(hello["cid"] == cid, "another customer's")
    verify("hello", s["hello"], hello["sign_pk"])
    need(public_of(private_key(s["sign_key"])) == hello["sign_pk"]
         and public_of(private_key(s["kem_key"])) == hello["kem_pk"],
         "other keys")
    roster = parse_roster(s["roster"])
    need(roster["cid"] == cid, "another customer's roster")
    s.update(token=token, name=H(D("spare"), token),
             sid=sid_of(cid, hello["suite"], hello["sign_pk"],
                        hello["kem_pk"]))
    return s


# --- 6. envelope -------------------------------------------------------------

def padme(n):
    e = n.bit_length() - 1
    s = e.bit_length()
    step = 1 << e - s
    return -(-n // step) * step


def parse_envelope(data):
    need(len(data) <= 20_480, "too long")
    r = Reader(data)
    r.magic(b"SCW1")
    e = dict(type=r.num(1), direction=r.num(1))
    need(r.num(2) == 0, "not zero")
    e.update(cid=r.take(32), sid=r.take(32), signkey_id=r.take(32),
             seq=r.num(8), time=r.num(8), prev=r.take(32),
             roster_id=r.take(32), commitment=r.take(32))
    n = r.num(4)
    for to in ("customer", "session"):
        suite = e[f"{to}_suite"] = read_suite(r)
        e[f"{to}_kem_id"] = r.take(32)
        e[f"{to}_sealed"] = r.take(SEALED[suite])
    e["ct"] = r.take(n)
    r.take(64)
    r.end()
    need(e["type"] in (1, 2) and e["direction"] in (1, 2), "type, direction")
    need((e["seq"] == 0) == (e["type"] == 2), "a number in a signal")
    need((e["prev"] == ZEROS) == (e["seq"] <= 1), "prev")
    size = n - 16
    need(256 <= size <= 17_408 and padme(size) == size, "no body's length")
    return e


def parse_body(data):
    r = Reader(data)
    n = r.num(4)
    b = dict(kind=r.num(1))
    heads = r.num(1)
    need(heads <= 8, "more than 8 heads")
    b["heads"] = [r.take(32) for _ in range(heads)]
    need(ascending(b["heads"]), "heads in disorder")
    need(0 <= n - 2 - 32 * heads <= 16_384, "content")
    b["content"] = r.take(n - 2 - 32 * heads)
    need(len(data) == padme(max(256, 4 + n)), "padded to another length")
    need(not any(data[r.at:]), "padded with something")
    return b


def open_envelope(data, to, key):
    """to: customer or session; key: that one's private half."""
    e = parse_envelope(data)
    names = [num(e[f"{x}_suite"], 1) + e[f"{x}_kem_id"]
             for x in ("customer", "session")]
    ctx = H(D("ctx"), data[:184], *names)
    name = names[to == "session"]
    ck = unseal(key, D("seal") + ctx + name, e[f"{to}_sealed"])
    need(len(ck) == 32, "no content key")
    need(hkdf(ck, ctx, D("commit")) == e["commitment"], "another commitment")
    body_key = hkdf(ck, ctx, D("body"))
    return parse_body(
        gcm_open(body_key, bytes(12), e["ct"], ctx + e["commitment"]))


# --- 7. proving who one is ---------------------------------------------------

def solves(challenge, subject, n, bits):
    digest = H(D("puzzle"), challenge, subject, num(n, 8))
    need(int.from_bytes(digest, "big") >> (256 - bits) == 0, "not solved")


def claim(role, origin, challenge, subject, invitation=b""):
    return (D("auth") + num(role, 1) + H(origin.encode()) + challenge + subject
            + invitation)
