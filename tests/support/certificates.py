"""Certificates for tests, made by openssl, and addresses that are reached by TLS."""

import os
import ssl
import subprocess


def openssl(*words, input=None):
    done = subprocess.run(["openssl", *words], input=input, capture_output=True, timeout=30)
    if done.returncode != 0:
        raise AssertionError(f"openssl {' '.join(words)}: {done.stderr.decode(errors='replace')}")
    return done.stdout


class Certificate:
    """`cert` and `key` are names of PEM files."""

    def __init__(self, folder, name):
        self.name = name
        self.cert = os.path.join(folder, name + ".crt")
        self.key = os.path.join(folder, name + ".key")

    def serial(self):
        text = openssl("x509", "-in", self.cert, "-noout", "-serial").decode("ascii").strip()
        return int(text.partition("=")[2], 16)


class Authority(Certificate):
    """Signs what it is asked to; files go to `folder`."""

    def __init__(self, folder, name="authority"):
        super().__init__(str(folder), name)
        self.folder = str(folder)
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-subj", f"/CN={name}", "-days", "30", "-keyout", self.key, "-out", self.cert,
                "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def issue(self, name, days=20, algorithm="ec", use="serverAuth", is_authority=False):
        """Signed by this one, for localhost and 127.0.0.1."""
        made = Authority.__new__(Authority) if is_authority else Certificate(self.folder, name)
        if is_authority:
            Certificate.__init__(made, self.folder, name)
            made.folder = self.folder
        options = ["-pkeyopt", "ec_paramgen_curve:prime256v1"] if algorithm == "ec" else []
        request = openssl("req", "-newkey", algorithm, *options, "-nodes", "-subj", f"/CN={name}",
                          "-keyout", made.key)
        extensions = os.path.join(self.folder, name + ".ext")
        with open(extensions, "w", encoding="ascii") as file:
            file.write("basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n"
                       if is_authority else f"subjectAltName=DNS:localhost,IP:127.0.0.1\n"
                                            f"extendedKeyUsage={use}\n")
        openssl("x509", "-req", "-CA", self.cert, "-CAkey", self.key, "-CAcreateserial", "-days",
                str(days), "-extfile", extensions, "-out", made.cert, input=request)
        return made

    def context(self, client=None):
        """For clients that trust this authority; `client`: their own certificate."""
        context = ssl.create_default_context(cafile=self.cert)
        if client:
            context.load_cert_chain(client.cert, client.key)
        return context


class TlsAddress(tuple):
    """(host, port), and the context with which a Wire reaches it."""

    def __new__(cls, address, context):
        made = super().__new__(cls, address)
        made.tls = context
        return made
