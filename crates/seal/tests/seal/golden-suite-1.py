#!/usr/bin/env python3
"""An independent second implementation of a whole connection in suite 1: prints golden-suite-1.txt.

    python3 golden-suite-1.py | diff - golden-suite-1.txt

Written from docs/cryptography.md, docs/protocol.md and the RFCs named below, with nothing but the standard library's
SHA-2 and HMAC. Slow, not constant-time, for this comparison only.
"""

import hashlib
import hmac
from struct import pack, unpack


def sha256(data):
    return hashlib.sha256(data).digest()


# RFC 5869


def extract(salt, ikm):
    return hmac.new(salt or bytes(32), ikm, hashlib.sha256).digest()


def expand(prk, info, length):
    output, block, count = b"", b"", 1
    while len(output) < length:
        block = hmac.new(prk, block + info + bytes([count]), hashlib.sha256).digest()
        output, count = output + block, count + 1
    return output[:length]


# RFC 7748

P = 2**255 - 19
BASE = (9).to_bytes(32, "little")


def x25519(scalar, point):
    scalar = bytearray(scalar)
    scalar[0] &= 248
    scalar[31] = scalar[31] & 127 | 64
    k, u = int.from_bytes(scalar, "little"), int.from_bytes(point, "little") & (2**255 - 1)
    x2, z2, x3, z3, swap = 1, 0, u, 1, 0
    for t in reversed(range(255)):
        bit = k >> t & 1
        if swap ^ bit:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swap = bit
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        aa, bb, da, cb = a * a % P, b * b % P, d * a % P, c * b % P
        e = aa - bb
        x3, z3 = (da + cb) ** 2 % P, u * (da - cb) ** 2 % P
        x2, z2 = aa * bb % P, e * (aa + 121665 * e) % P
    if swap:
        x2, z2 = x3, z3
    return (x2 * pow(z2, P - 2, P) % P).to_bytes(32, "little")


# RFC 8439


def chacha20_block(key, counter, nonce):
    start = [*unpack("<4I", b"expand 32-byte k"), *unpack("<8I", key), counter, *unpack("<3I", nonce)]
    s = start[:]

    def quarter(a, b, c, d):
        for x, y, z, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            s[x] = (s[x] + s[y]) & 0xFFFFFFFF
            v = s[z] ^ s[x]
            s[z] = (v << turn | v >> (32 - turn)) & 0xFFFFFFFF

    for _ in range(10):
        for i in range(4):
            quarter(i, i + 4, i + 8, i + 12)
        for i in range(4):
            quarter(i, (i + 1) % 4 + 4, (i + 2) % 4 + 8, (i + 3) % 4 + 12)
    return pack("<16I", *((x + y) & 0xFFFFFFFF for x, y in zip(s, start)))


def poly1305(key, message):
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    tag = 0
    for i in range(0, len(message), 16):
        tag = (tag + int.from_bytes(message[i : i + 16] + b"\1", "little")) * r % (2**130 - 5)
    return ((tag + int.from_bytes(key[16:], "little")) % 2**128).to_bytes(16, "little")


