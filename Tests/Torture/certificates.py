"""Certificates that no client may trust: of nobody it knows, of another host, of yesterday."""

import subprocess

AUTHORITY = """[ca]
default_ca=x
[x]
database={folder}/ca.index
new_certs_dir={folder}
serial={folder}/ca.serial
default_md=sha256
policy=p
x509_extensions=e
[p]
commonName=supplied
[e]
subjectAltName=IP:127.0.0.1
"""


def make(folder):
    """Each as NAME.pem and NAME.key in the folder: self, other, expired."""
    make_signed_by_itself(folder, "self", "127.0.0.1", "IP:127.0.0.1")
    make_signed_by_itself(folder, "other", "elsewhere.example", "DNS:elsewhere.example")
    for name, text in (("ca.conf", AUTHORITY.format(folder=folder)), ("ca.index", ""), ("ca.serial", "01\n")):
        with open(f"{folder}/{name}", "w", encoding="utf-8") as file:
            file.write(text)
    openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{folder}/expired.key",
            "-out", f"{folder}/expired.csr", "-subj", "/CN=127.0.0.1")
    openssl("ca", "-batch", "-selfsign", "-config", f"{folder}/ca.conf", "-keyfile", f"{folder}/expired.key",
            "-in", f"{folder}/expired.csr", "-out", f"{folder}/expired.pem", "-startdate", "20200101000000Z",
            "-enddate", "20200201000000Z", "-notext")


def make_signed_by_itself(folder, name, subject, other_name):
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{folder}/{name}.key",
            "-out", f"{folder}/{name}.pem", "-subj", f"/CN={subject}", "-addext", f"subjectAltName={other_name}",
            "-days", "30")


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
