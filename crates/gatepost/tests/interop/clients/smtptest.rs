//! Cyrus SASL's own client. It takes any certificate, and OpenSSL's own settings say which TLS.

use std::process::Command;

use super::{Door, Login, Proof, Tls};

/// The certificate of the test's gatepost has this name too.
const HOSTNAME_IS_LOOPBACK: &str = "127.0.0.1";

pub(super) fn tell(command: &mut Command, login: &Login<'_>) -> String {
    let version = match login.tls {
        Tls::V12 => "TLSv1.2",
        Tls::V13 => "TLSv1.3",
    };
    let settings = login.scratch.join("openssl.cnf");
    let text = format!(
        "openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n\
         [c]\nMinProtocol = {version}\nMaxProtocol = {version}\n"
    );
    std::fs::write(&settings, text).expect("writing OpenSSL's settings");
    command.env("OPENSSL_CONF", settings).args(["/usr/lib/cyrus/bin/smtptest"]);
    if login.door == Door::Implicit {
        command.arg("-s");
    }
    match (login.proof, login.door) {
        (Proof::Certificate(file), _) => {
            command.arg("-t").arg(file);
        }
        (_, Door::StartTls) => {
            command.args(["-t", ""]);
        }
        (_, Door::Implicit) => (),
    }
    command.args(["-p", &login.server.port().to_string(), "-m", login.mechanism]);
    command.args(["-u", login.user, "-a", login.user]);
    if let Proof::Password(password) = login.proof {
        command.args(["-w", password]);
    }
    command.arg(HOSTNAME_IS_LOOPBACK);
    "QUIT\r\n".to_owned()
}