def aead(key, nonce, aad, plaintext):
    stream = b"".join(chacha20_block(key, 1 + i, nonce) for i in range(len(plaintext) // 64 + 1))
    sealed = bytes(x ^ y for x, y in zip(plaintext, stream))

    def fill(data):
        return data + bytes(-len(data) % 16)

    lengths = pack("<QQ", len(aad), len(sealed))
    return sealed + poly1305(chacha20_block(key, 0, nonce)[:32], fill(aad) + fill(sealed) + lengths)


# RFC 8032 section 5.1, in affine coordinates

L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def edwards_add(one, two):
    (x1, y1), (x2, y2) = one, two
    k = D * x1 * x2 * y1 * y2 % P
    x = (x1 * y2 + x2 * y1) * pow(1 + k, P - 2, P) % P
    return x, (y1 * y2 + x1 * x2) * pow(1 - k, P - 2, P) % P


def edwards_base(scalar):
    y = 4 * pow(5, P - 2, P) % P
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    point, result = (x if x % 2 == 0 else P - x, y), (0, 1)
    while scalar:
        if scalar & 1:
            result = edwards_add(result, point)
        point, scalar = edwards_add(point, point), scalar >> 1
    return (result[1] | (result[0] & 1) << 255).to_bytes(32, "little")


def ed25519_sign(seed, message):
    digest = hashlib.sha512(seed).digest()
    a = int.from_bytes(digest[:32], "little") & (2**254 - 8) | 2**254
    public = edwards_base(a)
    r = int.from_bytes(hashlib.sha512(digest[32:] + message).digest(), "little") % L
    big_r = edwards_base(r)
    k = int.from_bytes(hashlib.sha512(big_r + public + message).digest(), "little") % L
    return big_r + ((r + k * a) % L).to_bytes(32, "little")


# RFC 9180

KEM, SUITE = b"KEM\x00\x20", b"HPKE\x00\x20\x00\x01\x00\x03"


def labeled_extract(suite, salt, label, ikm):
    return extract(salt, b"HPKE-v1" + suite + label + ikm)


def labeled_expand(suite, prk, label, info, length):
    return expand(prk, pack(">H", length) + b"HPKE-v1" + suite + label + info, length)


def setup_psk_sender(public, info, psk, psk_id, ikm_e):
    ephemeral = labeled_expand(KEM, labeled_extract(KEM, b"", b"dkp_prk", ikm_e), b"sk", b"", 32)
    enc = x25519(ephemeral, BASE)
    prk = labeled_extract(KEM, b"", b"eae_prk", x25519(ephemeral, public))
    shared = labeled_expand(KEM, prk, b"shared_secret", enc + public, 32)
    context = b"\1" + labeled_extract(SUITE, b"", b"psk_id_hash", psk_id)
    context += labeled_extract(SUITE, b"", b"info_hash", info)
    secret = labeled_extract(SUITE, shared, b"secret", psk)
    key = labeled_expand(SUITE, secret, b"key", context, 32)
    nonce = labeled_expand(SUITE, secret, b"base_nonce", context, 12)
    exporter = labeled_expand(SUITE, secret, b"exp", context, 32)
    return enc, key, nonce, lambda what: labeled_expand(SUITE, exporter, b"sec", what, 32)


# Schleuse


def bind(label, *parts):
    label = b"schleuse/1 " + label
    return bytes([len(label)]) + label + b"".join(pack("<I", len(part)) + part for part in parts)


def name(text, length=16):
    return text.encode().ljust(length, b"\0")


def fixed(encoding, length):
    return (pack("<H", len(encoding)) + encoding).ljust(length, b"\0")


def stream_nonce(position, last=0):
    return bytes(7) + pack(">IB", position, last)


def frame(kind, body):
    return pack("<BI", kind, len(body)) + body


def show(what, data):
    print(f"{what:<12}{len(data):>6}  {sha256(data).hex()}")


OFFICE_SEED, VENDOR_SEED = b"\x0f" * 32, b"\x7e" * 32
ONE_TIME, IKM_E, SALT = b"\x11" * 32, b"\x22" * 32, b"\x33" * 32
TICKET_ID, TICKET_SECRET = bytes([42]) * 16, bytes([42 ^ 0x55]) * 32

route = name("inner-1") + pack("<I", 690) + bytes([42]) * 16 + b"\2" * 48 + b"\3" * 16
body = b"\1" + name("ga-koeln") + TICKET_ID + pack("<I", 0) + x25519(ONE_TIME, BASE) + TICKET_SECRET
body += pack("<QQQ", 1_790_000_000, 1_790_086_400, 1) + route + b"\0"
ticket = body + ed25519_sign(OFFICE_SEED, bind(b"ticket", body))
show("ticket", ticket)

info = bind(b"hpke info", b"\1", sha256(ticket))
enc, key, nonce, export = setup_psk_sender(x25519(ONE_TIME, BASE), info, TICKET_SECRET, TICKET_ID, IKM_E)
commitment = export(bind(b"commitment"))
intro = pack("<Q", 42) + name("guest-list", 32) + b"\1" + name("vendor-a") + b"\0" + pack("<I", 0)
intro = aead(key, nonce, bind(b"intro", b"\x10", b"\1", enc, commitment), fixed(intro, 128))
show("hello", frame(0x10, pack("<I", 0) + enc + commitment + intro))

content = bytes(i * 31 % 251 for i in range(65_532 + 1000))
padding = 67_584 - len(content)  # Padmé of 66,532: five significant bits after the first, rounded up
segment_key = export(bind(b"segment key"))
for position, (data, zeros) in enumerate(((content[:65_532], 0), (content[65_532:], padding))):
    sealed = aead(segment_key, stream_nonce(position), b"", pack("<I", len(data)) + data + bytes(zeros))
    show(f"segment {position}", frame(0x11, pack("<I", position) + sealed))
vouched = (name("vendor-a"), name("ga-koeln"), TICKET_ID, sha256(ticket), sha256(enc), name("guest-list", 32))
signed = bind(b"identity", *vouched, sha256(content))
trailer = pack("<Q", len(content)) + sha256(content) + b"\1" + name("vendor-a") + ed25519_sign(VENDOR_SEED, signed)
final = aead(segment_key, stream_nonce(2, 1), b"", fixed(trailer, 256))
show("final 2", frame(0x12, pack("<I", 2) + final))

show("reply start", frame(0x20, SALT))
reply_key = expand(extract(SALT, export(bind(b"reply secret"))), bind(b"reply key"), 32)
receipt = b"\1" + name("ga-koeln") + TICKET_ID + name("guest-list", 32) + b"\1" + name("vendor-a")
receipt += pack("<Q", len(content)) + sha256(content) + pack("<Q", 1_790_000_100)
receipt += ed25519_sign(OFFICE_SEED, bind(b"receipt", receipt))
for number, reply in enumerate((pack("<II", 0, 0), pack("<IQ", 2, len(receipt)) + receipt)):
    sealed = aead(reply_key, stream_nonce(number), b"", fixed(reply, 512))
    show(f"reply {number}", frame(0x21, sealed))
