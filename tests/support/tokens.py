"""Tokens for clients, made here: by hand where they must be wrong, else by python3-jwt."""

import base64
import hashlib
import hmac
import json
import time

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

SECRET = "a secret of this test and of no other one"
HASHES = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}


def encode(data):
    """base64url without padding."""
    data = json.dumps(data).encode("utf-8") if isinstance(data, dict) else data
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def by_hand(claims, key=SECRET, alg="HS256", header=None):
    """A token signed by a secret, whatever its header says; `claims` may be bytes."""
    key = key.encode("utf-8") if isinstance(key, str) else key
    head = encode({"alg": alg, "typ": "JWT"} if header is None else header)
    text = head + "." + encode(claims)
    digest = hmac.new(key, text.encode("ascii"), HASHES.get(alg, hashlib.sha256)).digest()
    return text + "." + encode(digest)


def claims_of(sub="alice", ttl=3600, **more):
    """Claims with an `exp`; `cw` as keywords: join=["chat.*"]. Others that begin with `_`."""
    claims = {"sub": sub, "exp": time.time() + ttl}
    claims.update({name[1:]: value for name, value in more.items() if name[0] == "_"})
    claims["cw"] = {name: value for name, value in more.items() if name[0] != "_"}
    return claims


def token(sub="alice", key=SECRET, alg="HS256", **more):
    """A good one, by the library of others."""
    return jwt.encode(claims_of(sub, **more), key, algorithm=alg)


class KeyPair:
    """A key, as PEM: `private` and `public`."""

    def __init__(self, kind="RSA", bits=2048):
        key = (rsa.generate_private_key(65537, bits) if kind == "RSA"
               else ec.generate_private_key({256: ec.SECP256R1, 384: ec.SECP384R1}[bits]()))
        self.private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption())
        self.public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
