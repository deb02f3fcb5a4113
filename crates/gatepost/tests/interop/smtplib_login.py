"""Logs in with Python's smtplib and sends one message. Mechanisms which smtplib lacks are written out here."""

import base64
import hashlib
import hmac
import secrets
import smtplib
import ssl
import sys
import time
import urllib.parse

# The secret is a password, a token, the path of a certificate with its key, or four words of OAuth 1.
port, name, ca, door, tls, mechanism, user, password, to, subject = sys.argv[1:]


class Scram:
    """RFC 5802, and tls-server-end-point of RFC 5929 where the mechanism ends with -PLUS."""

    def __init__(self, server):
        self.hash = getattr(hashlib, "sha" + mechanism.split("-")[2])
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


def told_why(first):
    """What begins with all that it has to say, and if it is told why it failed, says that it has read it."""
    return lambda challenge=None: first if challenge is None else "\x01"


def bearer():
    """RFC 7628."""
    return "n,a=%s,\x01host=%s\x01port=%s\x01auth=Bearer %s\x01\x01" % (user, name, port, password)


def xoauth2():
    """Google's."""
    return "user=%s\x01auth=Bearer %s\x01\x01" % (user, password)


def oauth_one():
    """RFC 7628 with a signature of RFC 5849 section 3.4, made from its text alone."""
    consumer, consumer_secret, token, token_secret = password.split(" ")
    fields = {
        "oauth_consumer_key": consumer,
        "oauth_token": token,
        "oauth_signature_method": "HMAC-SHA1",
        "oauth_timestamp": str(int(time.time())),
        "oauth_nonce": secrets.token_urlsafe(12),
    }
    pairs = sorted("%s=%s" % (percent(key), percent(value)) for key, value in fields.items())
    signed = "&".join(map(percent, ["POST", "http://%s:%s/" % (name, port), "&".join(pairs)]))
    key = percent(consumer_secret) + "&" + percent(token_secret)
    signature = hmac.new(key.encode(), signed.encode(), hashlib.sha1).digest()
    fields["oauth_signature"] = base64.b64encode(signature).decode()
    header = ",".join('%s="%s"' % (key, percent(value)) for key, value in fields.items())
    return "n,a=%s,\x01host=%s\x01port=%s\x01auth=OAuth %s\x01\x01" % (user, name, port, header)


def percent(text):
    return urllib.parse.quote(text, safe="-._~")


context = ssl.create_default_context(cafile=ca)
version = ssl.TLSVersion.TLSv1_2 if tls == "TLSv1.2" else ssl.TLSVersion.TLSv1_3
if mechanism == "EXTERNAL":
    context.load_cert_chain(password)
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
elif mechanism in ("OAUTHBEARER", "XOAUTH2", "OAUTH10A"):
    first = {"OAUTHBEARER": bearer, "XOAUTH2": xoauth2, "OAUTH10A": oauth_one}[mechanism]
    server.auth(mechanism, told_why(first()))
elif mechanism == "EXTERNAL":
    server.auth(mechanism, lambda challenge=None: user)
else:
    server.user, server.password = user, password
    # PLAIN and CRAM-MD5 are methods of the library; it sends no initial response where the method has none.
    # MD5 is a name of gatepost's own for CRAM-MD5.
    real = "CRAM-MD5" if mechanism == "MD5" else mechanism
    method = getattr(server, "auth_" + real.lower().replace("-", "_"))
    server.auth(mechanism, method)
server.sendmail(user, [to], "From: %s\nTo: %s\nSubject: %s\n\nHello.\n" % (user, to, subject))
server.quit()
