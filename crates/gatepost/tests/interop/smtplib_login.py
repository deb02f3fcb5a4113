"""Logs in with Python's smtplib and sends one message. SCRAM, which smtplib lacks, is written out here."""

import base64
import hashlib
import hmac
import secrets
import smtplib
import ssl
import sys

port, name, ca, door, tls, mechanism, user, password, to, subject = sys.argv[1:]


class Scram:
    """RFC 5802, and tls-server-end-point of RFC 5929 where the mechanism ends with -PLUS."""

    def __init__(self, server):
        self.hash = hashlib.sha256 if "256" in mechanism else hashlib.sha1
        self.flag, self.binding = "n,,", b""
        if mechanism.endswith("-PLUS"):
            self.flag = "p=tls-server-end-point,,"
            certificate = server.sock.getpeercert(binary_form=True)
            # The certificate of the test is signed with ECDSA and SHA-256.
            self.binding = hashlib.sha256(certificate).digest()
        self.first = "n=%s,r=%s" % (user, secrets.token_urlsafe(18))
        self.signature = None

    def __call__(self, challenge=None):
        if challenge is None:
            return self.flag + self.first
        if self.signature is None:
            return self.prove(challenge.decode())
        if base64.b64decode(challenge[2:]) != self.signature:
            raise SystemExit("the server does not know the password")
        return ""

    def mac(self, key, text):
        return hmac.new(key, text, self.hash).digest()

    def prove(self, challenge):
        fields = dict(field.split("=", 1) for field in challenge.split(","))
        salt, count = base64.b64decode(fields["s"]), int(fields["i"])
        salted = hashlib.pbkdf2_hmac(self.hash().name, password.encode(), salt, count)
        client_key = self.mac(salted, b"Client Key")
        channel = base64.b64encode(self.flag.encode() + self.binding).decode()
        final = "c=%s,r=%s" % (channel, fields["r"])
        message = ",".join([self.first, challenge, final]).encode()
        mask = self.mac(self.hash(client_key).digest(), message)
        proof = bytes(one ^ other for one, other in zip(client_key, mask))
        self.signature = self.mac(self.mac(salted, b"Server Key"), message)
        return final + ",p=" + base64.b64encode(proof).decode()


context = ssl.create_default_context(cafile=ca)
version = ssl.TLSVersion.TLSv1_2 if tls == "TLSv1.2" else ssl.TLSVersion.TLSv1_3
context.minimum_version = context.maximum_version = version
if door == "implicit":
    server = smtplib.SMTP_SSL(local_hostname="client.example", context=context)
else:
    server = smtplib.SMTP(local_hostname="client.example")
server.set_debuglevel(1)
# The name that the certificate must have; the connection goes to loopback.
server._host = name
server.connect("127.0.0.1", int(port))
if door == "starttls":
    server.starttls(context=context)
server.ehlo()
if mechanism.startswith("SCRAM"):
    server.auth(mechanism, Scram(server))
else:
    server.user, server.password = user, password
    # PLAIN and CRAM-MD5 are methods of the library; it sends no initial response where the method has none.
    method = getattr(server, "auth_" + mechanism.lower().replace("-", "_"))
    server.auth(mechanism, method)
server.sendmail(user, [to], "From: %s\nTo: %s\nSubject: %s\n\nHello.\n" % (user, to, subject))
server.quit()
